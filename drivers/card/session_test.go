package card

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
)

// script is a channel that expects commands in order. A reply that is no hex is
// an error of the channel.
type script struct {
	t     *testing.T
	lines [][2]string
	next  int
}

var errReader = errors.New("reader says no")

func (s *script) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	if s.next == len(s.lines) {
		s.t.Errorf("unexpected command %X", cmd)
		return []byte{0x6F, 0x00}, nil
	}
	line := s.lines[s.next]
	s.next++
	if got := strings.ToUpper(hex.EncodeToString(cmd)); got != line[0] {
		s.t.Errorf("command %d: got %s, want %s", s.next, got, line[0])
	}
	switch line[1] {
	case "reader error":
		return nil, errReader
	case "removed":
		return nil, fmt.Errorf("reader: %w", drivers.ErrCardRemoved)
	}
	b, err := hex.DecodeString(line[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return b, nil
}

func newSession(ch Channel, p Protocol) *session {
	return &session{presence: newPresence(ch, Info{Protocol: p}), getResp: true, apdus: 64, bytes: 4096}
}

// How the engine talks to cards, command by command.
func TestTransport(t *testing.T) {
	sel := command{ins: 0xA4, p1: 4, data: []byte{0xA0, 1}, ne: 256}
	read := command{ins: 0xB0, ne: 16}
	for _, tt := range []struct {
		name     string
		protocol Protocol
		prepare  func(*session)
		command  command
		lines    [][2]string
		data     string
		sw       statusWord
		err      error
	}{
		{"T=1 case 4 has Le", T1, nil, sel, [][2]string{{"00A4040002A00100", "AABB9000"}}, "AABB", 0x9000, nil},
		{"T=0 case 4 loses Le; 61xx is fetched", T0, nil, sel, [][2]string{{"00A4040002A001", "6102"}, {"00C0000002", "AABB9000"}}, "AABB", 0x9000, nil},
		{"61xx comes under T=1 too", T1, nil, sel, [][2]string{{"00A4040002A00100", "6102"}, {"00C0000002", "AABB9000"}}, "AABB", 0x9000, nil},
		{"61xx chain is put together", T0, nil, sel, [][2]string{{"00A4040002A001", "6101"}, {"00C0000001", "AA6101"}, {"00C0000001", "BB6100"}, {"00C0000000", "CC9000"}}, "AABBCC", 0x9000, nil},
		{"data before 61xx is kept", T1, nil, sel, [][2]string{{"00A4040002A00100", "AA6101"}, {"00C0000001", "BB9000"}}, "AABB", 0x9000, nil},
		{"GET RESPONSE corrected by 6Cxx", T0, nil, sel, [][2]string{{"00A4040002A001", "6100"}, {"00C0000000", "6C01"}, {"00C0000001", "AA9000"}}, "AA", 0x9000, nil},
		{"GET RESPONSE with another P2", T0, func(s *session) { s.getP2 = 1 }, sel, [][2]string{{"00A4040002A001", "6101"}, {"00C0000101", "AA9000"}}, "AA", 0x9000, nil},
		{"GET RESPONSE after a proprietary class is interindustry", T0, func(s *session) { s.allow = []classInstruction{0x80B0} },
			command{cla: 0x80, ins: 0xB0, p2: 4, data: []byte{0, 13}}, [][2]string{{"80B0000402000D", "6101"}, {"00C0000001", "AA9000"}}, "AA", 0x9000, nil},
		{"a selection stands, even if its answer is not handed over", T0, nil, command{ins: 0xA4, data: []byte{0xEF, 5}}, [][2]string{{"00A4000002EF05", "6110"}, {"00C0000010", "6A82"}}, "", 0x9000, nil},
		{"unless the answer was wanted", T0, nil, sel, [][2]string{{"00A4040002A001", "6110"}, {"00C0000010", "6A82"}}, "", 0x6A82, nil},
		{"61xx left alone", T0, func(s *session) { s.getResp = false }, sel, [][2]string{{"00A4040002A001", "6105"}}, "", 0x6105, nil},
		{"6Cxx repeats with the right length", T0, nil, read, [][2]string{{"00B0000010", "6C02"}, {"00B0000002", "AABB9000"}}, "AABB", 0x9000, nil},
		{"6Cxx repeats once", T0, nil, read, [][2]string{{"00B0000010", "6C02"}, {"00B0000002", "6C03"}}, "", 0x6C03, nil},
		{"67xx means the same on some cards", T1, nil, read, [][2]string{{"00B0000010", "6702"}, {"00B0000002", "AABB9000"}}, "AABB", 0x9000, nil},
		{"6700 does not", T1, nil, read, [][2]string{{"00B0000010", "6700"}}, "", 0x6700, nil},
		{"T=0 case 1 has P3 00", T0, nil, command{ins: 0xA4}, [][2]string{{"00A4000000", "9000"}}, "", 0x9000, nil},
		{"T=1 case 1 has not", T1, nil, command{ins: 0xA4}, [][2]string{{"00A40000", "9000"}}, "", 0x9000, nil},
		{"a response without status word", T1, nil, read, [][2]string{{"00B0000010", ""}}, "", 0, ErrResponse},
		{"half a status word", T1, nil, read, [][2]string{{"00B0000010", "90"}}, "", 0, ErrResponse},
		{"card pulled", T1, nil, read, [][2]string{{"00B0000010", "removed"}}, "", 0, drivers.ErrCardRemoved},
		{"too many commands", T1, func(s *session) { s.apdus = 0 }, read, nil, "", 0, ErrLimit},
		{"endless GET RESPONSE", T0, func(s *session) { s.apdus = 3 }, sel, [][2]string{{"00A4040002A001", "6101"}, {"00C0000001", "6101"}, {"00C0000001", "6101"}}, "", 0, ErrLimit},
		{"too many bytes", T1, func(s *session) { s.bytes = 1 }, read, [][2]string{{"00B0000010", "AABB9000"}}, "", 0, ErrLimit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch := &script{t: t, lines: tt.lines}
			s := newSession(ch, tt.protocol)
			if tt.prepare != nil {
				tt.prepare(s)
			}
			data, sw, err := s.command(t.Context(), tt.command)
			if !errors.Is(err, tt.err) || hexed(data) != tt.data || sw != tt.sw {
				t.Errorf("got %X, %04X, %v; want %s, %04X, %v", data, sw, err, tt.data, sw, tt.err)
			}
			if ch.next != len(tt.lines) {
				t.Errorf("%d of %d commands sent", ch.next, len(tt.lines))
			}
		})
	}
}

// How files are read.
func TestReadBinary(t *testing.T) {
	xx := func(n int) string { return strings.Repeat("EE", n) }
	for _, tt := range []struct {
		name  string
		plan  readPlan
		long  bool // extended length allowed
		t0    bool
		lines [][2]string
		want  int // bytes
		sw    statusWord
		err   error
	}{
		{"known length in chunks", readPlan{length: 20, chunk: 16}, false, false, [][2]string{{"00B0000010", xx(16) + "9000"}, {"00B0001004", xx(4) + "9000"}}, 20, swOK, nil},
		{"SFI first, then offsets", readPlan{sfi: 1, length: 5, chunk: 4}, false, false, [][2]string{{"00B0810004", xx(4) + "9000"}, {"00B0000401", "EE9000"}}, 5, swOK, nil},
		{"SFI with offset", readPlan{sfi: 2, offset: 3, length: 2, chunk: 16}, false, false, [][2]string{{"00B0820302", xx(2) + "9000"}}, 2, swOK, nil},
		{"to the end: short block", readPlan{length: -1, chunk: 16}, false, false, [][2]string{{"00B0000010", xx(16) + "9000"}, {"00B0001010", xx(3) + "9000"}}, 19, swOK, nil},
		{"to the end: 6282 with data", readPlan{length: -1, chunk: 16}, false, false, [][2]string{{"00B0000010", xx(3) + "6282"}}, 3, swOK, nil},
		{"to the end: 6B00 when the size is a multiple", readPlan{length: -1, chunk: 4}, false, false, [][2]string{{"00B0000004", xx(4) + "9000"}, {"00B0000404", "6B00"}}, 4, swOK, nil},
		{"to the end: 6A86", readPlan{length: -1, chunk: 4}, false, false, [][2]string{{"00B0000004", xx(4) + "9000"}, {"00B0000404", "6A86"}}, 4, swOK, nil},
		{"to the end: 6Cxx names the rest", readPlan{length: -1, chunk: 4}, false, true, [][2]string{{"00B0000004", xx(4) + "9000"}, {"00B0000404", "6C01"}, {"00B0000401", "EE9000"}}, 5, swOK, nil},
		{"first read refused", readPlan{length: -1, chunk: 4}, false, false, [][2]string{{"00B0000004", "6982"}}, 0, 0x6982, nil},
		{"first read past the end", readPlan{length: -1, chunk: 4}, false, false, [][2]string{{"00B0000004", "6B00"}}, 0, 0x6B00, nil},
		{"refused in the middle", readPlan{length: 8, chunk: 4}, false, false, [][2]string{{"00B0000004", xx(4) + "9000"}, {"00B0000404", "6982"}}, 0, 0x6982, nil},
		{"header be16", readPlan{length: -1, header: "be16", chunk: 4}, false, false, [][2]string{{"00B0000004", "0003EEEE9000"}, {"00B0000401", "EE9000"}}, 5, swOK, nil},
		{"header le16 at 2", readPlan{length: -1, header: "le16", at: 2, chunk: 4}, false, false, [][2]string{{"00B0000004", "000002009000"}, {"00B0000402", xx(2) + "9000"}}, 6, swOK, nil},
		{"header ber", readPlan{length: -1, header: "ber", chunk: 4}, false, false, [][2]string{{"00B0000004", "5A05EEEE9000"}, {"00B0000403", xx(3) + "9000"}}, 7, swOK, nil},
		{"header pairs, second absent", readPlan{length: -1, header: "pairs", pairs: 2, chunk: 8}, false, false, [][2]string{{"00B0000008", "0008000BFFFFFFFF9000"}, {"00B0000804", xx(4) + "9000"}}, 12, swOK, nil},
		{"header says more than there is", readPlan{length: -1, header: "be16", chunk: 4}, false, false, [][2]string{{"00B0000004", "00FFEEEE9000"}, {"00B0000404", "EE6282"}}, 5, swOK, nil},
		{"header incomplete", readPlan{length: -1, header: "be16", chunk: 4}, false, false, [][2]string{{"00B0000004", "006282"}}, 1, swOK, nil},
		{"extended in one go", readPlan{sfi: 1, length: -1, header: "be16", chunk: 255}, true, false, [][2]string{{"00B08100000000", "012C" + xx(300) + xx(50) + "6282"}}, 302, swOK, nil},
		{"extended with known length", readPlan{length: 300, chunk: 255}, true, false, [][2]string{{"00B0000000012C", xx(300) + "9000"}}, 300, swOK, nil},
		{"extended refused with 6700", readPlan{sfi: 1, length: -1, chunk: 4}, true, false, [][2]string{{"00B08100000000", "6700"}, {"00B0810004", "EE6282"}}, 1, swOK, nil},
		{"extended breaks the reader", readPlan{length: -1, chunk: 4}, true, false, [][2]string{{"00B00000000000", "reader error"}, {"00B0000004", "EE6282"}}, 1, swOK, nil},
		{"extended, reader cuts the answer", readPlan{length: -1, header: "be16", chunk: 4}, true, false, [][2]string{{"00B00000000000", "0005EE9000"}, {"00B0000304", xx(4) + "9000"}}, 7, swOK, nil},
		{"no extended under T=0", readPlan{length: -1, chunk: 4}, true, true, [][2]string{{"00B0000004", "EE6282"}}, 1, swOK, nil},
		{"card pulled during extended", readPlan{length: -1, chunk: 4}, true, false, [][2]string{{"00B00000000000", "removed"}}, 0, 0, drivers.ErrCardRemoved},
		{"reader error", readPlan{length: -1, chunk: 4}, false, false, [][2]string{{"00B0000004", "reader error"}}, 0, 0, errReader},
		{"offsets end at 7FFF", readPlan{offset: 0x7FFE, length: -1, chunk: 2}, false, false, [][2]string{{"00B07FFE02", xx(2) + "9000"}}, 2, swOK, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ch := &script{t: t, lines: tt.lines}
			s := newSession(ch, T1)
			if tt.t0 {
				s.info.Protocol = T0
			}
			s.extended = tt.long
			data, sw, err := s.readBinary(t.Context(), tt.plan)
			if len(data) != tt.want || sw != tt.sw || !errors.Is(err, tt.err) {
				t.Errorf("got %d bytes, %04X, %v; want %d, %04X, %v", len(data), sw, err, tt.want, tt.sw, tt.err)
			}
			if ch.next != len(tt.lines) {
				t.Errorf("%d of %d commands sent", ch.next, len(tt.lines))
			}
		})
	}
}

// Belpic chips need 40 to 50 ms before the repeated command.
func TestRetryDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSession(&script{t: t, lines: [][2]string{{"00B0000010", "6C01"}, {"00B0000001", "EE9000"}}}, T0)
		s.delay = 50 * time.Millisecond
		start := time.Now()
		if _, _, err := s.command(t.Context(), command{ins: 0xB0, ne: 16}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 50*time.Millisecond {
			t.Errorf("waited %v", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newSession(&script{t: t, lines: [][2]string{{"00B0000010", "6C01"}}}, T0)
		s.delay = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.command(ctx, command{ins: 0xB0, ne: 16}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// No profile can send anything that writes, counts a try or authenticates.
func TestGuard(t *testing.T) {
	everything := make([]classInstruction, 0, 1<<16)
	for ci := range 1 << 16 {
		everything = append(everything, classInstruction(ci))
	}
	harmful := []byte{0x04, 0x0E, 0x0F, 0x20, 0x21, 0x22, 0x24, 0x2A, 0x2C, 0x44, 0x82, 0x86, 0x87, 0x88, 0xC2, 0xC3, 0xD0, 0xD1, 0xD2, 0xD6, 0xD7, 0xDA, 0xDB, 0xDC, 0xDD, 0xE0, 0xE2, 0xE4, 0xE6, 0xE8, 0xFE}
	for cla := range 256 {
		for _, ins := range harmful {
			if permit(classInstruction(cla<<8)|classInstruction(ins), everything) == nil {
				t.Errorf("%02X%02X got through an allow list that names everything", cla, ins)
			}
		}
	}
	for _, tt := range []struct {
		pair  classInstruction
		allow []classInstruction
		want  bool
	}{
		{0x00A4, nil, true}, {0x00B0, nil, true}, {0x00B2, nil, true}, {0x00CA, nil, true}, {0x0084, nil, true},
		{0x0020, everything, false}, {0x0032, everything, false},
		{0x80B0, nil, false}, {0x80B0, []classInstruction{0x80B0}, true}, {0xC832, []classInstruction{0xC832}, true},
		{0x80D6, everything, false}, {0x0CB0, everything, false}, {0x10B0, everything, false}, {0x01A4, everything, false},
		{0xFFCA, []classInstruction{0xFFCA}, true}, {0xFFCA, nil, false}, {0xFFB0, everything, true},
		{0xFF00, everything, false}, {0xFF20, everything, false}, {0xFF82, everything, false}, {0xFF86, everything, false}, {0xFFA4, everything, false}, {0xFFD6, everything, false},
	} {
		if got := permit(tt.pair, tt.allow) == nil; got != tt.want {
			t.Errorf("%04X: permitted %v, want %v", uint16(tt.pair), got, tt.want)
		}
	}
	s := newSession(&script{t: t}, T1)
	s.allow = everything
	if _, _, err := s.command(t.Context(), command{ins: 0x20, p2: 1, data: []byte("1234")}); err == nil {
		t.Error("VERIFY was sent")
	}
}

func TestParseCommand(t *testing.T) {
	for _, tt := range []struct {
		raw string
		ok  bool
	}{
		{"00A40000", true}, {"00B0000000", true}, {"00A4000002EF05", true}, {"00A4000002EF0500", true},
		{"00A400", false}, {"00A4000003EF05", false}, {"00A4000001EF0500", false}, {"00A400000000", false},
	} {
		b, err := hex.DecodeString(tt.raw)
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseCommand(b)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.raw, err)
		}
		if err != nil {
			continue
		}
		if again, err := c.encode(T1); err != nil || hexed(again) != tt.raw {
			t.Errorf("%s became %X, %v", tt.raw, again, err)
		}
	}
	if _, err := (command{ne: 300}).encode(T0); err == nil {
		t.Error("extended length under T=0")
	}
	long, err := command{ins: 0xCB, data: make([]byte, 300), ne: 65536}.encode(T1)
	if err != nil || len(long) != 4+3+300+2 {
		t.Errorf("extended case 4: %d bytes, %v", len(long), err)
	}
}
