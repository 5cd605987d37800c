package usbsim

import (
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
)

// Endpoints of the bulk ID-card reader. No public source tells them; they are our
// assumption, and a driver should take them from the descriptors.
const (
	IDReaderOut = 0x02
	IDReaderIn  = 0x81
)

// IDReader is a resident-ID-card reader on USB: the SAM is the one that package pty
// has behind a serial line, with the same faults, and USB is only its wire.
type IDReader struct {
	Device
	SAM *pty.IDReader
}

// NewIDReader makes a reader that carries whole SAM frames over one pair of bulk
// endpoints, as readers with the id 0400:C35A of several makers do.
func NewIDReader() *IDReader {
	r := &IDReader{SAM: &pty.IDReader{}}
	r.VID, r.PID, r.Release = 0x0400, 0xC35A, 0x0063
	r.Name = "ID Card Reader"
	r.interfaces = []usbInterface{{class: classVendor, endpoints: []endpoint{
		{addr: IDReaderOut, attr: bulk, maxPacket: 64},
		{addr: IDReaderIn, attr: bulk, maxPacket: 64},
	}}}
	var dec idcard.Decoder
	r.reset = dec.Reset
	r.out = map[byte]func([]byte) error{IDReaderOut: func(b []byte) error {
		_, _ = dec.Write(b)
		for {
			frame, err := dec.Next()
			switch {
			case err != nil:
				r.send(IDReaderIn, idcard.AppendFrame(nil, []byte{0, 0, byte(idcard.StatusBadChecksum)}))
			case frame == nil:
				return nil
			default:
				if answer := r.SAM.Answer(frame); answer != nil {
					r.send(IDReaderIn, answer)
				}
			}
		}
	}}
	return r
}
