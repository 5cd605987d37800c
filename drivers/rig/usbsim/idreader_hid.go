package usbsim

import (
	"encoding/binary"

	"cardferry/drivers/rig/pty"
)

// Endpoints of the HID ID-card reader: our assumption, as only its reports are
// told anywhere.
const (
	HIDReaderOut = 0x02
	HIDReaderIn  = 0x81
)

// The envelope around a SAM frame in the reports of Miaxis readers; numbers are
// little-endian, n is the length of the data.
//
//	request   88 | serial number (2) | n+1 (2) | command | data | sum (2)
//	answer    AA | serial number (2) | n+1 (2) | result  | data | sum (2)
//
// The sum is the 16-bit sum of all bytes from the length on. An envelope that is
// longer than one report goes on in the next; the last one is padded with zeros.
const (
	envelopeRequest  = 0x88
	envelopeAnswer   = 0xAA
	envelopeOverhead = 8 // without data

	envelopePass    = 0xB1 // hand the data to the SAM
	envelopeVersion = 0x0D

	envelopeOK         = 0x00
	envelopeBadCommand = 0x01 // assumed: no source tells the failures

	maxEnvelope = 4096
)

// NewHIDIDReader makes a reader that carries SAM frames in an envelope in 64-byte
// HID reports (10C4:0007). Besides the interrupt OUT endpoint it takes SET_REPORT.
func NewHIDIDReader() *IDReader {
	r := &IDReader{SAM: &pty.IDReader{}}
	r.VID, r.PID = 0x10C4, 0x0007
	r.Manufacturer, r.Name = "MIAXIS", "IDR HID Reader"
	r.interfaces = []usbInterface{{class: classHID, report: vendorReports64, endpoints: []endpoint{
		{addr: HIDReaderOut, attr: interrupt, maxPacket: reportSize, interval: 1},
		{addr: HIDReaderIn, attr: interrupt, maxPacket: reportSize, interval: 1},
	}}}
	var rx []byte
	r.reset = func() { rx = nil }
	take := func(b []byte) error {
		if rx == nil && (len(b) == 0 || b[0] != envelopeRequest) {
			return nil
		}
		rx = append(rx, b...)
		if len(rx) < envelopeOverhead || len(rx) > maxEnvelope {
			rx = nil
			return nil
		}
		size := envelopeOverhead - 1 + int(binary.LittleEndian.Uint16(rx[3:]))
		if size > len(rx) {
			return nil
		}
		request := rx[:size]
		rx = nil
		for _, report := range reports(r.envelope(request)) {
			r.send(HIDReaderIn, report)
		}
		return nil
	}
	r.out = map[byte]func([]byte) error{HIDReaderOut: take}
	r.control = func(s setup, out []byte) ([]byte, error) {
		if s.typ == hidSet && s.request == hidSetReport {
			return nil, take(out)
		}
		return hidControl(s, reportSize)
	}
	return r
}

// envelope answers one request; nil when the reader is mute.
func (r *IDReader) envelope(request []byte) []byte {
	end := len(request) - 2
	if end < 6 || sum16(request[3:end]) != binary.LittleEndian.Uint16(request[end:]) {
		return nil
	}
	serial, data := request[1:3], request[6:end]
	switch request[5] {
	case envelopePass:
		answer := r.SAM.Answer(data)
		if answer == nil {
			return nil
		}
		return seal(serial, envelopeOK, answer)
	case envelopeVersion:
		return seal(serial, envelopeOK, []byte("RIG HID 1.0"))
	default:
		return seal(serial, envelopeBadCommand, nil)
	}
}

func seal(serial []byte, result byte, data []byte) []byte {
	b := append([]byte{envelopeAnswer}, serial...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(data)+1))
	b = append(b, result)
	b = append(b, data...)
	return binary.LittleEndian.AppendUint16(b, sum16(b[3:]))
}

func sum16(b []byte) (sum uint16) {
	for _, v := range b {
		sum += uint16(v)
	}
	return sum
}

// reports cuts b into reports and pads the last one with zeros.
func reports(b []byte) [][]byte {
	var all [][]byte
	for len(b) > 0 {
		report := make([]byte, reportSize)
		b = b[copy(report, b):]
		all = append(all, report)
	}
	return all
}
