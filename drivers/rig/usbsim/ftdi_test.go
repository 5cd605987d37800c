package usbsim

import (
	"bytes"
	"testing"
)

func TestFTDI(t *testing.T) {
	f := NewFTDI("F1")
	got := make(chan []byte, 1)
	f.Receive(func(b []byte) { got <- b })
	h, _ := attach(t, f)
	const vendorOut, vendorIn = 0x40, 0xC0
	t.Run("what comes in has two status bytes in every packet", func(t *testing.T) {
		f.Transmit(bytes.Repeat([]byte("x"), 100))
		for _, want := range []int{64, 2 + 38} {
			if b := h.data(ftdiIn, 512); len(b) != want || b[0] != modemCTS|modemDSR|1 {
				t.Errorf("%d bytes beginning % X, want %d", len(b), b[:2], want)
			}
		}
	})
	t.Run("what goes out arrives", func(t *testing.T) {
		h.out(ftdiOut, []byte("BEEP\r"))
		if b := <-got; string(b) != "BEEP\r" {
			t.Errorf("%q", b)
		}
	})
	t.Run("an idle line tells its status", func(t *testing.T) {
		f.SetModem(false, true, false, true)
		for range 2 { // the change, and then the latency timer
			if b := h.data(ftdiIn, 64); !bytes.Equal(b, []byte{modemDSR | modemDCD | 1, 0x60}) {
				t.Errorf("% X", b)
			}
		}
	})
	t.Run("line settings", func(t *testing.T) {
		for _, c := range []struct {
			value, index uint16
			baud         int
		}{{0x4138, 0, 9600}, {0x001A, 0, 115385}, {0xC04E, 0, 38400}, {0, 0, 0}, {1, 0, 3_000_000}} {
			h.control(vendorOut, ftdiSetBaud, c.value, c.index, 0, nil)
			if b := f.Line().Baud(); b != c.baud {
				t.Errorf("divisor %#x is %d baud, want %d", c.value, b, c.baud)
			}
		}
		h.control(vendorOut, ftdiSetFormat, 0x1000|0x0200|7, 0, 0, nil)
		h.control(vendorOut, ftdiSetModem, 0x0301, 0, 0, nil)
		if l := f.Line(); l.Format != 0x1207 || !l.DTR || l.RTS {
			t.Errorf("%+v", l)
		}
	})
	t.Run("modem lines by request", func(t *testing.T) {
		if r := h.control(vendorIn, ftdiGetModem, 0, 0, 2, nil); len(r.data) != 2 {
			t.Errorf("% X", r.data)
		}
	})
}
