package hid

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrDescriptor says that a report descriptor does not follow HID 1.11 section 6.2.2,
// or is larger than any device needs.
var ErrDescriptor = errors.New("HID report descriptor is broken")

// Limits of a report descriptor.
const (
	maxDescriptor = 8 << 10  // bytes; Linux takes 4096
	maxFields     = 256      // input fields
	maxUsages     = 256      // usages or ranges of one field
	maxReportBits = 64 << 10 // of one report
	maxDepth      = 16       // of pushed states, and of collections
)

// Usage is a usage on its page.
type Usage struct{ Page, ID uint16 }

// usageRange is a run of usages of one page, both ends included.
type usageRange struct{ page, first, last uint16 }

// Descriptor is what a report descriptor says of a device's input reports. The zero
// value describes none.
type Descriptor struct {
	applications []Usage // of the top-level collections
	fields       []field
	numbered     bool // each report begins with its id
}

// field is one Input item: count values of size bits, from bit offset on, counted
// behind the report id.
type field struct {
	report      byte
	offset      int
	size, count int
	variable    bool // one value per usage; else each value names a usage
	constant    bool
	logicalMin  int32
	usages      []usageRange
}

// IsScanner says whether the device is a bar code scanner in HID POS mode.
func (d Descriptor) IsScanner() bool {
	for _, u := range d.applications {
		if u.Page == PageScanner {
			return true
		}
	}
	return false
}

// IsKeyboard says whether the device is a keyboard.
func (d Descriptor) IsKeyboard() bool {
	for _, u := range d.applications {
		if u == (Usage{PageDesktop, usageKeyboardDevice}) {
			return true
		}
	}
	return false
}

// split takes the report id off an input report; ok is false for a report without one.
func (d Descriptor) split(report []byte) (id byte, data []byte, ok bool) {
	if !d.numbered {
		return 0, report, true
	}
	if len(report) == 0 {
		return 0, nil, false
	}
	return report[0], report[1:], true
}

// usage returns the usage of the i-th value of a variable field: usages are used up in
// order and the last one goes on (HID 1.11 section 6.2.2.8).
func (f field) usage(i int) Usage {
	u, ok := f.named(i)
	if !ok && len(f.usages) > 0 {
		last := f.usages[len(f.usages)-1]
		u = Usage{last.page, last.last}
	}
	return u
}

// named returns the i-th usage of the field.
func (f field) named(i int) (Usage, bool) {
	for _, r := range f.usages {
		size := int(r.last) - int(r.first) + 1
		if i < size {
			return Usage{r.page, r.first + uint16(i)}, true
		}
		i -= size
	}
	return Usage{}, false
}

// value returns the i-th value of the field, 0 for one behind the end of the report.
// Of a wider value only the low 32 bits count.
func (f field) value(data []byte, i int) uint32 {
	var v uint32
	first := f.offset + i*f.size
	for bit := range min(f.size, 32) {
		at := first + bit
		if at>>3 >= len(data) {
			break
		}
		v |= uint32(data[at>>3]>>(at&7)&1) << bit
	}
	return v
}

// The items of a report descriptor: tag and type (HID 1.11 section 6.2.2.2).
const (
	itemInput         = 0x80
	itemOutput        = 0x90
	itemFeature       = 0xB0
	itemCollection    = 0xA0
	itemEndCollection = 0xC0
	itemUsagePage     = 0x04
	itemLogicalMin    = 0x14
	itemReportSize    = 0x74
	itemReportID      = 0x84
	itemReportCount   = 0x94
	itemPush          = 0xA4
	itemPop           = 0xB4
	itemUsage         = 0x08
	itemUsageMin      = 0x18
	itemUsageMax      = 0x28
	longItem          = 0xFE
)

// Bits of an Input item and the kind of an application collection.
const (
	bitConstant = 1 << 0
	bitVariable = 1 << 1

	collectionApplication = 1
)

// globals are the global items that matter here.
type globals struct {
	page       uint16
	logicalMin int32
	size       int
	count      int
	report     byte
}

// parser goes through a descriptor. Local items are emptied by each main item.
type parser struct {
	d      Descriptor
	now    globals
	pushed []globals
	depth  int // of open collections
	used   map[byte]int
	usages []usageRange
	min    *usageRange // a usage minimum that waits for its maximum
}

// ParseDescriptor parses a report descriptor (HID 1.11 section 6.2.2). Errors wrap
// [ErrDescriptor] and name the position. Items that do not concern input reports are
// passed over.
func ParseDescriptor(b []byte) (Descriptor, error) {
	if len(b) > maxDescriptor {
		return Descriptor{}, fmt.Errorf("%w: %d bytes", ErrDescriptor, len(b))
	}
	p := parser{used: map[byte]int{}}
	for at := 0; at < len(b); {
		size, err := p.item(b[at:])
		if err != nil {
			return Descriptor{}, fmt.Errorf("%w: byte %d: %w", ErrDescriptor, at, err)
		}
		at += size
	}
	return p.d, nil
}

var (
	errShort = errors.New("item goes on behind the end")
	errMany  = errors.New("more than any device needs")
	errOrder = errors.New("item out of place")
)

// item takes one item and returns its size in bytes.
func (p *parser) item(b []byte) (int, error) {
	prefix := b[0]
	if prefix == longItem {
		if len(b) < 3 || len(b) < 3+int(b[1]) {
			return 0, errShort
		}
		return 3 + int(b[1]), nil
	}
	size := int(prefix & 3)
	if size == 3 {
		size = 4
	}
	if len(b) < 1+size {
		return 0, errShort
	}
	data := b[1 : 1+size]
	return 1 + size, p.short(prefix&^3, unsigned(data), signed(data), size)
}

func (p *parser) short(kind byte, v uint32, sv int32, size int) error {
	switch kind {
	case itemUsagePage:
		p.now.page = uint16(v)
	case itemLogicalMin:
		p.now.logicalMin = sv
	case itemReportSize:
		p.now.size = int(min(v, maxReportBits+1))
	case itemReportCount:
		p.now.count = int(min(v, maxReportBits+1))
	case itemReportID:
		if v == 0 || v > 255 {
			return errOrder
		}
		p.now.report, p.d.numbered = byte(v), true
	case itemPush:
		if len(p.pushed) == maxDepth {
			return errMany
		}
		p.pushed = append(p.pushed, p.now)
	case itemPop:
		if len(p.pushed) == 0 {
			return errOrder
		}
		p.now = p.pushed[len(p.pushed)-1]
		p.pushed = p.pushed[:len(p.pushed)-1]
	case itemUsage, itemUsageMin, itemUsageMax:
		return p.usage(kind, v, size)
	case itemCollection, itemEndCollection, itemInput, itemOutput, itemFeature:
		err := p.main(kind, v)
		p.usages, p.min = nil, nil
		return err
	}
	return nil
}

// usage takes a local usage item; one of 4 bytes names its own page.
func (p *parser) usage(kind byte, v uint32, size int) error {
	u := usageRange{p.now.page, uint16(v), uint16(v)}
	if size == 4 {
		u.page = uint16(v >> 16)
	}
	switch kind {
	case itemUsageMin:
		p.min = &u
		return nil
	case itemUsageMax:
		if p.min == nil || p.min.first > u.last {
			return errOrder
		}
		u.first, p.min = p.min.first, nil
	}
	if len(p.usages) == maxUsages {
		return errMany
	}
	p.usages = append(p.usages, u)
	return nil
}

func (p *parser) main(kind byte, v uint32) error {
	switch kind {
	case itemCollection:
		if p.depth == maxDepth {
			return errMany
		}
		if p.depth++; p.depth == 1 && v == collectionApplication && len(p.usages) > 0 {
			p.d.applications = append(p.d.applications, Usage{p.usages[0].page, p.usages[0].first})
		}
	case itemEndCollection:
		if p.depth == 0 {
			return errOrder
		}
		p.depth--
	case itemInput:
		return p.input(v)
	}
	return nil
}

func (p *parser) input(flags uint32) error {
	offset := p.used[p.now.report]
	if p.now.size > maxReportBits || p.now.count > maxReportBits || offset+p.now.size*p.now.count > maxReportBits || len(p.d.fields) == maxFields {
		return errMany
	}
	p.used[p.now.report] = offset + p.now.size*p.now.count
	p.d.fields = append(p.d.fields, field{
		report: p.now.report, offset: offset, size: p.now.size, count: p.now.count,
		variable: flags&bitVariable != 0, constant: flags&bitConstant != 0,
		logicalMin: p.now.logicalMin, usages: p.usages,
	})
	return nil
}

// unsigned and signed read the data of a short item, little-endian, 0 to 4 bytes.
func unsigned(b []byte) uint32 {
	var full [4]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint32(full[:])
}

func signed(b []byte) int32 {
	switch len(b) {
	case 1:
		return int32(int8(b[0]))
	case 2:
		return int32(int16(binary.LittleEndian.Uint16(b)))
	default:
		return int32(unsigned(b))
	}
}
