package usbsim

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
)

func citizen() pty.IDCard {
	return pty.IDCard{Text: pty.Citizen{
		Name: "测试甲", Sex: "2", Ethnicity: "01", Birth: "19000101", Address: "测试省测试市样例路1号",
		Number: "990101190001010018", Issuer: "测试市公安局", From: "20200101", To: "长期",
	}.Block()}
}

// readID reads a card through ask and checks that it is the citizen's.
func readID(t *testing.T, ask func(idcard.Command) []byte) {
	t.Helper()
	for _, c := range []struct {
		cmd  idcard.Command
		want idcard.Status
	}{{idcard.CmdStatus, idcard.StatusOK}, {idcard.CmdFind, idcard.StatusFound}, {idcard.CmdSelect, idcard.StatusOK}, {idcard.CmdRead, idcard.StatusOK}} {
		body, err := idcard.Body(ask(c.cmd))
		must(t, err)
		if idcard.Status(body[2]) != c.want {
			t.Fatalf("%s: status %02X", c.cmd, body[2])
		}
		if c.cmd == idcard.CmdRead && !bytes.Equal(body[7:7+idcard.TextSize], citizen().Text) {
			t.Error("another card's text")
		}
	}
}

func TestIDReader(t *testing.T) {
	r := NewIDReader()
	h, a := attach(t, r)
	ask := func(c idcard.Command) []byte {
		t.Helper()
		if st := h.out(IDReaderOut, c.Frame()); st != 0 {
			t.Fatalf("status %d", st)
		}
		return h.data(IDReaderIn, 4096)
	}
	t.Run("reads a card", func(t *testing.T) {
		r.SAM.Place(citizen())
		readID(t, ask)
	})
	t.Run("in pieces", func(t *testing.T) {
		r.Chunk(7)
		defer r.Chunk(0)
		want := idcard.AppendFrame(nil, []byte{0, 0, byte(idcard.StatusOK)})
		got := ask(idcard.CmdStatus)
		if len(got) != 7 {
			t.Errorf("first piece has %d bytes", len(got))
		}
		if got = append(got, h.data(IDReaderIn, 64)...); !bytes.Equal(got, want) {
			t.Errorf("% X", got)
		}
	})
	t.Run("a small buffer gets whole packets", func(t *testing.T) {
		r.SAM.Place(citizen())
		for _, c := range []idcard.Command{idcard.CmdFind, idcard.CmdSelect} {
			ask(c)
		}
		h.out(IDReaderOut, idcard.CmdRead.Frame())
		var got []byte
		for len(got) < 1295 {
			got = append(got, h.data(IDReaderIn, 128)...)
		}
		_, err := idcard.Body(got)
		must(t, err)
	})
	t.Run("half a packet overflows", func(t *testing.T) {
		h.out(IDReaderOut, idcard.CmdStatus.Frame())
		if r := h.in(IDReaderIn, 7); r.status != statusOverflow {
			t.Errorf("status %d", r.status)
		}
	})
	t.Run("a stall lasts until it is cleared", func(t *testing.T) {
		r.Stall(IDReaderIn)
		h.out(IDReaderOut, idcard.CmdStatus.Frame())
		for range 2 {
			if r := h.in(IDReaderIn, 64); r.status != statusStall {
				t.Errorf("status %d", r.status)
			}
		}
		h.control(0x02, reqClearFeature, 0, IDReaderIn, 0, nil)
		if len(h.data(IDReaderIn, 64)) == 0 {
			t.Error("the answer is lost")
		}
	})
	t.Run("a cancelled transfer takes nothing", func(t *testing.T) {
		seq, done := h.submit(IDReaderIn, 64, nil)
		if st := h.cancel(seq); st != statusUnlinked {
			t.Errorf("status %d", st)
		}
		if _, err := idcard.Body(ask(idcard.CmdStatus)); err != nil {
			t.Error(err)
		}
		select {
		case <-done:
			t.Error("an unlinked transfer was answered")
		default:
		}
		if st := h.cancel(seq); st != 0 {
			t.Errorf("cancelled twice: status %d", st)
		}
	})
	t.Run("mute, then out of step, then noise", func(t *testing.T) {
		r.SAM.Inject(pty.Mute, pty.OutOfStep, pty.Garbage)
		for range 2 {
			h.out(IDReaderOut, idcard.CmdStatus.Frame())
		}
		h.out(IDReaderOut, idcard.CmdSAMNumber.Frame())
		var dec idcard.Decoder
		_, _ = dec.Write(h.data(IDReaderIn, 4096))
		var sizes []int
		for {
			f, err := dec.Next()
			must(t, err)
			if f == nil {
				break
			}
			sizes = append(sizes, len(f))
		}
		if len(sizes) != 2 || sizes[0] != 11 || sizes[1] != 27 {
			t.Errorf("frames of %v bytes, want the late status and the number", sizes)
		}
	})
	t.Run("late", func(t *testing.T) {
		const late = 30 * time.Millisecond
		r.Delay(late)
		defer r.Delay(0)
		began := time.Now()
		ask(idcard.CmdStatus)
		if took := time.Since(began); took < late {
			t.Errorf("answered after %v", took)
		}
	})
	t.Run("pulled by itself in the middle of a command", func(t *testing.T) {
		r.SAM.OnRequest = func(idcard.Command) { r.Unplug() }
		h.submit(IDReaderOut, 0, idcard.CmdStatus.Frame())
		<-a.Gone()
		<-h.done
		r.SAM.OnRequest = nil
	})
	t.Run("and plugged in again, with the card still there", func(t *testing.T) {
		r.SAM.Place(citizen())
		h, _ = attach(t, r)
		readID(t, ask)
	})
	t.Run("but not twice", func(t *testing.T) {
		if _, err := Plug(r); err == nil {
			t.Error("plugged in twice")
		}
	})
}

func TestSplitIDReader(t *testing.T) {
	r := NewSplitIDReader()
	h, _ := attach(t, r)
	r.SAM.Place(citizen())
	readID(t, func(c idcard.Command) []byte {
		f := c.Frame()
		h.out(SplitHeaderOut, f[:frameHeader])
		h.out(SplitBodyOut, f[frameHeader:])
		header := h.data(SplitHeaderIn, 64)
		if len(header) != frameHeader {
			t.Errorf("header of %d bytes", len(header))
		}
		return append(header, h.data(SplitBodyIn, 4096)...)
	})
}

func TestHIDIDReader(t *testing.T) {
	r := NewHIDIDReader()
	h, _ := attach(t, r)
	r.SAM.Place(citizen())
	t.Run("the request that is told", func(t *testing.T) {
		report := make([]byte, reportSize)
		copy(report, "\x88\x00\x00\x0B\x00\xB1\xAA\xAA\xAA\x96\x69\x00\x03\x20\x01\x22\xFF\x03")
		if st := h.out(HIDReaderOut, report); st != 0 {
			t.Fatalf("status %d", st)
		}
		if got := h.data(HIDReaderIn, reportSize); len(got) != reportSize || got[0] != envelopeAnswer || got[6] != 0xAA {
			t.Errorf("% X", got)
		}
	})
	readID(t, func(c idcard.Command) []byte {
		request := []byte{envelopeRequest, 0x12, 0x34}
		request = binary.LittleEndian.AppendUint16(request, uint16(len(c.Frame())+1))
		request = append(append(request, envelopePass), c.Frame()...)
		request = binary.LittleEndian.AppendUint16(request, sum16(request[3:]))
		for _, report := range reports(request) {
			h.control(hidSet, hidSetReport, 0x0200, 0, 0, report)
		}
		got := h.data(HIDReaderIn, reportSize)
		size := envelopeOverhead - 1 + int(binary.LittleEndian.Uint16(got[3:]))
		for len(got) < size {
			got = append(got, h.data(HIDReaderIn, reportSize)...)
		}
		got = got[:size]
		if !bytes.Equal(got[:3], []byte{envelopeAnswer, 0x12, 0x34}) || sum16(got[3:size-2]) != binary.LittleEndian.Uint16(got[size-2:]) {
			t.Errorf("envelope % X … % X", got[:6], got[size-2:])
		}
		return got[6 : size-2]
	})
}
