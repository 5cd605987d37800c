package usbsim

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// script is a host that has said all it will say.
type script struct{ *bytes.Reader }

func (script) Write(b []byte) (int, error) { return len(b), nil }
func (script) Close() error                { return nil }
func (script) CloseWrite() error           { return nil }

// urbBytes is one SUBMIT of the URB phase.
func urbBytes(ep byte, size int, setup, out []byte) []byte {
	b := make([]byte, urbHeader)
	binary.BigEndian.PutUint32(b[0:], cmdSubmit)
	if ep&dirIn != 0 {
		binary.BigEndian.PutUint32(b[12:], directionIsIn)
	}
	binary.BigEndian.PutUint32(b[16:], uint32(ep&^dirIn))
	binary.BigEndian.PutUint32(b[24:], uint32(max(size, len(out))))
	copy(b[40:], setup)
	return append(b, out...)
}

// FuzzHost is a host that sends anything: every device bears it and stops.
func FuzzHost(f *testing.F) {
	f.Add(byte(0), urbBytes(IDReaderOut, 0, nil, []byte("\xAA\xAA\xAA\x96\x69\x00\x03\x11\xFF\xED")))
	f.Add(byte(1), append(urbBytes(SplitHeaderOut, 0, nil, []byte("\xAA\xAA\xAA\x96\x69\x00\x03")), urbBytes(SplitBodyOut, 0, nil, []byte("\x11\xFF\xED"))...))
	f.Add(byte(2), urbBytes(HIDReaderOut, 0, nil, []byte("\x88\x00\x00\x0B\x00\xB1\xAA\xAA\xAA\x96\x69\x00\x03\x20\x01\x22\xFF\x03")))
	f.Add(byte(3), urbBytes(0, 0, []byte{hidSet, hidSetReport, 0, 3, 0, 0, 32, 0}, make([]byte, 32)))
	f.Add(byte(4), urbBytes(dirIn, 255, []byte{0x81, reqGetDescriptor, 0, descReport, 0, 0, 255, 0}, nil))
	f.Add(byte(5), urbBytes(0, 1, []byte{hidSet, hidSetReport, 0, 2, 0, 0, 1, 0}, []byte{2}))
	f.Add(byte(6), urbBytes(0, 0, []byte{0x40, ftdiSetBaud, 0x38, 0x41, 0, 0, 0, 0}, nil))
	f.Add(byte(7), urbBytes(ccidOut, 0, nil, []byte{ccidPowerOn, 0, 0, 0, 0, 0, 1, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, which byte, said []byte) {
		ccid := NewCCID("C1")
		ccid.Insert(&testCard{atr: atrT1})
		devices := []*Device{
			NewIDReader().Base(), NewSplitIDReader().Base(), NewHIDIDReader().Base(), NewHD100("H1").Base(),
			NewPOSScanner("P1").Base(), NewKeyboard("K1", LayoutUS()).Base(), NewFTDI("F1").Base(), ccid.Base(),
		}
		d := devices[int(which)%len(devices)]
		gone, err := d.plugIn()
		if err != nil {
			t.Fatal(err)
		}
		_ = serve(script{bytes.NewReader(said)}, d, gone) // what is no USB/IP ends it with an error
		if _, err := d.plugIn(); err != nil {
			t.Errorf("cannot be plugged in again: %v", err)
		}
	})
}
