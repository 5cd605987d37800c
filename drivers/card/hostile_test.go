package card

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/decode"
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

// A profile from a stranger cannot run away either: loops that send nothing,
// values and output that double.
func TestHostileProfile(t *testing.T) {
	loops := "  - read-binary: {sfi: 01, length: 8, as: id-bytes}\n"
	for range maxStepDepth - 1 {
		loops = "  - for-each: {var: i, from: 0, to: 255, steps: [\n" + strings.TrimPrefix(strings.TrimSuffix(loops, "\n"), "  - ") + "]}\n"
	}
	loops = strings.Replace(loops, "as: id-bytes", "as: id-bytes, only-for: secret", 1)
	e := engineOf(t, strings.Replace(minimal, "  - read-binary: {sfi: 01, length: 8, as: id-bytes}\n", loops, 1))
	if _, err := e.Read(t.Context(), echo{}, Info{Protocol: T1}); !errors.Is(err, ErrLimit) {
		t.Errorf("loops: %v", err)
	}

	doubling, last := "", "number"
	for i := range 60 {
		name := fmt.Sprintf("n%d", i)
		doubling += fmt.Sprintf("  %s: {from: [%s, %s]}\n", name, last, last)
		last = name
	}
	big := "${" + last + "?}${n19}${n19}${n19}${n19}${n19}${n19}${n19}${n19}"
	e = engineOf(t, strings.NewReplacer("constants:", doubling+"constants:", `extras: {secret: "${secret}"}`, `extras: {big: "`+big+big+big+big+`"}`).Replace(minimal))
	read, err := e.Read(t.Context(), echo{}, Info{Protocol: T1})
	if err != nil || read.Extras["big"] != nil || len(read.Warnings) == 0 {
		t.Errorf("doubling: %v, %v", read, err)
	}

	if _, err := load(strings.Replace(minimal, "[hex]", "[hex"+strings.Repeat(", trim: space", decode.MaxStages)+"]", 1)); err == nil || !strings.Contains(err.Error(), "stages are more than") {
		t.Errorf("stages: %v", err)
	}
	deep := "read-binary: {sfi: 01, length: 8, as: id-bytes}"
	for range maxStepDepth {
		deep = "try: {steps: [" + deep + "]}"
	}
	if _, err := load(strings.Replace(minimal, "read-binary: {sfi: 01, length: 8, as: id-bytes}", deep, 1)); err == nil || !strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("depth: %v", err)
	}
}

// echoRefusal is a card that knows nothing.
type echoRefusal struct{}

func (echoRefusal) Transmit(context.Context, []byte) ([]byte, error) { return []byte{0x6A, 0x82}, nil }
