package mllp

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// feed runs a stream through a framer in portions of the sizes given (the last
// repeats) and ends it.
func feed(t testing.TB, stream string, sizes ...int) ([]string, Faults, error) {
	t.Helper()
	f := Framer{Max: 1 << 20}
	var msgs []string
	emit := func(m []byte) error { msgs = append(msgs, string(m)); return nil }
	for i := 0; len(stream) > 0; i++ {
		n := min(max(sizes[min(i, len(sizes)-1)], 1), len(stream))
		if err := f.Feed([]byte(stream[:n]), emit); err != nil {
			return msgs, f.Faults(), err
		}
		stream = stream[n:]
	}
	err := f.Close(emit)
	return msgs, f.Faults(), err
}

func TestFramer(t *testing.T) {
	tests := []struct {
		name, stream string
		want         []string
		faults       Faults
		err          error
	}{
		{"canonical", "\x0bA\x1c\r", []string{"A"}, Faults{}, nil},
		{"two in one packet", "\x0bA\x1c\r\x0bB\x1c\r", []string{"A", "B"}, Faults{}, nil},
		{"FS without CR at the end of the stream", "\x0bA\x1c", []string{"A"}, Faults{NoCR: 1}, nil},
		{"FS VT", "\x0bA\x1c\x0bB\x1c\r", []string{"A", "B"}, Faults{NoCR: 1}, nil},
		{"FS LF", "\x0bA\x1c\n\x0bB\x1c\r", []string{"A", "B"}, Faults{NoCR: 1, FillerBytes: 1}, nil},
		{"FS CR LF", "\x0bA\x1c\r\n\x0bB\x1c\r\n", []string{"A", "B"}, Faults{FillerBytes: 2}, nil},
		{"doubled FS", "\x0bA\x1c\x1c\r", []string{"A"}, Faults{NoCR: 1}, nil},
		{"filler between frames", "\r\n \x00\t\x0bA\x1c\r\x00", []string{"A"}, Faults{FillerBytes: 6}, nil},
		{"garbage before VT", "xyz\x0bA\x1c\r", []string{"A"}, Faults{GarbageBytes: 3}, nil},
		{"doubled VT", "\x0b\x0bA\x1c\r", []string{"A"}, Faults{DoubledStart: 1}, nil},
		{"a frame given up for a new one", "\x0bA part\x0bB\x1c\r", []string{"B"}, Faults{Fragments: 1}, nil},
		{"FS inside a field", "\x0bA\x1cB\x1c\r", []string{"A\x1cB"}, Faults{InnerFS: 1}, nil},
		{"two FS inside", "\x0bA\x1cB\x1cC\x1c\r", []string{"A\x1cB\x1cC"}, Faults{InnerFS: 2}, nil},
		{"FS and garbage, then a new frame", "\x0bA\x1cxy\x0bB\x1c\r", []string{"A", "B"}, Faults{InnerFS: 1, NoCR: 1, GarbageBytes: 2}, nil},
		{"the stream ends mid-frame", "\x0bA\x1c\r\x0bB part", []string{"A"}, Faults{Fragments: 1}, nil},
		{"empty frame", "\x0b\x1c\r", []string{""}, Faults{}, nil},
		{"CR and LF inside", "\x0bA\rB\nC\r\x1c\r", []string{"A\rB\nC\r"}, Faults{}, nil},
		{"unframed HL7", "MSH|^~\\&|A\r", nil, Faults{GarbageBytes: 3}, ErrUnframed},
		{"HTTP", "GET / HTTP/1.1\r\n", nil, Faults{GarbageBytes: 4, FillerBytes: 1}, ErrHTTP},
		{"HTTP POST", "POST /x HTTP/1.1\r\n", nil, Faults{GarbageBytes: 4}, ErrHTTP},
		{"TLS hello", "\x16\x03\x01\x02\x00", nil, Faults{GarbageBytes: 2}, ErrTLS},
		{"garbage without end", strings.Repeat("z", maxGarbage+1), nil, Faults{GarbageBytes: maxGarbage + 1}, ErrGarbage},
		{"too large", "\x0b" + strings.Repeat("z", 1<<20+1), nil, Faults{}, ErrTooLarge},
		{"as large as may be", "\x0b" + strings.Repeat("z", 1<<20) + "\x1c\r", []string{strings.Repeat("z", 1<<20)}, Faults{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{len(tt.stream), 1, 2, 3, 7} {
				msgs, faults, err := feed(t, tt.stream, size)
				if !slices.Equal(msgs, tt.want) {
					t.Fatalf("portions of %d: got %q, want %q", size, msgs, tt.want)
				}
				if faults != tt.faults {
					t.Errorf("portions of %d: faults %+v, want %+v", size, faults, tt.faults)
				}
				if !errors.Is(err, tt.err) {
					t.Errorf("portions of %d: error %v, want %v", size, err, tt.err)
				}
			}
		})
	}
}

func TestFramerFlushAcceptsAtOnceAndSwallowsTheLateCR(t *testing.T) {
	var f Framer
	var msgs []string
	emit := func(m []byte) error { msgs = append(msgs, string(m)); return nil }
	steps := []func() error{
		func() error { return f.Feed([]byte("\x0bA\x1c"), emit) },
		func() error { return f.Flush(emit) },
		func() error { return f.Feed([]byte("\r"), emit) },
		func() error { return f.Feed([]byte("\x0bB\x1c\r"), emit) },
		func() error { return f.Flush(emit) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if i == 1 && !slices.Equal(msgs, []string{"A"}) {
			t.Fatalf("after the flush: %q", msgs)
		}
	}
	if !slices.Equal(msgs, []string{"A", "B"}) || f.Faults() != (Faults{NoCR: 1}) {
		t.Errorf("%q %+v", msgs, f.Faults())
	}
}

func TestFramerGivesMessagesAway(t *testing.T) {
	var f Framer
	var first []byte
	emit := func(m []byte) error {
		if first == nil {
			first = m
		}
		return nil
	}
	buf := []byte("\x0bFIRST\x1c\r")
	if err := f.Feed(buf, emit); err != nil {
		t.Fatal(err)
	}
	copy(buf, "\x0bOTHER\x1c\r")
	if err := f.Feed(buf, emit); err != nil {
		t.Fatal(err)
	}
	if string(first) != "FIRST" {
		t.Errorf("a message handed out changed to %q", first)
	}
}

func TestFragmentsAreKept(t *testing.T) {
	var got []string
	f := Framer{OnFragment: func(b []byte) { got = append(got, string(b)) }}
	emit := func([]byte) error { return nil }
	if err := f.Feed([]byte("\x0bone\x0btwo\x1c\r\x0bthree"), emit); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(emit); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("%q", got)
	}
}

// FuzzFramer: the way a stream is split changes neither messages nor counts.
func FuzzFramer(f *testing.F) {
	for _, s := range []string{
		"\x0bA\x1c\r", "\x0bA\x1c\r\x0bB\x1c\r", "\x0bA\x1cB\x1c\r", "\x0b\x0bA\x1c\x0bB\x1c\n", "MSH|", "GET / ", "\x16\x03\x01", "\x0bA\x1cxy\x0bB\x1c\r", "\r\n\x00\x0b\x1c\x1c\r",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		want, faults, err := feed(t, string(stream), max(1, len(stream)))
		total := 0
		for _, m := range want {
			total += len(m)
		}
		if total > len(stream) {
			t.Fatal("more came out than went in")
		}
		r := rand.New(rand.NewPCG(seed, 1))
		sizes := make([]int, len(stream)+1)
		for i := range sizes {
			sizes[i] = 1 + r.IntN(5)
		}
		for _, sizes := range [][]int{{1}, sizes} {
			got, f2, err2 := feed(t, string(stream), sizes...)
			if !slices.Equal(got, want) || f2 != faults || !errors.Is(err2, err) {
				t.Fatalf("split: %q %+v %v, whole: %q %+v %v", got, f2, err2, want, faults, err)
			}
		}
	})
}

func BenchmarkFramer(b *testing.B) {
	stream := bytes.Repeat(AppendFrame(nil, bytes.Repeat([]byte("PID|1||100001^^^HIS^MR\r"), 70)), 100)
	emit := func([]byte) error { return nil }
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		var f Framer
		for p := stream; len(p) > 0; {
			n := min(len(p), readSize)
			if err := f.Feed(p[:n], emit); err != nil {
				b.Fatal(err)
			}
			p = p[n:]
		}
	}
}
