package usbsim

import (
	"encoding/binary"

	"cardferry/drivers/rig/pty"
)

// Endpoints of the four-pipe ID-card reader (SAM_V module document: pipes 2, 6, 81, 85).
const (
	SplitHeaderOut = 0x02
	SplitBodyOut   = 0x06
	SplitHeaderIn  = 0x81
	SplitBodyIn    = 0x85
)

// frameHeader is the preamble and the length of a SAM frame.
const frameHeader = 7

// NewSplitIDReader makes a reader that cuts every SAM frame in two: the first seven
// bytes (preamble and length) go over one pair of bulk endpoints, the rest over a
// second pair. A body that does not fit its header is not answered.
func NewSplitIDReader() *IDReader {
	r := &IDReader{SAM: &pty.IDReader{}}
	r.VID, r.PID, r.Release = 0x0400, 0xC35A, 0x0063
	r.Name = "SAM_V ID Card Reader"
	r.interfaces = []usbInterface{{class: classVendor, endpoints: []endpoint{
		{addr: SplitHeaderOut, attr: bulk, maxPacket: 64},
		{addr: SplitBodyOut, attr: bulk, maxPacket: 64},
		{addr: SplitHeaderIn, attr: bulk, maxPacket: 64},
		{addr: SplitBodyIn, attr: bulk, maxPacket: 64},
	}}}
	var frame []byte
	r.reset = func() { frame = nil }
	r.out = map[byte]func([]byte) error{
		SplitHeaderOut: func(b []byte) error {
			frame = nil
			if len(b) == frameHeader {
				frame = append(frame, b...)
			}
			return nil
		},
		SplitBodyOut: func(b []byte) error {
			if frame == nil {
				return nil
			}
			frame = append(frame, b...)
			want := frameHeader + int(binary.BigEndian.Uint16(frame[frameHeader-2:]))
			if len(frame) < want {
				return nil
			}
			whole := frame
			frame = nil
			if len(whole) > want {
				return nil
			}
			answer := r.SAM.Answer(whole)
			if answer == nil {
				return nil
			}
			cut := min(frameHeader, len(answer))
			r.send(SplitHeaderIn, answer[:cut])
			if cut < len(answer) {
				r.send(SplitBodyIn, answer[cut:])
			}
			return nil
		},
	}
	return r
}
