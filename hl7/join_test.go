package hl7

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func msh14(id, pointer string) string {
	return `MSH|^~\&|LAB|||||` + "|ORU^R01|" + id + "|P|2.5||" + pointer
}

func TestJoin(t *testing.T) {
	tests := []struct {
		name  string
		parts []string
		want  string
	}{
		{"whole already: byte for byte", []string{"\uFEFF" + msh14("1", "") + "\n\nPID|1\n"}, "\uFEFF" + msh14("1", "") + "\n\nPID|1\n"},
		{"addenda inside a message", []string{msh14("1", "") + "\rOBX|1|TX|||one \rADD|two \rADD|three|||F\rNTE|1\r"},
			msh14("1", "") + "\rOBX|1|TX|||one two three|||F\rNTE|1\r"},
		{"split between segments", []string{msh14("1", "") + "\rOBX|1\rDSC|p1\r", msh14("2", "p1") + "\rOBX|2\rDSC|p2|F\r", msh14("3", "p2") + "\rOBX|3\r"},
			msh14("1", "") + "\rOBX|1\rOBX|2\rOBX|3\r"},
		{"split inside a field", []string{msh14("1", "") + "\rOBX|1|TX|||one \rADD\rDSC|p1\r", msh14("2", "p1") + "\rADD|two||||F\rOBX|2\r"},
			msh14("1", "") + "\rOBX|1|TX|||one two||||F\rOBX|2\r"},
		{"split at a field", []string{msh14("1", "") + "\rOBX|1|TX|||one\rADD||||\rADD\rDSC|p1\r", msh14("2", "p1") + "\rADD||F\r"},
			msh14("1", "") + "\rOBX|1|TX|||one||||F\r"},
		{"one pointer for all parts", []string{msh14("1", "") + "\rOBX|1\rDSC|p\r", msh14("2", "p") + "\rOBX|2\rDSC|p\r", msh14("3", "p") + "\rOBX|3\r"},
			msh14("1", "") + "\rOBX|1\rOBX|2\rOBX|3\r"},
		{"other line ends", []string{msh14("1", "") + "\r\nOBX|1|TX|||a\nb\r\nDSC|p1\r\n", msh14("2", "p1") + "\nOBX|2\n"},
			msh14("1", "") + "\rOBX|1|TX|||a\nb\rOBX|2\r"},
		{"another character set and other delimiters", []string{msh14("1", "") + "||||UNICODE UTF-8\rOBX|1|TX|||医\rDSC|p1\r",
			wire(t, simplifiedchinese.GB18030, "MSH$%*!@$LAB$$$$$$ORU%R01$2$P$2.5$$p1$$$$GB 18030-2000\rADD$院|a^b$$F\r")},
			msh14("1", "") + "||||UNICODE UTF-8\rOBX|1|TX|||医院\\F\\a\\S\\b||F\r"},
		{"half a character at each side of the cut", []string{msh14("1", "") + "||||GBK\rOBX|1|TX|||\xb0\rADD\rDSC|p1\r", msh14("2", "p1") + "||||GBK\rADD|\xa1\r"},
			msh14("1", "") + "||||GBK\rOBX|1|TX|||\xb0\xa1\r"},
		{"half a character at each side of the cut, no set declared", []string{msh14("1", "") + "\rPID|1\rOBX|1|TX|||\xd5\xc5\xce\rADD\rDSC|p1\r", msh14("2", "p1") + "\rADD|\xb0\r"},
			msh14("1", "") + "\rPID|1\rOBX|1|TX|||\xd5\xc5\xce\xb0\r"},
		{"the last part has not come", []string{msh14("1", "") + "\rOBX|1\rDSC|p1\r"}, msh14("1", "") + "\rOBX|1\r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var parts [][]byte
			for _, p := range tt.parts {
				parts = append(parts, []byte(p))
			}
			got, err := Join(parts, Options{})
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %q %v\nwant %q", got, err, tt.want)
			}
			if c := parse(t, string(got)).Continuation(); c.To != "" || c.Addenda {
				t.Errorf("still continued: %+v", c)
			}
		})
	}
}

func TestJoinRefuses(t *testing.T) {
	one, two := msh14("1", "")+"\rOBX|1||||first half\rDSC|p1\r", msh14("2", "p1")+"\rOBX|2||||second half\r"
	tests := []struct {
		name  string
		parts []string
		opt   Options
		want  error
	}{
		{"nothing", nil, Options{}, ErrEmpty},
		{"out of order", []string{two, one}, Options{}, ErrContinuation},
		{"another pointer", []string{one, msh14("2", "p9") + "\rOBX|2\r"}, Options{}, ErrContinuation},
		{"nothing to follow", []string{msh14("1", "") + "\r", msh14("2", "") + "\r"}, Options{}, ErrContinuation},
		{"not a message", []string{one, "HELLO"}, Options{}, ErrNoMSH},
		{"together too large", []string{one, two}, Options{MaxSize: len(one) + 5}, ErrTooLarge},
		{"a character the first part's set lacks", []string{msh14("1", "") + "||||8859/1\rDSC|p1\r", msh14("2", "p1") + "||||UNICODE UTF-8\rOBX|张\r"}, Options{}, ErrNotEncodable},
	}
	for _, tt := range tests {
		var parts [][]byte
		for _, p := range tt.parts {
			parts = append(parts, []byte(p))
		}
		if got, err := Join(parts, tt.opt); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: %q %v, want %v", tt.name, got, err, tt.want)
		}
	}
}

func TestContinuation(t *testing.T) {
	for msg, want := range map[string]Continuation{
		msh14("1", "") + "\rOBX|1":             {},
		msh14("1", "p0") + "\rDSC|p1|F":        {From: "p0", To: "p1"},
		msh14("1", "") + "\rDSC|p1|I":          {Interactive: true},
		msh14("1", "") + "\rDSC":               {},
		msh14("1", "") + "\rOBX|1\rADD|x":      {Addenda: true},
		msh14("1", `a\T\b`) + "\rDSC|c^d\rADD": {From: `a\T\b`, To: "c^d", Addenda: true},
	} {
		if got := parse(t, msg).Continuation(); got != want || got.Whole() != (want == Continuation{}) {
			t.Errorf("%q: %+v", msg, got)
		}
	}
}

func TestJoiner(t *testing.T) {
	type step struct {
		sender, msg string
		whole       int // parts of the logical message; 0: more must come
		err         error
	}
	one, two, three := msh14("1", "")+"\rOBX|1\rDSC|p1", msh14("2", "p1")+"\rOBX|2\rDSC|p2", msh14("3", "p2")+"\rOBX|3"
	tests := []struct {
		name  string
		steps []step
		left  int
	}{
		{"a message that stands alone", []step{{"A", msh14("1", ""), 1, nil}}, 0},
		{"three parts", []step{{"A", one, 0, nil}, {"A", two, 0, nil}, {"A", three, 3, nil}}, 0},
		{"other messages between", []step{{"A", one, 0, nil}, {"A", msh14("7", ""), 1, nil}, {"A", two, 0, nil}, {"B", msh14("1", ""), 1, nil}, {"A", three, 3, nil}}, 0},
		{"two senders use the same pointers", []step{{"A", one, 0, nil}, {"B", one, 0, nil}, {"B", two, 0, nil}, {"A", two, 0, nil}, {"A", three, 3, nil}, {"B", three, 3, nil}}, 0},
		{"parts repeated for a lost acknowledgement", []step{{"A", one, 0, nil}, {"A", one, 0, nil}, {"A", two, 0, nil}, {"A", two, 0, nil}, {"A", three, 3, nil}}, 0},
		{"one pointer for all parts", []step{{"A", msh14("1", "") + "\rDSC|p", 0, nil}, {"A", msh14("2", "p") + "\rDSC|p", 0, nil}, {"A", msh14("3", "p"), 3, nil}}, 0},
		{"the part before is not there", []step{{"A", two, 0, ErrContinuation}, {"A", three, 0, ErrContinuation}}, 0},
		{"of another sender it does not count", []step{{"A", one, 0, nil}, {"B", two, 0, ErrContinuation}}, 1},
		{"a pointer used again before its time", []step{{"A", one, 0, nil}, {"A", msh14("9", "") + "\rOBX|9\rDSC|p1", 0, ErrContinuation}, {"A", two, 0, nil}, {"A", three, 3, nil}}, 0},
		{"to be asked for", []step{{"A", msh14("1", "") + "\rDSC|p1|I", 1, nil}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := NewJoiner(1 << 20)
			for i, s := range tt.steps {
				parts, err := j.Add(s.sender, parse(t, s.msg), ackTime.Add(time.Duration(i)*time.Second))
				if !errors.Is(err, s.err) {
					t.Fatalf("step %d: %v, want %v", i+1, err, s.err)
				}
				switch {
				case parts == nil && s.whole > 0, parts != nil && len(parts.Raw) != s.whole:
					t.Fatalf("step %d: %+v, want %d parts", i+1, parts, s.whole)
				case parts != nil:
					if _, err := Join(parts.Raw, Options{}); err != nil || parts.Sender != s.sender {
						t.Fatalf("step %d: %v", i+1, err)
					}
				}
			}
			if n, size := j.Waiting(); n != tt.left || n == 0 && size != 0 {
				t.Errorf("%d messages of %d bytes are left", n, size)
			}
		})
	}
}

func TestJoinerGivesUp(t *testing.T) {
	j := NewJoiner(1 << 20)
	for i, s := range []string{"A", "B", "C"} {
		if _, err := j.Add(s, parse(t, msh14("1", "")+"\rDSC|p1"), ackTime.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	given := j.Expire(ackTime.Add(2 * time.Minute))
	if len(given) != 2 || given[0].Sender != "A" || given[1].Sender != "B" || len(given[0].Raw) != 1 {
		t.Errorf("%+v", given)
	}
	if _, err := j.Add("A", parse(t, msh14("2", "p1")), ackTime); !errors.Is(err, ErrContinuation) {
		t.Errorf("what was given up is gone: %v", err)
	}
	if n, _ := j.Waiting(); n != 1 {
		t.Errorf("%d left", n)
	}
}

func TestJoinerIsBounded(t *testing.T) {
	j := NewJoiner(10_000)
	taken := 0
	for i := range 1000 {
		switch _, err := j.Add(strings.Repeat("s", i+1), parse(t, msh14("1", "")+"\rDSC|p"), ackTime); {
		case err == nil:
			taken++
		case !errors.Is(err, ErrJoinerFull):
			t.Fatal(err)
		}
	}
	if n, size := j.Waiting(); taken == 0 || taken == 1000 || n != taken || size > 10_000 {
		t.Errorf("%d taken, %d waiting, %d bytes", taken, n, size)
	}
	if _, err := j.Add("s", parse(t, msh14("2", "p")), ackTime); err != nil {
		t.Errorf("a last part needs no room: %v", err)
	}
	j.Expire(ackTime.Add(time.Hour))
	if n, size := j.Waiting(); n != 0 || size != 0 {
		t.Errorf("%d waiting, %d bytes", n, size)
	}
}

// FuzzJoin: a message cut anywhere behind its header and sent in two parts is the
// same message again, and arbitrary parts never do harm.
func FuzzJoin(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b, []byte("OBX|1"), 60) })
	f.Add([]byte(msh14("1", "")+"\rOBX|1|TX|||one\rADD|two\rDSC|p1"), []byte(msh14("2", "p1")+"\rADD|x"), 70)
	f.Fuzz(func(t *testing.T, a, b []byte, cut int) {
		for _, parts := range [][][]byte{{a}, {a, b}} {
			if out, err := Join(parts, Options{}); err == nil {
				if _, err := Parse(out, Options{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		m, err := Parse(a, Options{})
		if err != nil || m.wide != narrow || !m.Continuation().Whole() {
			return
		}
		whole := canonical(m)
		head := m.segs[0]
		if cut <= int(head.end)+1 || cut >= len(whole) || whole[cut] == '\r' || whole[cut-1] == '\r' {
			return
		}
		d := string(m.cur.d.Field)
		msh := head.Raw()
		if head.Fields() > 13 || m.cur.cs.torn(msh) {
			return
		}
		pointer := strings.Repeat(d, 14-head.Fields()) + "p"
		one := string(whole[:cut]) + "\rADD\rDSC" + d + "p\r"
		two := string(msh) + pointer + "\rADD" + d + string(whole[cut:])
		opt := Options{Charset: m.cur.cs.name}
		out, err := Join([][]byte{[]byte(one), []byte(two)}, opt)
		if err != nil {
			return // a cut inside a character may hide a delimiter of its part
		}
		if !bytes.Equal(out, whole) && m.cur.cs.charLen == nil && !m.cur.cs.escaped {
			t.Fatalf("cut at %d: %q, want %q", cut, out, whole)
		}
	})
}

// canonical is m with a carriage return behind each segment and nothing else
// between them.
func canonical(m *Message) []byte {
	var out []byte
	for _, s := range m.segs {
		out = append(append(out, s.Raw()...), '\r')
	}
	return out
}

// FuzzJoiner: whatever parts come in whatever order, memory stays in its bounds,
// what is given out can be joined, and nothing is left behind.
func FuzzJoiner(f *testing.F) {
	f.Add([]byte{0o10, 0o12, 0o21, 0o20, 0o01, 0o10})
	f.Add([]byte{0o11, 0o111, 0o11, 0o10})
	f.Add([]byte{0o01, 0o12, 0o02, 0o20})
	f.Fuzz(func(t *testing.T, script []byte) {
		const limit = 3000
		j := NewJoiner(limit)
		pointers := []string{"", "p", "q", "r"}
		for i, b := range script {
			msg := msh14("1", pointers[b&3]) + "\rOBX|" + string(rune('a'+b>>6)) + "\rDSC|" + pointers[b>>3&3] + "\r"
			parts, err := j.Add(string(rune('A'+b>>5&1)), parse(t, msg), ackTime.Add(time.Duration(i)*time.Second))
			if n, size := j.Waiting(); size > limit || size < n*partCost {
				t.Fatalf("%d messages of %d bytes", n, size)
			}
			if parts == nil {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Join(parts.Raw, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := j.Waiting()
		if given := j.Expire(ackTime.Add(time.Hour * 1e5)); len(given) != before {
			t.Fatalf("%d given up of %d", len(given), before)
		}
		if n, size := j.Waiting(); n != 0 || size != 0 {
			t.Fatalf("%d messages of %d bytes are left", n, size)
		}
	})
}
