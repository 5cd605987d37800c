package usbsim

import (
	"bytes"
	"encoding/binary"
	"testing"

	"cardferry/drivers/idcard"
)

// command sends a request to an HD-100 and returns status and data of its answer.
func (h *host) command(opcode byte, payload ...byte) (status byte, data []byte) {
	h.t.Helper()
	m := []byte{hd100Mark, 0}
	m = binary.LittleEndian.AppendUint16(m, uint16(1+len(payload)))
	m = append(append(m, opcode), payload...)
	h.request(append(m, xor(m)))
	return h.answer()
}

// request sends a message with its checksum in as many reports as it needs.
func (h *host) request(m []byte) {
	h.t.Helper()
	for len(m) > 0 {
		report := make([]byte, hd100Report)
		m = m[copy(report[1:], m):]
		report[0] = hd100Last
		if len(m) > 0 {
			report[0] = hd100More
		}
		if r := h.control(hidSet, hidSetReport, hd100Feature, 0, 0, report); r.status != 0 {
			h.t.Fatalf("set report: status %d", r.status)
		}
	}
}

func (h *host) answer() (status byte, data []byte) {
	h.t.Helper()
	get := func() []byte {
		r := h.control(hidGet, hidGetReport, hd100Feature, 0, hd100Report, nil)
		if r.status != 0 || len(r.data) != hd100Report {
			h.t.Fatalf("get report: status %d, %d bytes", r.status, len(r.data))
		}
		return r.data
	}
	r := get()
	status, n := r[2], int(binary.LittleEndian.Uint16(r[3:]))
	data = r[5:]
	for r[0] == hd100More {
		r = get()
		data = append(data, r[1:]...)
	}
	if n > len(data) {
		h.t.Fatalf("%d bytes told, %d came", n, len(data))
	}
	return status, data[:n]
}

func TestHD100(t *testing.T) {
	d := NewHD100("H1")
	h, _ := attach(t, d)
	want := func(t *testing.T, status byte, data []byte, opcode byte, payload ...byte) {
		t.Helper()
		s, got := h.command(opcode, payload...)
		if s != status || !bytes.Equal(got, data) {
			t.Errorf("opcode %02X: status %d, % X", opcode, s, got)
		}
	}
	t.Run("the beep that is told", func(t *testing.T) {
		h.request([]byte{0x08, 0x00, 0x02, 0x00, 0xB2, 0x0A, 0xB2})
		if s, _ := h.answer(); s != hd100OK || d.Beeps() != 1 {
			t.Errorf("status %d, %d beeps", s, d.Beeps())
		}
	})
	t.Run("a wrong checksum", func(t *testing.T) {
		h.request([]byte{0x08, 0x00, 0x02, 0x00, 0xB2, 0x0A, 0xB3})
		if s, _ := h.answer(); s != hd100Checksum {
			t.Errorf("status %d", s)
		}
	})
	t.Run("a status request without checksum", func(t *testing.T) {
		h.request([]byte{0x08, 0x00, 0x02, 0x00, HD100SlotStatus, HD100UserSlot})
		if s, _ := h.answer(); s != hd100Absent {
			t.Errorf("status %d", s)
		}
	})
	t.Run("a contact card", func(t *testing.T) {
		d.Insert(&testCard{atr: atrT1})
		want(t, hd100Unpowered, nil, HD100SlotStatus, HD100UserSlot)
		want(t, hd100Unpowered, nil, HD100APDU, HD100UserSlot, 0, 0, 0x84, 0, 0, 8)
		want(t, hd100OK, atrT1, HD100ColdReset, HD100UserSlot)
		want(t, hd100OK, nil, HD100SlotStatus, HD100UserSlot)
		want(t, hd100OK, []byte{0, 5, 0x90, 0}, HD100APDU, HD100UserSlot, 0, 0, 0x84, 0, 0, 8)
		long := append([]byte{HD100UserSlot, 0}, make([]byte, 260)...)
		want(t, hd100OK, []byte{1, 4, 0x90, 0}, HD100APDU, long...)
		want(t, hd100Parameter, nil, HD100APDU, 0x0D, 0, 0, 0x84, 0, 0, 8)
		want(t, hd100NoAnswer, nil, HD100APDU, HD100UserSlot, 0, 0xFF, 0, 0, 0, 0)
		want(t, hd100Absent, nil, HD100SlotStatus, HD100UserSlot)
	})
	t.Run("an ID card", func(t *testing.T) {
		want(t, byte(idcard.StatusNoCard), nil, HD100FindID)
		d.SAM.Place(citizen())
		want(t, hd100OK, make([]byte, 4), HD100FindID)
		want(t, hd100OK, make([]byte, 8), HD100SelectID)
		s, data := h.command(HD100ReadID)
		if s != hd100OK || len(data) != 4+256+1024 || !bytes.Equal(data[4:4+256], citizen().Text) {
			t.Errorf("status %d, %d bytes", s, len(data))
		}
	})
	t.Run("what it does not know", func(t *testing.T) {
		want(t, hd100Unsupported, nil, 0x30)
	})
}
