package hl7

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// behaviour is one thing a gateway must get right about messages as they come in
// life. Every message that is accepted must also come back byte for byte.
type behaviour struct {
	name  string
	msg   string
	opt   Options
	err   error             // Parse refuses
	text  map[string]string // path: Text, for values that are there
	raw   map[string]string // path: Raw
	kinds map[string]Kind
	warn  []WarningCode // all there are, in order
	check func(t *testing.T, m *Message)
}

func conform(t *testing.T, behaviours []behaviour) {
	t.Helper()
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) {
			if b.err != nil {
				if _, err := Parse([]byte(b.msg), b.opt); !errors.Is(err, b.err) {
					t.Fatalf("error %v, want %v", err, b.err)
				}
				return
			}
			m := parse(t, b.msg, b.opt)
			for path, want := range b.text {
				if v := get(t, m, path); v.Text() != want {
					t.Errorf("%s = %q, want %q", path, v.Text(), want)
				}
			}
			for path, want := range b.raw {
				if v := get(t, m, path); string(v.Raw()) != want {
					t.Errorf("%s raw %q, want %q", path, v.Raw(), want)
				}
			}
			for path, want := range b.kinds {
				if v := get(t, m, path); v.Kind() != want {
					t.Errorf("%s is %v, want %v", path, v.Kind(), want)
				}
			}
			var codes []WarningCode
			for _, w := range m.Warnings() {
				codes = append(codes, w.Code)
			}
			if !slices.Equal(codes, b.warn) {
				t.Errorf("warnings %v, want %v", codes, b.warn)
			}
			if b.check != nil {
				b.check(t, m)
			}
		})
	}
}

// The start of a message nothing is odd about.
const plainMSH = `MSH|^~\&|A|B|C|D|20260101||ADT^A01|1|P|2.5.1`

func names(m *Message) string {
	var out []string
	for _, s := range m.Segments() {
		out = append(out, s.Name())
	}
	return strings.Join(out, " ")
}

func wantNames(want string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		if got := names(m); got != want {
			t.Errorf("segments %q, want %q", got, want)
		}
	}
}

func wantType(code, trigger, structure string) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		if c, tr, s := m.Type(); c != code || tr != trigger || s != structure {
			t.Errorf("type %q %q %q", c, tr, s)
		}
	}
}

func TestConformanceStructure(t *testing.T) {
	conform(t, []behaviour{
		{name: "MSH-1 and MSH-2 are the delimiters and MSH-3 is the next field", msg: plainMSH,
			text: map[string]string{"MSH-1": "|", "MSH-2": `^~\&`, "MSH-3": "A", "MSH-9.2": "A01"}},
		{name: "other delimiters are used for all that follows", msg: "MSH$%~\\&$A$$$$$$ADT%A01$1$P$2.5\rPID$1$$7%x^|$y",
			text: map[string]string{"MSH-1": "$", "MSH-3": "A", "MSH-9.2": "A01", "PID-3.2": "x^|", "PID-4": "y"}},
		{name: "without escape and subcomponent characters both are data", msg: "MSH|^~|A|||||||1\rPID|a\\F\\&b",
			text: map[string]string{"PID-1": `a\F\&b`}, check: func(t *testing.T, m *Message) {
				if err := m.Set("PID-2", `c\&`); err != nil || !strings.HasPrefix(string(m.Bytes()), "MSH|^~|") {
					t.Errorf("%q %v", m.Bytes(), err)
				}
			}},
		{name: "with the component separator alone repetition is data too", msg: "MSH|^|A|||||||1\rPID|a~b^c",
			text: map[string]string{"PID-1": "a~b", "PID-1.2": "c"}},
		{name: "the truncation character is data and has its escape", msg: "MSH|^~\\&#|A|||||||1\rPID|a#b\\P\\", text: map[string]string{"PID-1": "a#b#"}},
		{name: "equal delimiters are refused", msg: `MSH|^^\&|A`, err: ErrBadDelimiters},
		{name: "a letter as delimiter is refused", msg: `MSH|a~\&|A`, err: ErrBadDelimiters},
		{name: "a carriage return in the delimiters is refused", msg: "MSH|\r~\\&|A", err: ErrBadDelimiters},
		{name: "a block character in the delimiters is refused", msg: "MSH|^\x0b\\&|A", err: ErrBadDelimiters},
		{name: "nothing is refused", msg: "", err: ErrEmpty},
		{name: "white space is refused", msg: " \r\n\t", err: ErrEmpty},
		{name: "a header cut short is refused", msg: "MSH|^~", err: ErrTooShort},
		{name: "a header in small letters is refused", msg: `msh|^~\&|A`, err: ErrNoMSH},
		{name: "another first segment is refused", msg: "PID|1||7", err: ErrNoMSH},
		{name: "a byte order mark is passed over and kept", msg: "\uFEFF" + plainMSH + "\rPID|1||张", text: map[string]string{"PID-3": "张"},
			warn: []WarningCode{WarnByteOrderMark}},
		{name: "segments end with CR", msg: plainMSH + "\rEVN|1\rPID|2\r", check: wantNames("MSH EVN PID")},
		{name: "segments end with LF when there is no CR", msg: plainMSH + "\nEVN|1\nPID|2\n", check: wantNames("MSH EVN PID")},
		{name: "segments end with CRLF", msg: plainMSH + "\r\nEVN|1\r\nPID|2\r\n", check: wantNames("MSH EVN PID")},
		{name: "mixed line ends: once there is a CR a lone LF is data", msg: plainMSH + "\rNTE|1||a\nEVN|1\r\nPID|2", check: wantNames("MSH NTE PID")},
		{name: "LF inside a value stays", msg: plainMSH + "\rOBX|1|TX|||a\nb\rPID|2\r", text: map[string]string{"OBX-5": "a\nb"}},
		{name: "the last segment needs no terminator", msg: plainMSH + "\rPID|2||9", text: map[string]string{"PID-3": "9"}},
		{name: "empty lines, NULs and blanks between segments are skipped and kept", msg: plainMSH + "\r\r\x00 \rPID|2\r\n\r\x00", check: wantNames("MSH PID")},
		{name: "a segment without fields", msg: plainMSH + "\rZXX\rPID|1", check: func(t *testing.T, m *Message) {
			if s, ok := m.Segment("ZXX", 1); !ok || s.Fields() != 0 || s.Field(1).Kind() != Absent {
				t.Error("ZXX is not there, or has fields")
			}
		}},
		{name: "odd segment names are kept and shown", msg: plainMSH + "\rP|1\rPI|2\rPIDX|3\rpid|4\rPID|5",
			text: map[string]string{"P-1": "1", "PI-1": "2", "PIDX-1": "3", "pid-1": "4", "PID-1": "5"},
			warn: []WarningCode{WarnSegmentName, WarnSegmentName, WarnSegmentName, WarnSegmentName}},
		{name: "a line without a name is kept, shown and not glued on", msg: plainMSH + "\rOBX|1|ED|||QUJD\rREVG+/==\rPID|1",
			text: map[string]string{"OBX-5": "QUJD", "PID-1": "1"}, warn: []WarningCode{WarnContinuation}, check: func(t *testing.T, m *Message) {
				if w := m.Warnings()[0]; !strings.HasPrefix(string(m.Bytes()[w.Offset:]), "REVG") {
					t.Errorf("the warning points at %d", w.Offset)
				}
			}},
		{name: "Z segments stay in place", msg: plainMSH + "\rZAA|1\rPID|2\rZBB|3\rOBR|1\rZCC|4\rOBX|1", text: map[string]string{"ZCC-1": "4", "PID-1": "2"},
			check: wantNames("MSH ZAA PID ZBB OBR ZCC OBX")},
		{name: "unknown segments and wrong order hide nothing", msg: plainMSH + "\rOBX|9\rQQQ|1\rPID|2\rEVN|3", text: map[string]string{"OBX-1": "9", "PID-1": "2", "EVN-1": "3"}},
		{name: "no version", msg: `MSH|^~\&|A|B|C|D|20260101||ADT^A01|1`, kinds: map[string]Kind{"MSH-12": Absent}},
		{name: "a version nobody knows is reported as sent", msg: `MSH|^~\&|A|B|C|D|20260101||ADT^A01|1|P|2.99^USA `, check: func(t *testing.T, m *Message) {
			if m.Version() != "2.99^USA " {
				t.Errorf("version %q", m.Version())
			}
		}},
		{name: "message type: code alone", msg: `MSH|^~\&|||||||ACK|1`, check: wantType("ACK", "", "")},
		{name: "message type: code and trigger", msg: `MSH|^~\&|||||||ADT^A01|1`, check: wantType("ADT", "A01", "")},
		{name: "message type: all three", msg: `MSH|^~\&|||||||ADT^A04^ADT_A01|1`, check: wantType("ADT", "A04", "ADT_A01")},
		{name: "message type: structure alone", msg: `MSH|^~\&|||||||ORU_R01|1`, check: wantType("ORU", "R01", "ORU_R01")},
		{name: "message type: empty parts are absent", msg: `MSH|^~\&|||||||^^|1`, check: wantType("", "", "")},
		{name: "more fields, components and repetitions than the standard has are kept", msg: plainMSH + "\rEVN|A01" + strings.Repeat("|x", 200) + "\rPID|1||7" + strings.Repeat("^c", 50) + strings.Repeat("~r", 50),
			text: map[string]string{"EVN-1": "A01", "EVN-201": "x", "PID-3": "7", "PID-3.51": "c", "PID-3[51]": "r"}},
		{name: "trailing separators mean nothing and are kept", msg: plainMSH + "\rPID|1||7^^&&^~~|~|^^|&|||\r",
			text:  map[string]string{"PID-3": "7"},
			kinds: map[string]Kind{"PID-3.2": Absent, "PID-3.3": Absent, "PID-3[2]": Absent, "PID-4": Absent, "PID-5": Absent, "PID-6": Absent, "PID-9": Absent}},
		{name: "repetitions are counted and addressed", msg: plainMSH + "\rPID|1||7^A~~9^B", text: map[string]string{"PID-3(3).1": "9", "PID-3.1": "7"},
			kinds: map[string]Kind{"PID-3[2]": Absent}, check: func(t *testing.T, m *Message) {
				if pid, _ := m.Segment("PID", 1); pid.Field(3).Reps() != 3 {
					t.Errorf("%d repetitions", pid.Field(3).Reps())
				}
			}},
		{name: "a component with subcomponents: Text is the first, Raw is all", msg: plainMSH + "\rPID|1||A&B^C",
			text: map[string]string{"PID-3.1": "A", "PID-3.1.1": "A", "PID-3.1.2": "B"}, raw: map[string]string{"PID-3.1": "A&B"}},
		{name: "component 1 of a plain field is the field", msg: plainMSH + "\rPID|1||||DOE", text: map[string]string{"PID-5.1": "DOE"}, kinds: map[string]Kind{"PID-5.2": Absent}},
		{name: "all ways to write a path lead to the same place", msg: plainMSH + "\rPID|1||7^x&y\rOBX|1||||a\rOBX|2||||b",
			text: map[string]string{"PID-3(1).2": "x", "PID-3[1].2.1": "x", "PID.3.2": "x", "PID-3-2-1": "x", "/PID-3.2": "x", "OBX(2)-5": "b", "OBX[2].5": "b", "MSH/OBX[2]-5": "b"}},
		{name: "OBX-5 is what OBX-2 says", msg: plainMSH + "\rOBX|1|NM|c||5.0\rOBX|2|TX|c||one~two", check: func(t *testing.T, m *Message) {
			var got []string
			for _, s := range m.All("OBX") {
				o, _ := s.Observation()
				n, _ := o.Value().Number()
				got = append(got, o.Type, n, o.Narrative())
			}
			if !slices.Equal(got, []string{"NM", "5.0", "", "TX", "", "one\ntwo"}) {
				t.Errorf("%q", got)
			}
			if get(t, m, "OBX[2]-5").Text() != "one" {
				t.Error("repetitions of TX are joined only on demand")
			}
		}},
		{name: "null is not absent and not a text with quotes", msg: plainMSH + "\rPID|\"\"||\"\" |\"\"\"\"|A^\"\"^B",
			kinds: map[string]Kind{"PID-1": Null, "PID-2": Absent, "PID-3": Text, "PID-4": Text, "PID-5": Text, "PID-5.2": Null, "PID-5.3": Text},
			text:  map[string]string{"PID-3": `"" `, "PID-4": `""""`, "PID-5": "A"}},
		{name: "null and absent stay what they are in another encoding", msg: plainMSH + "\rPID|\"\"||A^\"\"", check: func(t *testing.T, m *Message) {
			out, err := m.Recode("GB18030", Delimiters{Field: '$', Component: '%', Repetition: '*', Escape: '!', Subcomponent: '@'})
			if err != nil {
				t.Fatal(err)
			}
			r := parse(t, string(out))
			if get(t, r, "PID-1").Kind() != Null || get(t, r, "PID-2").Kind() != Absent || get(t, r, "PID-3.2").Kind() != Null {
				t.Errorf("%q", out)
			}
		}},
		{name: "a value of 64 KB", msg: plainMSH + "\rOBX|1|ST|||" + strings.Repeat("x", 64<<10), check: wantLength(64 << 10)},
		{name: "a value of 1 MB", msg: plainMSH + "\rOBX|1|ST|||" + strings.Repeat("x", 1<<20), check: wantLength(1 << 20)},
		{name: "a value of nearly the limit", msg: plainMSH + "\rOBX|1|ST|||" + strings.Repeat("x", DefaultMaxSize-100), check: wantLength(DefaultMaxSize - 100)},
		{name: "beyond the limit", msg: plainMSH + "\rOBX|1|ST|||" + strings.Repeat("x", DefaultMaxSize), err: ErrTooLarge},
		{name: "100 000 segments", msg: plainMSH + strings.Repeat("\rOBX|1|NM|||5", 100_000), text: map[string]string{"OBX[100000]-5": "5"}, check: func(t *testing.T, m *Message) {
			last := 0
			for n := range m.All("OBX") {
				last = n
			}
			if last != 100_000 {
				t.Errorf("%d walked", last)
			}
		}},
		{name: "what comes in odd goes out odd", msg: "\uFEFF\r\n " + plainMSH + "||||\r\r\n\x00PID|1|\"\"|^~&\\|a\\Z1\\b\\|  \n\rZZZ\r \r\x00\x00",
			warn: []WarningCode{WarnByteOrderMark, WarnLeadingFiller, WarnEscapeOpen, WarnEscapeLiteral, WarnEscapeOpen}},
		{name: "an edit changes the bytes of its field alone", msg: "\n" + plainMSH + "\r\nPID|1||7||||||\r\n\r\nZAA|\\q\\ \r", warn: []WarningCode{WarnLeadingFiller, WarnEscapeUnknown, WarnEscapeOpen},
			check: func(t *testing.T, m *Message) {
				before := string(m.Bytes())
				if err := m.Set("PID-8", "F"); err != nil || string(m.Bytes()) != strings.Replace(before, "PID|1||7||||||", "PID|1||7|||||F|", 1) {
					t.Errorf("%q %v", m.Bytes(), err)
				}
			}},
		{name: "an edit of a deep place adds just the separators it needs", msg: plainMSH + "\rPID|1\rPV1|1", check: func(t *testing.T, m *Message) {
			if err := m.Set("PID-11(3).2.1", "x"); err != nil || string(m.Bytes()) != plainMSH+"\rPID|1||||||||||~~^x\rPV1|1" {
				t.Errorf("%q %v", m.Bytes(), err)
			}
		}},
		{name: "text with delimiters and line ends is escaped when written", msg: plainMSH + "\rPID|1", check: func(t *testing.T, m *Message) {
			err := m.Set("PID-5", "|^~\\&\r\n")
			if v := get(t, m, "PID-5"); err != nil || string(v.Raw()) != `\F\\S\\R\\E\\T\\X0D\\X0A\` || v.Text() != "|^~\\&\r\n" {
				t.Errorf("%q %v", v.Raw(), err)
			}
		}},
		{name: "without an escape character such a text is refused", msg: "MSH|^~|A|||||||1\rPID|1", check: func(t *testing.T, m *Message) {
			if err := m.Set("PID-5", "a|b"); !errors.Is(err, ErrNoEscape) {
				t.Errorf("%v", err)
			}
		}},
		{name: "other delimiters on encode leave structure and texts", msg: plainMSH + "\rPID|a$b\\F\\c^d&e~f", check: func(t *testing.T, m *Message) {
			out, err := m.Recode("", Delimiters{Field: '$', Component: '%', Repetition: '*', Escape: '!', Subcomponent: '@'})
			if err != nil || !strings.HasSuffix(string(out), "PID$a!F!b|c%d@e*f") {
				t.Errorf("%q %v", out, err)
			}
			sameLeaves(t, m, parse(t, string(out)))
		}},
	})
}

func wantLength(n int) func(*testing.T, *Message) {
	return func(t *testing.T, m *Message) {
		if v := get(t, m, "OBX-5"); len(v.Raw()) != n {
			t.Errorf("%d bytes", len(v.Raw()))
		}
	}
}
