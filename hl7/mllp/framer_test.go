package mllp

import (
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
		{"a frame given up for a new one", "\x0bA part\x0bMSH|B\x1c\r", []string{"MSH|B"}, Faults{Fragments: 1}, nil},
		{"a frame given up for a batch", "\x0bA part\x0bFHS|B\x1c\r", []string{"FHS|B"}, Faults{Fragments: 1}, nil},
		{"a frame given up for one with a byte order mark", "\x0bA part\x0b\uFEFFMSH|B\x1c\r", []string{"\uFEFFMSH|B"}, Faults{Fragments: 1}, nil},
		{"VT inside a field", "\x0bA\x0bMS\x1c\r\x0bB\x0bMSX|\x1c\r", []string{"A\x0bMS", "B\x0bMSX|"}, Faults{InnerVT: 2}, nil},
		{"VT inside, then the end", "\x0bA\x0b\x1c\r", []string{"A\x0b"}, Faults{InnerVT: 1}, nil},
		{"two VT inside, then a new frame", "\x0bA\x0b\x0bMSH\x1c\r", []string{"MSH"}, Faults{InnerVT: 1, Fragments: 1}, nil},
		{"the stream ends behind a VT", "\x0bA\x0bMS", nil, Faults{Fragments: 1}, nil},
		{"FS inside a field", "\x0bA\x1cB\x1c\r", []string{"A\x1cB"}, Faults{InnerFS: 1}, nil},
		{"two FS inside", "\x0bA\x1cB\x1cC\x1c\r", []string{"A\x1cB\x1cC"}, Faults{InnerFS: 2}, nil},
		{"FS behind a segment and garbage, then a new frame", "\x0bA\r\x1cxy\x0bMSH\x1c\r", []string{"A\r", "MSH"}, Faults{InnerFS: 1, NoCR: 1, GarbageBytes: 2}, nil},
		{"FS behind a segment and garbage, then nothing", "\x0bA\r\x1cxy", []string{"A\r"}, Faults{InnerFS: 1, NoCR: 1, GarbageBytes: 2}, nil},
		{"FS in a field of a frame given up", "\x0bA\x1cxy\x0bMSH\x1c\r", []string{"MSH"}, Faults{InnerFS: 1, Fragments: 1}, nil},
		{"FS in a field of a frame that never ends", "\x0bA\x1cxy", nil, Faults{InnerFS: 1, Fragments: 1}, nil},
		{"the stream ends mid-frame", "\x0bA\x1c\r\x0bB part", []string{"A"}, Faults{Fragments: 1}, nil},
		{"empty frame", "\x0b\x1c\r", []string{""}, Faults{}, nil},
		{"CR and LF inside", "\x0bA\rB\nC\r\x1c\r", []string{"A\rB\nC\r"}, Faults{}, nil},
		{"unframed HL7", "MSH|^~\\&|A\r", nil, Faults{GarbageBytes: 3}, ErrUnframed},
		{"unframed HL7 behind a byte order mark", "\uFEFFMSH|^~\\&|A\r", nil, Faults{GarbageBytes: 6}, ErrUnframed},
		{"unframed batch", "\r\nFHS|^~\\&|A\r", nil, Faults{GarbageBytes: 3, FillerBytes: 2}, ErrUnframed},
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

func TestFramerFlush(t *testing.T) {
	tests := []struct {
		name, first, rest string
		whole             bool
		want              []string
		faults            Faults
	}{
		{"and a late CR", "\x0bA\r\x1c", "\r\x0bB\x1c\r", true, []string{"A\r", "B"}, Faults{}},
		{"and no CR", "\x0bA\r\x1c", "\x0bB\x1c\r", true, []string{"A\r", "B"}, Faults{NoCR: 1}},
		{"and a line feed for CR", "\x0bA\r\x1c", "\n\x0bB\x1c\r", true, []string{"A\r", "B"}, Faults{NoCR: 1, FillerBytes: 1}},
		{"and silence", "\x0bA\r\x1c", "", true, []string{"A\r"}, Faults{NoCR: 1}},
		{"of a message whose last segment has no CR", "\x0bA\x1c", "\r", false, []string{"A"}, Faults{}},
		{"of an empty frame", "\x0b\x1c", "", false, []string{""}, Faults{NoCR: 1}},
		{"inside a frame does nothing", "\x0bA\r", "B\x1c\r", false, []string{"A\rB"}, Faults{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f Framer
			var msgs []string
			emit := func(m []byte) error { msgs = append(msgs, string(m)); return nil }
			if err := f.Feed([]byte(tt.first), emit); err != nil || f.Whole() != tt.whole {
				t.Fatalf("%v, whole %v", err, f.Whole())
			}
			if err := errors.Join(f.Flush(emit), f.Flush(emit), f.Feed([]byte(tt.rest), emit), f.Close(emit)); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(msgs, tt.want) || f.Faults() != tt.faults {
				t.Errorf("%q %+v", msgs, f.Faults())
			}
		})
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
	if err := f.Feed([]byte("\x0bone\x0bMSH|two\x1c\r\x0bthree"), emit); err != nil {
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
		"\x0bA\x1c\r", "\x0bA\x1c\r\x0bB\x1c\r", "\x0bA\x1cB\x1c\r", "\x0b\x0bA\x1c\x0bB\x1c\n", "MSH|", "GET / ", "\x16\x03\x01", "\x0bA\r\x1cxy\x0bMSH\x1c\r", "\x0bA\x0b\x0bMSH\x1cB\x0bFH\x1c\r", "\r\n\x00\x0b\x1c\x1c\r",
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

// BenchmarkFramer: no stream costs much more a byte than the usual one, however
// it is made up.
func BenchmarkFramer(b *testing.B) {
	const size = 1 << 20
	for _, tt := range []struct {
		name, stream string
		portion      int
	}{
		{"messages of 1.6 KB", strings.Repeat("\x0b"+strings.Repeat("PID|1||100001^^^HIS^MR\r", 70)+"\x1c\r", 650), readSize},
		{"one of 1 MB", "\x0b" + strings.Repeat("x", size) + "\x1c\r", readSize},
		{"one of 1 MB in portions of 100", "\x0b" + strings.Repeat("x", size) + "\x1c\r", 100},
		{"full of VT", "\x0bx" + strings.Repeat("\x0babc", size/4), readSize},
		{"full of FS", "\x0bx" + strings.Repeat("\x1cabc", size/4), readSize},
		{"full of new frames", strings.Repeat("\x0bMSH", size/4), readSize},
	} {
		b.Run(tt.name, func(b *testing.B) {
			emit := func([]byte) error { return nil }
			b.SetBytes(int64(len(tt.stream)))
			b.ReportAllocs()
			stream := []byte(tt.stream)
			for b.Loop() {
				f := Framer{Max: 2 * size}
				for p := stream; len(p) > 0; {
					n := min(len(p), tt.portion)
					if err := f.Feed(p[:n], emit); err != nil {
						b.Fatal(err)
					}
					p = p[n:]
				}
			}
		})
	}
}
