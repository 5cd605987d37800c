package card

import (
	"context"
	"errors"
	"testing"

	"cardferry/drivers"
)

// echo is a card that answers every command with 9000 and 16 bytes.
type echo struct{}

func (echo) Transmit(context.Context, []byte) ([]byte, error) {
	return []byte("0123456789ABCDEF\x90\x00"), nil
}

// hostile answers from a tape of fuzzed bytes: each command takes a length byte,
// a status word and that much data; an exhausted tape starts over.
type hostile struct {
	tape []byte
	pos  int
	sent int
}

func (h *hostile) byte() byte {
	if len(h.tape) == 0 {
		return 0x90
	}
	b := h.tape[h.pos%len(h.tape)]
	h.pos++
	return b
}

func (h *hostile) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	if h.sent++; len(cmd) < 4 {
		return nil, errors.New("short command")
	}
	n := int(h.byte())
	switch n {
	case 251:
		return nil, drivers.ErrCardRemoved
	case 252:
		return nil, errReader
	case 253:
		return nil, nil
	}
	resp := make([]byte, 0, n+2)
	for range n {
		resp = append(resp, h.byte())
	}
	sw := [][2]byte{{0x90, 0}, {0x90, 0}, {0x90, 0}, {0x61, 0xFF}, {0x6C, 1}, {0x62, 0x82}, {0x69, 0x82}, {0x6B, 0}, {0x67, 0}, {0x61, 0}}[int(h.byte())%10]
	return append(resp, sw[0], sw[1]), nil
}

// Whatever a card answers, a read ends within its profile's limits, in a read or
// an error, and sends nothing that the guard forbids.
func FuzzHostileCard(f *testing.F) {
	f.Add([]byte{}, true)
	f.Add([]byte{0, 0}, true)
	f.Add([]byte{2, 0x61, 0x61, 3}, false)
	f.Add([]byte{200, 0}, true)
	f.Add([]byte("\x20\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"), true)
	e := shippedEngine(f)
	most := 0
	for _, p := range e.Profiles() {
		most += probeAPDUs + p.spec.Limits.APDUs
	}
	f.Fuzz(func(t *testing.T, tape []byte, t0 bool) {
		info := Info{ATR: []byte{0x3B, 0x67}, Protocol: T1}
		if t0 {
			info.Protocol = T0
		}
		h := &hostile{tape: tape}
		read, err := e.Read(t.Context(), h, info)
		if h.sent > most {
			t.Fatalf("%d commands", h.sent)
		}
		if err == nil && read.Medium == "" {
			t.Fatal("neither read nor error")
		}
	})
}
