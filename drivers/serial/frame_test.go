package serial

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// cut feeds stream in chunks of size and returns the scans and the run-ons.
func cut(f Framing, stream string, size int) (scans []string, runOns int) {
	fr := framer{Framing: f.withDefaults()}
	scan := func(b []byte) { scans = append(scans, string(b)) }
	for b := []byte(stream); len(b) > 0; {
		n := min(size, len(b))
		fr.feed(b[:n], scan, func() { runOns++ })
		b = b[n:]
	}
	if fr.pending() {
		fr.end(scan) // the gap passes
	}
	return scans, runOns
}

func TestFraming(t *testing.T) {
	for _, c := range []struct {
		name    string
		framing Framing
		stream  string
		want    []string
		runOns  int
	}{
		{name: "CR", stream: "A\rB\r", want: []string{"A", "B"}},
		{name: "LF", stream: "A\nB\n", want: []string{"A", "B"}},
		{name: "CR LF", stream: "A\r\nB\r\n", want: []string{"A", "B"}},
		{name: "ETX, with STX", stream: "\x02A\x03\x02B\x03", want: []string{"\x02A", "\x02B"}},
		{name: "no terminator", stream: "A", want: []string{"A"}},
		{name: "TAB by the gap", stream: "A\t", want: []string{"A\t"}},
		{name: "TAB as terminator", framing: Framing{Terminators: "\t"}, stream: "A\tB\r\t", want: []string{"A", "B\r"}},
		{name: "line ends inside", framing: Framing{GapOnly: true}, stream: "A\r\nB", want: []string{"A\r\nB"}},
		{name: "longest", framing: Framing{Max: 4}, stream: "AAAA\r", want: []string{"AAAA"}},
		{name: "run-on", framing: Framing{Max: 4}, stream: "AAAAA\rB\r", want: []string{"B"}, runOns: 1},
		{name: "long run-on is told once", framing: Framing{Max: 4}, stream: strings.Repeat("A", 1000) + "\rB\r", want: []string{"B"}, runOns: 1},
		{name: "run-on up to the gap", framing: Framing{Max: 4}, stream: "AAAAAAAA", runOns: 1},
		{name: "two run-ons", framing: Framing{Max: 4}, stream: "AAAAA\rAAAAA\r", runOns: 2},
		{name: "nothing", stream: "\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 4096} {
				if got, runOns := cut(c.framing, c.stream, size); !slices.Equal(got, c.want) || runOns != c.runOns {
					t.Errorf("chunks of %d: %q, %d run-ons; want %q, %d", size, got, runOns, c.want, c.runOns)
				}
			}
		})
	}
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		names string
		want  Framing
		err   bool
	}{
		{names: "", want: Framing{}},
		{names: "cr", want: Framing{Terminators: "\r"}},
		{names: "crlf", want: Framing{Terminators: "\r\n"}},
		{names: "tab etx", want: Framing{Terminators: "\t\x03"}},
		{names: "gap", want: Framing{GapOnly: true}},
		{names: "cr gap", err: true},
		{names: "enter", err: true},
	} {
		got, err := Ends(strings.Fields(c.names)...)
		if got != c.want || (err != nil) != c.err {
			t.Errorf("%q: %+v, %v", c.names, got, err)
		}
	}
}

func TestPrefixAndSuffixAreTakenOff(t *testing.T) {
	f := Framing{Prefix: "\x02QR:", Suffix: "#"}
	for scan, want := range map[string]string{
		"\x02QR:A1#": "A1",
		"A1#":        "A1",
		"\x02QR:A1":  "A1",
		"A#1":        "A#1", // only at the end
		"\x02QR:#":   "",
		"\x02QR":     "\x02QR",
	} {
		if got := string(f.strip([]byte(scan))); got != want {
			t.Errorf("%q becomes %q, want %q", scan, got, want)
		}
	}
}

func TestRubbish(t *testing.T) {
	for scan, want := range map[string]bool{
		"990101190001010018":       false,
		"样例0001":                   false,
		"\xD1\xF9\xC0\xFD0001":     false, // GBK
		"[)>\x1E06\x1D1T5\x1E\x04": false, // ISO/IEC 15434
		"\x02MRN1":                 false,
		"\x00MRN1":                 false, // switched on
		"A\tB\r\nC":                false,
		"\x00":                     true,
		"\x00\xFF\x00":             true,
		"\xF8\x06\x1E\x18":         true, // 9600 baud read at 115200
		"MRN1\x00\x00":             true,
	} {
		if got := rubbish([]byte(scan)); got != want {
			t.Errorf("%q: %t, want %t", scan, got, want)
		}
	}
}

func FuzzFraming(f *testing.F) {
	f.Add([]byte("A\r\nB\x03"), uint8(3), uint8(8))
	f.Add(bytes.Repeat([]byte("A"), 100), uint8(7), uint8(8))
	f.Fuzz(func(t *testing.T, stream []byte, size, limit uint8) {
		framing := Framing{Max: int(limit) + 1}
		whole, runOns := cut(framing, string(stream), len(stream)+1)
		parts, runOnsParts := cut(framing, string(stream), int(size)+1)
		if !slices.Equal(whole, parts) || runOns != runOnsParts {
			t.Fatal("framing depends on how the bytes arrive")
		}
		for _, s := range whole {
			if len(s) == 0 || len(s) > framing.Max || strings.ContainsAny(s, "\r\n\x03") {
				t.Fatalf("scan of %d bytes", len(s))
			}
		}
	})
}
