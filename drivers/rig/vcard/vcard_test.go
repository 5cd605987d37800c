package vcard

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chip is a card whose answers are functions of the test.
type chip struct {
	atr    []byte
	resets int
	apdu   func(cmd []byte) []byte
}

func (c *chip) ATR() []byte            { return c.atr }
func (c *chip) Reset()                 { c.resets++ }
func (c *chip) APDU(cmd []byte) []byte { return c.apdu(cmd) }

func message(b ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

// rw is one recorded direction of a link and what was written to the other.
type rw struct {
	io.Reader
	bytes.Buffer
}

func (l *rw) Read(p []byte) (int, error) { return l.Reader.Read(p) }

func TestServe(t *testing.T) {
	for _, c := range []struct {
		name   string
		atr    []byte
		in     []byte
		out    []byte
		resets int
		apdus  int
		err    error // nil: the end of what was sent
		broken bool  // ended by any other error
	}{
		{name: "get ATR", in: message(4), out: message(0x3B, 0x00)},
		{name: "power off, power on and reset forget state and answer nothing",
			in: bytes.Join([][]byte{message(0), message(1), message(2)}, nil), resets: 3},
		{name: "an APDU is answered with data and status word",
			in: message(0x00, 0xB0, 0x00, 0x00, 0x01), out: message(0x2A, 0x90, 0x00), apdus: 1},
		{name: "an empty message is skipped", in: append(message(), message(4)...), out: message(0x3B, 0x00)},
		{name: "no answer pulls the card", in: message(0x00, 0xFF), err: ErrPulled},
		{name: "an empty ATR never reaches vpcd, where it would hang", atr: []byte{}, in: message(4), broken: true},
		{name: "an unknown control byte ends the link", in: message(9), broken: true},
		{name: "a torn message ends the link", in: []byte{0, 5, 0}, err: io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			card := &chip{atr: []byte{0x3B, 0x00}, apdu: func(cmd []byte) []byte {
				if cmd[1] == 0xFF {
					return nil
				}
				return []byte{0x2A, 0x90, 0x00}
			}}
			if c.atr != nil {
				card.atr = c.atr
			}
			link, apdus := &rw{Reader: bytes.NewReader(c.in)}, 0
			err := serve(link, card, func() { apdus++ })
			switch {
			case c.broken && errors.Is(err, io.EOF):
				t.Error("the link went on to its end, want it broken")
			case !c.broken && !errors.Is(err, cmp.Or(c.err, io.EOF)):
				t.Errorf("link ended with %v, want %v", err, c.err)
			}
			if !bytes.Equal(link.Bytes(), c.out) {
				t.Errorf("sent % X, want % X", link.Bytes(), c.out)
			}
			if card.resets != c.resets || apdus != c.apdus {
				t.Errorf("%d resets and %d APDUs, want %d and %d", card.resets, apdus, c.resets, c.apdus)
			}
		})
	}
}

func TestSlot(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	card := &chip{atr: []byte{0x3B, 0x00}, apdu: func(cmd []byte) []byte {
		if cmd[0] == 0xEE {
			return nil
		}
		return []byte{0x90, 0x00}
	}}
	slot := NewSlot(ln.Addr().String())
	<-slot.Gone() // an empty slot's card has left already
	slot.Remove()

	insert := func() net.Conn {
		t.Helper()
		if err := slot.Insert(ctx, card); err != nil {
			t.Fatal(err)
		}
		reader, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return reader
	}
	reader := insert()
	if err := slot.Insert(ctx, card); !errors.Is(err, ErrOccupied) {
		t.Errorf("second insertion: %v, want ErrOccupied", err)
	}
	if _, err := reader.Write(message(0x00, 0xA4)); err != nil {
		t.Fatal(err)
	}
	rsp := make([]byte, 4)
	if _, err := io.ReadFull(reader, rsp); err != nil || !bytes.Equal(rsp, message(0x90, 0x00)) {
		t.Errorf("answer % X, %v", rsp, err)
	}
	slot.Remove()
	if _, err := reader.Read(rsp); err == nil {
		t.Error("the link outlived the removal")
	}
	if n := slot.APDUs(); n != 1 {
		t.Errorf("%d APDUs counted, want 1", n)
	}

	reader = insert()
	gone := slot.Gone()
	if _, err := reader.Write(message(0xEE, 0x00)); err != nil {
		t.Fatal(err)
	}
	<-gone
	reader = insert() // a card that pulled itself leaves an empty slot
	_ = reader.Close()
	<-slot.Gone() // so does a reader that went away
}

func TestInsertWithoutReader(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	_ = ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*dialEvery)
	defer cancel()
	if err := NewSlot(addr).Insert(ctx, &chip{}); err == nil {
		t.Error("inserted into nothing")
	}
}

func FuzzServe(f *testing.F) {
	f.Add(message(4))
	f.Add(append(message(1), message(0, 0xA4, 4, 0)...))
	f.Add([]byte{0xFF, 0xFF, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		card := &chip{atr: []byte{0x3B}, apdu: func(cmd []byte) []byte { return cmd[:1] }}
		if err := serve(&rw{Reader: bytes.NewReader(in)}, card, func() {}); err == nil {
			t.Error("the link ended without a reason")
		}
	})
}
