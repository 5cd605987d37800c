package hid

import (
	"errors"
	"fmt"
	"slices"
)

// Errors of the input reports of a scanner. The scan that they concern is lost, the
// next one is not.
var (
	ErrReport  = errors.New("input report does not fit the device's descriptor")
	ErrTooLong = errors.New("scan goes on for longer than any code")
)

// MaxScan is the longest scan in bytes that is put together. The largest QR code holds
// 2953 bytes.
const MaxScan = 8 << 10

// Scan is one code that a bar code scanner read.
type Scan struct {
	AIM  string // AIM symbology identifier (ISO/IEC 15424), "]Q1"; "" when it is not told
	Data []byte
}

// POS puts the input reports of a scanner in HID POS mode together (HID Point of Sale
// Usage Tables 1.02, section 4: scanned data report). It is not safe for concurrent
// use.
type POS struct {
	d     Descriptor
	forms map[byte]form // by report id
	scan  Scan
	begun bool
	runOn bool // throwing away up to the end of the scan
}

// form is where a scanned data report has what.
type form struct {
	data      field
	length    *field // nil: the data are padded with zeros
	symbology []value
	continued *value // nil: each report is a scan
}

// value is one value of a field.
type value struct {
	field
	index int
}

func (v value) of(data []byte) uint32 { return v.value(data, v.index) }

// usualForm is the report of scanners whose descriptor cannot be read: id 2; length;
// three bytes of AIM identifier; 56 bytes of data; one more byte of symbology; one
// reserved; continued in bit 0. Manuals of Access-IS LSR118 and ATR110.
var usualForm = Descriptor{
	applications: []Usage{{PageScanner, 2}}, numbered: true,
	fields: []field{
		{report: 2, offset: 0, size: 8, count: 1, variable: true, usages: []usageRange{{PageDesktop, usageByteCount, usageByteCount}}},
		{report: 2, offset: 8, size: 8, count: 3, variable: true, usages: []usageRange{{PageScanner, usageSymbology1, usageSymbology3}}},
		{report: 2, offset: 32, size: 8, count: 56, variable: true, usages: []usageRange{{PageScanner, usageDecodedData, usageDecodedData}}},
		{report: 2, offset: 496, size: 1, count: 1, variable: true, usages: []usageRange{{PageScanner, usageContinued, usageContinued}}},
	},
}

// NewPOS returns a decoder for the scanner with this descriptor; one that describes no
// scanned data report means the usual one.
func NewPOS(d Descriptor) *POS {
	p := &POS{d: d, forms: forms(d)}
	if len(p.forms) == 0 {
		p.d, p.forms = usualForm, forms(usualForm)
	}
	return p
}

// forms finds the scanned data reports: those with decoded data in whole bytes.
func forms(d Descriptor) map[byte]form {
	all := map[byte]form{}
	for _, f := range d.fields {
		if f.variable && f.size == 8 && f.usage(0) == (Usage{PageScanner, usageDecodedData}) {
			all[f.report] = form{data: f}
		}
	}
	for _, f := range d.fields {
		r, ok := all[f.report]
		if !ok || !f.variable {
			continue
		}
		for i := range min(f.count, 64) {
			switch u := f.usage(i); {
			case u == Usage{PageDesktop, usageByteCount} && i == 0:
				r.length = &f
			case u.Page == PageScanner && u.ID >= usageSymbology1 && u.ID <= usageSymbology3:
				r.symbology = append(r.symbology, value{f, i})
			case u == Usage{PageScanner, usageContinued}:
				r.continued = &value{f, i}
			}
		}
		all[f.report] = r
	}
	return all
}

// Add takes the next input report, with its id if the device numbers its reports. ok
// says that it completes scan, which the caller may keep. Reports of other kinds are
// passed over.
func (p *POS) Add(report []byte) (scan Scan, ok bool, err error) {
	id, data, ok := p.d.split(report)
	form, known := p.forms[id]
	if !ok || !known {
		return Scan{}, false, nil
	}
	if len(data)*8 < form.data.offset+8 {
		p.Reset()
		return Scan{}, false, fmt.Errorf("%w: %d bytes", ErrReport, len(report))
	}
	part := data[form.data.offset/8:]
	part = part[:min(len(part), form.data.count)]
	if form.length != nil {
		n := int(form.length.value(data, 0))
		if n > len(part) {
			p.Reset()
			return Scan{}, false, fmt.Errorf("%w: length %d of at most %d", ErrReport, n, len(part))
		}
		part = part[:n]
	} else {
		for len(part) > 0 && part[len(part)-1] == 0 {
			part = part[:len(part)-1]
		}
	}
	if !p.begun {
		p.begun, p.scan.AIM = true, form.aim(data)
	}
	if more := form.continued != nil && form.continued.of(data)&1 != 0; more || p.runOn {
		return p.more(part, more)
	}
	if len(p.scan.Data)+len(part) > MaxScan {
		p.Reset()
		return Scan{}, false, ErrTooLong
	}
	scan = Scan{AIM: p.scan.AIM, Data: slices.Concat(p.scan.Data, part)}
	p.Reset()
	return scan, true, nil
}

// more takes a report after which the scan goes on, or which ends a run-on.
func (p *POS) more(part []byte, more bool) (Scan, bool, error) {
	if !more {
		p.Reset()
		return Scan{}, false, nil
	}
	if p.runOn {
		return Scan{}, false, nil
	}
	if len(p.scan.Data)+len(part) > MaxScan {
		p.runOn, p.scan.Data = true, nil
		return Scan{}, false, ErrTooLong
	}
	p.scan.Data = append(p.scan.Data, part...)
	return Scan{}, false, nil
}

// Pending says whether a scan has begun that is not complete.
func (p *POS) Pending() bool { return p.begun }

// Reset forgets a scan that is not complete.
func (p *POS) Reset() { p.scan, p.begun, p.runOn = Scan{}, false, false }

// aim returns the AIM identifier of a report; "" for anything else than "]", a letter
// and a modifier.
func (f form) aim(data []byte) string {
	const length = 3
	if len(f.symbology) < length {
		return ""
	}
	var b [length]byte
	for i := range b {
		b[i] = byte(f.symbology[i].of(data))
	}
	letter := b[1] >= 'A' && b[1] <= 'Z' || b[1] >= 'a' && b[1] <= 'z'
	modifier := b[2] >= '0' && b[2] <= '9' || b[2] >= 'A' && b[2] <= 'Z' || b[2] >= 'a' && b[2] <= 'z'
	if b[0] != ']' || !letter || !modifier {
		return ""
	}
	return string(b[:])
}
