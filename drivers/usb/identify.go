//go:build cgo

package usb

import (
	"slices"

	"cardferry/drivers/usb/hid"

	"github.com/google/gousb"
)

// candidate is what a device turned out to be.
type candidate struct {
	identity
	title   string // what it calls itself
	desc    *gousb.DeviceDesc
	kind    string // "" when the site lists it but nothing tells what it is
	number  int    // of the interface to claim
	reports hid.Descriptor
}

// The HID subclass and protocol of a boot keyboard (HID 1.11 sections 4.2 and 4.3).
const (
	bootInterface = 1
	bootKeyboard  = 1
)

// maxReportDescriptor is the longest report descriptor that is read.
const maxReportDescriptor = 4096

// identify says what a device is to us; nil when it is no reader of ours. Only devices
// that may be one are opened, and none is claimed. A keyboard may only be one when the
// site lists it or the table of scanners has it. sure is false when the device did not
// answer as it should: asking again may tell more.
func (d *Driver) identify(b *bus, desc *gousb.DeviceDesc) (c *candidate, sure bool) {
	ids := product{uint16(desc.Vendor), uint16(desc.Product)}
	kind, inTable := knownProducts[ids]
	config, interfaces := firstConfig(desc)
	if len(interfaces) == 0 || !inTable && !d.cfg.mayList(ids) && !slices.ContainsFunc(interfaces, mayBePOS) {
		return nil, true
	}
	c = &candidate{identity: identity{product: ids, path: pathOf(desc)}, desc: desc, kind: kind}
	sys := sysfsOf(d.sysfs, c.path, ids)
	defer sys.close()
	look := &lookup{bus: b, desc: desc, sys: sys, config: config}
	defer look.close()

	if number, reports, ok := look.scanner(interfaces); ok { // whatever the table says
		c.kind, c.number, c.reports = KindScanner, number, reports
	}
	if c.kind == "" && !d.cfg.mayList(ids) {
		return nil, !look.failed
	}
	c.title = clean(look.text("product", (*gousb.Device).Product))
	c.serial = cleanSerial(look.text("serial", (*gousb.Device).SerialNumber))
	entry, listed := d.cfg.list(c.identity)
	switch {
	case entry.Kind != "":
		c.kind = entry.Kind
	case c.kind == "" && listed && slices.ContainsFunc(interfaces, isKeyboard):
		c.kind = KindKeyboard
	}
	if !c.choose(interfaces, look) && !listed {
		return nil, !look.failed
	}
	return c, !look.failed
}

// choose finds the interface of the device's kind, and forgets the kind of a device
// that has none.
func (c *candidate) choose(interfaces []gousb.InterfaceSetting, look *lookup) bool {
	var fits func(gousb.InterfaceSetting) bool
	switch c.kind {
	case KindIDCard:
		fits = func(i gousb.InterfaceSetting) bool { return hasBothWays(i) || i.Class == gousb.ClassHID }
	case KindHD100:
		fits = func(i gousb.InterfaceSetting) bool { return i.Class == gousb.ClassHID }
	case KindKeyboard:
		fits = isKeyboard
		if !slices.ContainsFunc(interfaces, isKeyboard) { // one without boot protocol
			fits = func(i gousb.InterfaceSetting) bool {
				return i.Class == gousb.ClassHID && look.reports(i.Number).IsKeyboard()
			}
		}
	case KindScanner:
		if c.reports.IsScanner() {
			return true
		}
		fits = mayBePOS // its descriptor could not be read: believe the site
	default:
		return false
	}
	i := slices.IndexFunc(interfaces, fits)
	if i < 0 {
		c.kind = ""
		return false
	}
	c.number = interfaces[i].Number
	if interfaces[i].Class == gousb.ClassHID {
		c.reports = look.reports(c.number)
	}
	return true
}

// firstConfig returns the first configuration, which is what systems select, with the
// first setting of each interface.
func firstConfig(desc *gousb.DeviceDesc) (int, []gousb.InterfaceSetting) {
	first := 0
	for n := range desc.Configs {
		if first == 0 || n < first {
			first = n
		}
	}
	var all []gousb.InterfaceSetting
	for _, i := range desc.Configs[first].Interfaces {
		if len(i.AltSettings) > 0 {
			all = append(all, i.AltSettings[0])
		}
	}
	return first, all
}

func isKeyboard(i gousb.InterfaceSetting) bool {
	return i.Class == gousb.ClassHID && i.SubClass == bootInterface && i.Protocol == bootKeyboard
}

// mayBePOS leaves out the boot keyboard and the boot mouse.
func mayBePOS(i gousb.InterfaceSetting) bool {
	return i.Class == gousb.ClassHID && i.SubClass != bootInterface
}

func hasBothWays(i gousb.InterfaceSetting) bool {
	in, out := false, false
	for _, e := range i.Endpoints {
		if e.TransferType == gousb.TransferTypeBulk {
			in, out = in || e.Direction == gousb.EndpointDirectionIn, out || e.Direction == gousb.EndpointDirectionOut
		}
	}
	return in && out
}

// lookup asks a device about itself, by sysfs where that knows it, else by opening it.
type lookup struct {
	bus    *bus
	desc   *gousb.DeviceDesc
	sys    sysfs
	config int
	dev    *gousb.Device
	denied bool // it may not be opened
	failed bool // it did not answer as a device should
}

// note keeps what went wrong. That a device is not ours to open, or has no such
// descriptor, is an answer.
func (l *lookup) note(err error) {
	switch {
	case err == nil, isUSB(err, gousb.ErrorPipe, gousb.ErrorBusy, gousb.ErrorNotSupported):
	case isUSB(err, gousb.ErrorAccess):
		l.denied = true
	default:
		l.failed = true
	}
}

func (l *lookup) open() bool {
	if l.dev == nil && !l.denied && !l.failed {
		var err error
		l.dev, err = l.bus.open(l.desc)
		l.note(err)
	}
	return l.dev != nil
}

func (l *lookup) close() {
	if l.dev != nil {
		_ = l.dev.Close()
	}
}

// text returns a string of the device.
func (l *lookup) text(attribute string, ask func(*gousb.Device) (string, error)) string {
	if l.sys.known() {
		return l.sys.text(attribute)
	}
	if !l.open() {
		return ""
	}
	s, err := ask(l.dev)
	l.note(err)
	return s
}

// scanner finds the HID POS interface.
func (l *lookup) scanner(interfaces []gousb.InterfaceSetting) (int, hid.Descriptor, bool) {
	for _, i := range interfaces {
		if mayBePOS(i) {
			if r := l.reports(i.Number); r.IsScanner() {
				return i.Number, r, true
			}
		}
	}
	return 0, hid.Descriptor{}, false
}

// reports returns what an HID interface reports; nothing when that cannot be read: the
// kernel answers "busy" for an interface that another driver than its HID driver has.
func (l *lookup) reports(number int) hid.Descriptor {
	raw := l.sys.reportDescriptor(l.config, number)
	if raw == nil && l.open() {
		buf := make([]byte, maxReportDescriptor)
		n, err := l.dev.Control(standardIn, getDescriptor, reportDesc<<8, uint16(number), buf)
		l.note(err)
		raw = buf[:max(n, 0)]
	}
	d, err := hid.ParseDescriptor(raw)
	if err != nil {
		return hid.Descriptor{} // a device that nobody can understand
	}
	return d
}
