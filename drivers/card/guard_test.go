package card

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"
)

// onlyReads says whether a command leaves a card as it was. It is written from the
// standards, not from the guard: ISO/IEC 7816-4 table 5 and PC/SC part 3.
func onlyReads(cmd []byte, mifare bool) bool {
	if len(cmd) < 4 {
		return false
	}
	cla, ins := cmd[0], cmd[1]
	switch cla {
	case 0x00:
		return bytes.IndexByte([]byte{0xA4, 0xB0, 0xB1, 0xB2, 0xB3, 0xC0, 0xCA, 0xCB, 0x84}, ins) >= 0
	case 0xFF:
		switch ins {
		case 0xCA, 0xB0:
			return true
		case 0xA4:
			return len(cmd) == 6 && cmd[2] == 0 && cmd[3] == 0 && cmd[4] == 1
		case 0x82:
			return mifare && len(cmd) == 11 && cmd[2] == 0 && cmd[4] == 6
		case 0x86:
			return mifare && len(cmd) == 10 && cmd[2] == 0 && cmd[3] == 0 && bytes.HasPrefix(cmd[4:], []byte{5, 1, 0})
		}
		return false
	case 0x80, 0xA0, 0xBC, 0xC8, 0xCC:
		never := []byte{0x04, 0x0E, 0x0F, 0x16, 0x18, 0x1E, 0x20, 0x21, 0x22, 0x24, 0x26, 0x28, 0x2A, 0x2C, 0x44, 0x46, 0x50, 0x52, 0x54, 0x5E, 0x70, 0x82, 0x86, 0x87, 0x88, 0xAE, 0xC2, 0xC3}
		return ins < 0xD0 && bytes.IndexByte(never, ins) < 0
	}
	return false
}

// watched passes commands on to a hostile card and fails on any that does more
// than read.
type watched struct {
	t      *testing.T
	ch     Channel
	mifare bool
	sent   int
}

func (w *watched) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if w.sent++; !onlyReads(cmd, w.mifare) {
		w.t.Errorf("sent %X", cmd)
	}
	return w.ch.Transmit(ctx, cmd)
}

// everyCommand is a profile that may do all that an allow list can say, and sends
// what the fuzzer wants.
func everyCommand(tape []byte) string {
	var allow, steps strings.Builder
	for i := 0; i+7 < len(tape) && i < 8*32; i += 8 {
		c := tape[i : i+8]
		fmt.Fprintf(&allow, "%02X%02X, ", c[0], c[1])
		switch c[7] % 8 {
		case 0:
			fmt.Fprintf(&steps, "  - mifare-read: {sector: %d, blocks: [%d], key: k, kind: %c, optional: [\"xxxx\"]}\n", c[2]%48, c[3]%20, 'A'+c[4]%3)
		case 1:
			fmt.Fprintf(&steps, "  - memory-card: {dialect: acs, type: sle4442, optional: [\"xxxx\"]}\n  - read-memory: {address: %d, length: %d, optional: [\"xxxx\"]}\n", int(c[2])<<8|int(c[3]), c[4])
		case 2:
			fmt.Fprintf(&steps, "  - get-data: {tag: %02X%02X, class: %02X, data: %02X, optional: [\"xxxx\"]}\n", c[2], c[3], c[0], c[4])
		case 3:
			fmt.Fprintf(&steps, "  - select-file: {fid: %02X%02X, p1: %02X, p2: %02X, optional: [\"xxxx\"]}\n", c[2], c[3], c[4], c[5])
		case 4:
			fmt.Fprintf(&steps, "  - for-each: {var: n, in: [%d, %d], steps: [apdu: {command: \"%02X%02X ${n:u8} %02X 02 ${n:be16}\", optional: [\"xxxx\"]}]}\n", c[2], c[3], c[0], c[1], c[4])
		default:
			fmt.Fprintf(&steps, "  - apdu: {command: %02X%02X%02X%02X02%02X%02X, optional: [\"xxxx\"]}\n", c[0], c[1], c[2], c[3], c[4], c[5])
		}
	}
	return strings.NewReplacer("steps:\n", "allow: ["+strings.TrimSuffix(allow.String(), ", ")+"]\nlimits: {apdus: 512}\nsteps:\n"+steps.String()).Replace(minimal)
}

// A profile, whoever wrote it, never gets the engine to send a command that does
// more than read; keys are loaded and sectors opened by mifare-read only.
func FuzzProfileGuard(f *testing.F) {
	for _, p := range []string{minimal, generations, saying, storageProfile("  - mifare-read: {sector: 1, blocks: [0], key: transport, as: id-bytes}"),
		strings.Replace(minimal, "steps:\n", "allow: [80B0, FFCA]\nsteps:\n  - apdu: {command: FFCA000000}\n  - apdu: {command: \"80B0000402000D\"}\n", 1)} {
		f.Add([]byte(p), []byte{0x90})
	}
	for _, c := range [][]byte{{0x00, 0x20, 0, 1, 0x31, 0x32, 0, 5}, {0xFF, 0x82, 0x20, 0, 1, 2, 0, 5}, {0xFF, 0x86, 0, 0, 1, 0, 0, 4}, {0x80, 0xD6, 0, 0, 1, 1, 0, 5},
		{0xFF, 0xD6, 0, 0, 1, 1, 0, 5}, {0x00, 0x82, 0, 0, 0, 0, 0, 5}, {0xFF, 0x20, 0, 0, 0, 0, 0, 5}, {0x80, 0xB0, 0, 0, 0, 0, 0, 4}, {0, 0, 1, 1, 0, 0, 0, 0}, {0, 0, 1, 1, 9, 0, 0, 1}, {0x80, 0, 1, 1, 9, 0, 0, 2}, {0, 0, 4, 4, 4, 0, 0, 3}} {
		f.Add([]byte(everyCommand(c)), []byte{0x90, 1})
		f.Add(c, []byte{0x90, 1})
	}
	f.Fuzz(func(t *testing.T, text, tape []byte) {
		for _, profile := range []string{string(text), everyCommand(text)} {
			p, err := parseProfile("fuzz.yaml", []byte(profile), nil)
			if err != nil {
				continue
			}
			e, err := NewEngineWith([]*Profile{p}, Options{MifareKeys: func(string) ([]byte, bool) { return []byte("sixkey"), true }})
			if err != nil {
				t.Fatal(err)
			}
			for _, info := range []Info{{ATR: []byte{0x3B, 0x00}, Protocol: T1}, {Protocol: T0}, {Protocol: T1, Contactless: true}} {
				for _, ch := range []Channel{echo{}, &hostile{tape: tape}} {
					w := &watched{t: t, ch: ch, mifare: strings.Contains(profile, "mifare-read")}
					_, _ = e.Read(t.Context(), w, info)
					if most := max(1, len(p.variants))*probeAPDUs + p.spec.Limits.APDUs; w.sent > most {
						t.Errorf("%d commands", w.sent)
					}
				}
			}
		}
	})
}

// Each single command that an allow list could name: what loads is sent, and
// nothing of it does more than read.
func TestGuardEveryPair(t *testing.T) {
	sent := 0
	for ci := range 1 << 16 {
		pair := classInstruction(ci)
		if permit(pair, []classInstruction{pair}) == nil {
			if sent++; !onlyReads([]byte{pair.cla(), pair.ins(), 0, 0}, false) {
				t.Errorf("%04X gets through", ci)
			}
		}
	}
	if sent < 100 || sent > 1200 {
		t.Errorf("%d pairs get through", sent)
	}
	for _, c := range []command{{cla: 0xFF, ins: 0x82, p1: 0x20, data: make([]byte, 6)}, {cla: 0xFF, ins: 0x82, data: make([]byte, 16)}, {cla: 0xFF, ins: 0x86, data: []byte{1, 0, 4, 0x62, 0}},
		{cla: 0xFF, ins: 0xA4, data: []byte{7}}, {cla: 0xFF, ins: 0x20, data: []byte{0xFF, 0xFF, 0xFF}}, {cla: 0xFF, ins: 0xD6, data: []byte{0}}, {cla: 0x00, ins: 0xB0, p1: 0x81}, {cla: 0x00, ins: 0x20}, {cla: 0x80, ins: 0xB0}} {
		if c.builtin = true; permitBuiltin(c) == nil {
			t.Errorf("a step of the engine's own could send %02X%02X", c.cla, c.ins)
		}
	}
}

// shippedReplays are the cards of all tests of all shipped profiles.
func shippedReplays(tb testing.TB, e *Engine) map[string]*isocard.Card {
	tb.Helper()
	all := map[string]*isocard.Card{}
	for _, p := range e.Profiles() {
		for _, test := range p.spec.Tests {
			raw, err := json.Marshal(test.Val.Replay.Val)
			if err != nil {
				tb.Fatal(err)
			}
			c, err := isocard.Parse(raw)
			if err != nil {
				tb.Fatal(err)
			}
			all[p.Name()+"/"+test.Name] = c
		}
	}
	return all
}

// tampered changes every answer of a card.
type tampered struct {
	Channel
	with func(n int, resp []byte) []byte
	n    int
	sent int // bytes
}

func (x *tampered) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	resp, err := x.Channel.Transmit(ctx, cmd)
	if err != nil {
		return nil, err
	}
	x.n++
	resp = x.with(x.n, resp)
	x.sent += len(resp)
	return resp, nil
}

// Whatever a card of a shipped profile turns into while it is read, the read ends
// within the profile's limits and sends nothing but reads.
func TestHostileTurns(t *testing.T) {
	e := shippedEngine(t)
	synctest.Test(t, func(t *testing.T) { hostileTurns(t, e) }) // profiles may want pauses
}

func hostileTurns(t *testing.T, e *Engine) {
	commands, octets := maxAPDUs, maxBytes
	for _, p := range e.Profiles() {
		commands += len(p.variants) * probeAPDUs
	}
	big := make([]byte, 65536)
	replays := shippedReplays(t, e)
	turned := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(replays)) { // one card of each profile
		card, profile := replays[name], strings.SplitN(name, "/", 2)[0]
		if turned[profile] {
			continue
		}
		turned[profile] = true
		for turn, with := range map[string]func(n int, resp []byte) []byte{
			"endless 61xx":       func(_ int, resp []byte) []byte { return append(resp[:len(resp)-2], 0x61, 0x10) },
			"endless empty 6100": func(int, []byte) []byte { return []byte{0x61, 0x00} },
			"endless 6Cxx":       func(n int, _ []byte) []byte { return []byte{0x6C, byte(n)} },
			"64 KB answers":      func(_ int, resp []byte) []byte { return append(slices.Clone(big), resp[len(resp)-2:]...) },
			"one byte at a time": func(_ int, resp []byte) []byte { return append(slices.Clone(resp[:min(1, len(resp)-2)]), 0x90, 0x00) },
			"lengths of FF": func(_ int, resp []byte) []byte {
				return append(bytes.Repeat([]byte{0xFF}, len(resp)-2), resp[len(resp)-2:]...)
			},
			"no status word": func(int, []byte) []byte { return []byte{0x90} },
		} {
			for _, from := range []int{0, 1, 3} {
				card.Reset()
				ch, info := Emulate(card)
				x := &tampered{Channel: ch, with: func(n int, resp []byte) []byte {
					if n <= from {
						return resp
					}
					return with(n, slices.Clone(resp))
				}}
				w := &watched{t: t, ch: x, mifare: true}
				read, err := e.withKeysOf(card).Read(t.Context(), w, info)
				if w.sent > commands || x.sent > octets+70000*(from+len(e.profiles)*4) {
					t.Errorf("%s, %s from command %d on: %d commands, %d bytes", name, turn, from, w.sent, x.sent)
				}
				if err == nil && read.Medium == "" {
					t.Errorf("%s, %s: neither read nor error", name, turn)
				}
			}
		}
	}
}

// A card of a shipped profile that leaves at any command ends the read with
// ErrCardRemoved and nothing else.
func TestRemovalAnywhere(t *testing.T) {
	e := shippedEngine(t)
	for name, card := range shippedReplays(t, e) {
		for n := 0; ; n++ {
			card.Reset()
			ch, info := Emulate(card)
			read, err := e.withKeysOf(card).Read(t.Context(), &after{ch, n, fmt.Errorf("transmit: %w", drivers.ErrCardRemoved)}, info)
			if err == nil {
				break
			}
			if !errors.Is(err, drivers.ErrCardRemoved) || read.Medium != "" || read.Patient != nil {
				t.Fatalf("%s after %d commands: %v, %v", name, n, read, err)
			}
		}
	}
}
