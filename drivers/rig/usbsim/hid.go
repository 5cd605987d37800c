package usbsim

// Interface classes.
const (
	classHID       = 0x03
	classSmartcard = 0x0B
	classVendor    = 0xFF
)

// HID class requests (HID 1.11, section 7.2) and their request types.
const (
	hidSet = 0x21 // host to device, class, interface
	hidGet = 0xA1

	hidGetReport   = 0x01
	hidSetReport   = 0x09
	hidSetIdle     = 0x0A
	hidSetProtocol = 0x0B

	// reportSize is the size of the reports of full-speed HID devices here.
	reportSize = 64
)

// hidControl answers what every HID device is asked: an input report of size zero
// bytes, and a yes to idle rate, protocol and output reports (keyboard lights).
func hidControl(s setup, size int) ([]byte, error) {
	switch {
	case s.typ == hidSet && (s.request == hidSetIdle || s.request == hidSetProtocol || s.request == hidSetReport):
		return nil, nil
	case s.typ == hidGet && s.request == hidGetReport:
		return make([]byte, size), nil
	default:
		return nil, errStall
	}
}

// vendorReports64 describes one 64-byte input and one 64-byte output report without
// report id on a vendor page (HID 1.11, section 6.2.2).
var vendorReports64 = []byte{
	0x06, 0x00, 0xFF, // usage page FF00
	0x09, 0x01, 0xA1, 0x01, // usage 1, application collection
	0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, // bytes, 64 of them
	0x09, 0x02, 0x81, 0x02, // input
	0x09, 0x03, 0x91, 0x02, // output
	0xC0,
}
