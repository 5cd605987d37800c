package usbsim

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// testCard answers with the length of the command and 90 00; a command of CLA FF
// pulls it.
type testCard struct {
	atr  []byte
	busy chan struct{} // if not nil: APDU waits until it is closed
}

func (c *testCard) ATR() []byte { return c.atr }
func (c *testCard) Reset()      {}
func (c *testCard) APDU(cmd []byte) []byte {
	if c.busy != nil {
		<-c.busy
	}
	if cmd[0] == 0xFF {
		return nil
	}
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(len(cmd))), 0x9000)
}

var atrT1, atrT0 = []byte{0x3B, 0x80, 0x01, 0x81}, []byte{0x3B, 0x00}

// ask sends one message and returns the answer.
func (h *host) ask(kind byte, data ...byte) []byte {
	h.t.Helper()
	m := []byte{kind}
	m = binary.LittleEndian.AppendUint32(m, uint32(len(data)))
	m = append(m, 0, 0x55, 0, 0, 0)
	m = append(m, data...)
	for len(m) > 0 { // in pieces, as a host controller may
		n := min(len(m), 512)
		if st := h.out(ccidOut, m[:n]); st != 0 {
			h.t.Fatalf("status %d", st)
		}
		m = m[n:]
	}
	r := h.data(ccidIn, ccidMaxMessage)
	if len(r) < ccidHeader || r[6] != 0x55 || int(binary.LittleEndian.Uint32(r[1:])) != len(r)-ccidHeader {
		h.t.Fatalf("answer % X", r)
	}
	return r
}

func TestCCID(t *testing.T) {
	c := NewCCID("C1")
	h, _ := attach(t, c)
	status := func(want byte) {
		t.Helper()
		if r := h.ask(ccidStatus); r[7]&3 != want {
			t.Errorf("slot status %d, want %d", r[7]&3, want)
		}
	}
	t.Run("empty", func(t *testing.T) {
		status(slotEmpty)
		if r := h.ask(ccidPowerOn); r[7]&ccidFailed == 0 || r[8] != ccidMute {
			t.Errorf("% X", r)
		}
	})
	t.Run("a card comes", func(t *testing.T) {
		c.Insert(&testCard{atr: atrT1})
		if n := h.data(ccidIntr, 8); !bytes.Equal(n, []byte{ccidSlotChange, 3}) {
			t.Errorf("notification % X", n)
		}
		status(slotInactive)
		if r := h.ask(ccidTransfer, 0, 0xA4, 0, 0); r[7]&ccidFailed == 0 {
			t.Error("a card without power answered")
		}
		if r := h.ask(ccidPowerOn); !bytes.Equal(r[ccidHeader:], atrT1) {
			t.Errorf("ATR % X", r[ccidHeader:])
		}
		status(slotActive)
		if r := h.ask(ccidGetParam); r[9] != 1 || len(r) != ccidHeader+7 {
			t.Errorf("parameters % X", r)
		}
	})
	t.Run("an extended APDU", func(t *testing.T) {
		if r := h.ask(ccidTransfer, make([]byte, 30_000)...); !bytes.Equal(r[ccidHeader:], []byte{0x75, 0x30, 0x90, 0x00}) {
			t.Errorf("% X", r)
		}
	})
	t.Run("a card that works for long has more time asked for it", func(t *testing.T) {
		slow := &testCard{atr: atrT0, busy: make(chan struct{})}
		c.Insert(slow)
		h.data(ccidIntr, 8)
		h.ask(ccidPowerOn)
		if r := h.ask(ccidGetParam); r[9] != 0 || len(r) != ccidHeader+5 {
			t.Errorf("parameters of T=0 % X", r)
		}
		if r := h.ask(ccidTransfer, 0, 0xA4, 0, 0); r[7]&0xC0 != ccidTimeMore {
			t.Errorf("% X", r)
		}
		close(slow.busy)
		for r := []byte(nil); len(r) <= ccidHeader; {
			r = h.data(ccidIn, 512)
		}
	})
	t.Run("a card pulls itself in the middle of a command", func(t *testing.T) {
		if r := h.ask(ccidTransfer, 0xFF, 0, 0, 0); r[7]&0xC0 != ccidFailed || r[7]&3 != slotEmpty {
			t.Errorf("% X", r)
		}
		if n := h.data(ccidIntr, 8); n[1] != 2 {
			t.Errorf("notification % X", n)
		}
	})
	if n := c.APDUs(); n != 2 {
		t.Errorf("%d commands counted", n)
	}
}

func TestFirstProtocol(t *testing.T) {
	for _, c := range []struct {
		name string
		atr  []byte
		want byte
	}{
		{"no card", nil, 0},
		{"TS and T0 only", atrT0, 0},
		{"T=1 at once", atrT1, 1},
		{"T=1 after TA1, TB1, TC1", []byte{0x3B, 0xF0, 0x11, 0x00, 0xFF, 0x01}, 1},
		{"T=0 first, then T=1", []byte{0x3B, 0x80, 0x80, 0x01, 0x01}, 0},
		{"cut", []byte{0x3B, 0xF0, 0x11}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.atr == nil {
				if firstProtocol(nil) != c.want {
					t.Error("wrong")
				}
			} else if got := firstProtocol(&testCard{atr: c.atr}); got != c.want {
				t.Errorf("T=%d, want T=%d", got, c.want)
			}
		})
	}
}
