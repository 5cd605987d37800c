package hl7

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

// parse is Parse for messages that must be accepted, and checks that nothing is
// lost on the way.
func parse(t testing.TB, msg string, o ...Options) *Message {
	t.Helper()
	var opt Options
	if len(o) > 0 {
		opt = o[0]
	}
	m, err := Parse([]byte(msg), opt)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if string(m.Bytes()) != msg {
		t.Fatalf("Bytes differ from what came in: %q", m.Bytes())
	}
	return m
}

func get(t testing.TB, m *Message, path string) Value {
	t.Helper()
	v, err := m.Get(path)
	if err != nil {
		t.Fatalf("Get(%q): %v", path, err)
	}
	return v
}

func TestDelimitersComeFromTheMessage(t *testing.T) {
	tests := []struct {
		name, msg string
		want      map[string]string // path -> text
	}{
		{"recommended", "MSH|^~\\&|A^B|C\rPID|1||7~8^x&y", map[string]string{
			"MSH-1": "|", "MSH-2": `^~\&`, "MSH-3": "A", "MSH-3.2": "B", "MSH-4": "C", "PID-3": "7", "PID-3[2]": "8", "PID-3[2].2.2": "y"}},
		{"all different", "MSH$%*!@$A%B\rPID$1$$7*8%x@y!F!", map[string]string{
			"MSH-1": "$", "MSH-2": "%*!@", "MSH-3": "A", "MSH-3.2": "B", "PID-3[2].2.2": "y$"}},
		{"no escape, no subcomponent", "MSH|^~|A\rPID|1||a\\F\\&b^c", map[string]string{
			"MSH-2": "^~", "PID-3": `a\F\&b`, "PID-3.1.1": `a\F\&b`, "PID-3.1.2": "", "PID-3.2": "c"}},
		{"component only", "MSH|^|AB\rPID|1||a~b^c", map[string]string{"PID-3": "a~b", "PID-3[2]": "", "PID-3.2": "c"}},
		{"truncation", "MSH|^~\\&#|A\rPID|1||a#\\P\\", map[string]string{"MSH-2": `^~\&#`, "PID-3": "a##"}},
		{"escape changed", "MSH|^~!&|A\rPID|1||!F!\\F\\", map[string]string{"PID-3": `|\F\`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.msg)
			for path, want := range tt.want {
				if got := get(t, m, path).Text(); got != want {
					t.Errorf("%s = %q, want %q", path, got, want)
				}
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, msg string
		opt       Options
		want      error
		offset    int
	}{
		{"nothing", "", Options{}, ErrEmpty, 0},
		{"white space", " \r\n ", Options{}, ErrEmpty, 4},
		{"short", "MSH|^~\\", Options{}, ErrTooShort, 7},
		{"lower case", `msh|^~\&|A`, Options{}, ErrNoMSH, 0},
		{"other segment first", "PID|1||7777", Options{}, ErrNoMSH, 0},
		{"text", "HELLO WORLD", Options{}, ErrNoMSH, 0},
		{"equal delimiters", `MSH|^^\&|A`, Options{}, ErrBadDelimiters, 5},
		{"component is the field separator", `MSH||||||||`, Options{}, ErrBadDelimiters, 4},
		{"letter", `MSH|A~\&|A`, Options{}, ErrBadDelimiters, 4},
		{"letter as field separator", `MSHA^~\&A`, Options{}, ErrBadDelimiters, 3},
		{"too many", `MSH|^~\&#$|A`, Options{}, ErrBadDelimiters, 9},
		{"carriage return", "MSH|\rPID|1|2", Options{}, ErrBadDelimiters, 4},
		{"line feed where CR ends segments", "MSH|^~\n\rPID|1", Options{}, ErrBadDelimiters, 6},
		{"block characters", "MSH|^~\x0b&|A", Options{}, ErrBadDelimiters, 6},
		{"end block", "MSH\x1c^~\\&|A", Options{}, ErrBadDelimiters, 3},
		{"high byte", "MSH|^~\\\xA6|A", Options{}, ErrBadDelimiters, 7},
		{"after leading filler the offset is still the message's", "\r\nMSH|^^\\&|A", Options{}, ErrBadDelimiters, 7},
		{"too large", `MSH|^~\&|ABCDEF`, Options{MaxSize: 10}, ErrTooLarge, 10},
		{"UTF-16 without mark", "M\x00S\x00H\x00|\x00^\x00~\x00", Options{}, ErrCharset, 0},
		{"UTF-16 cut", "\xFE\xFF\x00M\x00S\x00", Options{}, ErrCharset, 0},
		{"unknown configured set", `MSH|^~\&|A`, Options{Charset: "KOI-7"}, ErrCharset, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.msg), tt.opt)
			var pe *ParseError
			if !errors.Is(err, tt.want) || !errors.As(err, &pe) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if pe.Offset != tt.offset {
				t.Errorf("offset %d, want %d", pe.Offset, tt.offset)
			}
			if strings.Contains(err.Error(), "ABCDEF") || strings.Contains(err.Error(), "7777") {
				t.Errorf("error text repeats the message: %v", err)
			}
		})
	}
}

func TestSegments(t *testing.T) {
	const h = `MSH|^~\&|A`
	tests := []struct {
		name, msg string
		want      []string // raw segments after MSH
	}{
		{"CR", h + "\rEVN|1\rPID|2\r", []string{"EVN|1", "PID|2"}},
		{"LF", h + "\nEVN|1\nPID|2\n", []string{"EVN|1", "PID|2"}},
		{"CRLF", h + "\r\nEVN|1\r\nPID|2\r\n", []string{"EVN|1", "PID|2"}},
		{"mixed: a lone LF is data once there is a CR", h + "\rOBX|1|TX|||a\nb\rPID|2", []string{"OBX|1|TX|||a\nb", "PID|2"}},
		{"no terminator at the end", h + "\rPID|2", []string{"PID|2"}},
		{"empty lines, NULs and blanks between", h + "\r\r\x00\x00\r EVN|1\r\n\rPID|2\r\x00 ", []string{"EVN|1", "PID|2"}},
		{"trailing blanks belong to the segment", h + "\rPID|2  \r", []string{"PID|2  "}},
		{"no field at all", h + "\rZXX\rPID|2", []string{"ZXX", "PID|2"}},
		{"Z and unknown segments stay in place", h + "\rZAA|1\rPID|2\rQQQ|3\rZBB\rOBX|4", []string{"ZAA|1", "PID|2", "QQQ|3", "ZBB", "OBX|4"}},
		{"continuation line", h + "\rOBX|1|ED|||AAAA\rBBBB+/==\rPID|2", []string{"OBX|1|ED|||AAAA", "BBBB+/==", "PID|2"}},
		{"odd names", h + "\rP|1\rPI|2\rPIDX|3\rpid|4", []string{"P|1", "PI|2", "PIDX|3", "pid|4"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.msg)
			var got []string
			for _, s := range m.Segments()[1:] {
				got = append(got, string(s.Raw()))
				if string(m.Bytes()[s.Offset():s.Offset()+len(s.Raw())]) != string(s.Raw()) {
					t.Errorf("offset %d does not lead to the segment", s.Offset())
				}
			}
			if strings.Join(got, "\x01") != strings.Join(tt.want, "\x01") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSegmentNamesAndFieldCounts(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A|B\rZXX\rPID|1|2|\rBBBB+/==|x\rpid|9\rLONGER|9\rFHS|^~\\&|a")
	want := []struct {
		name   string
		fields int
	}{{"MSH", 4}, {"ZXX", 0}, {"PID", 3}, {"", 0}, {"pid", 1}, {"", 0}, {"FHS", 3}}
	for i, w := range want {
		s := m.Segments()[i]
		if s.Name() != w.name || s.Fields() != w.fields {
			t.Errorf("segment %d: name %q fields %d, want %q %d", i, s.Name(), s.Fields(), w.name, w.fields)
		}
	}
	if v := m.Segments()[3].Field(1); v.Kind() != Absent {
		t.Errorf("a line without a name has no fields, got %v", v.Kind())
	}
	if _, ok := m.Segment("OBX", 1); ok {
		t.Error("found a segment that is not there")
	}
	if s, ok := m.Segment("pid", 1); !ok || s.Field(1).Text() != "9" {
		t.Error("names are compared as written")
	}
}

func TestManySegmentsAreKept(t *testing.T) {
	for _, n := range []int{inlineSegments - 1, inlineSegments, inlineSegments + 1, 100_000} {
		m := parse(t, "MSH|^~\\&|A\r"+strings.Repeat("OBX|1|NM|||5\r", n-1))
		if len(m.Segments()) != n {
			t.Errorf("%d segments, want %d", len(m.Segments()), n)
		}
		if s, ok := m.Segment("OBX", n-1); !ok || s.Field(5).Text() != "5" {
			t.Errorf("last of %d segments is not reachable", n)
		}
	}
}

func TestKind(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|\"\"||^^|~~|&&|\"\"^|\"\" |\"\"\"\"|A^\"\"^B|\"\"~X|^x")
	tests := []struct {
		path string
		want Kind
		text string
	}{
		{"PID-1", Null, ""},
		{"PID-2", Absent, ""},
		{"PID-3", Absent, ""},
		{"PID-4", Absent, ""},
		{"PID-5", Absent, ""},
		{"PID-6", Null, ""},
		{"PID-7", Text, `"" `},
		{"PID-8", Text, `""""`},
		{"PID-9", Text, "A"},
		{"PID-9.2", Null, ""},
		{"PID-9.3", Text, "B"},
		{"PID-10", Text, ""},
		{"PID-10[1]", Null, ""},
		{"PID-10[2]", Text, "X"},
		{"PID-11", Text, ""},
		{"PID-11.1", Absent, ""},
		{"PID-99", Absent, ""},
		{"ZZZ-1", Absent, ""},
		{"MSH-1", Text, "|"},
		{"MSH-2", Text, `^~\&`},
	}
	for _, tt := range tests {
		if v := get(t, m, tt.path); v.Kind() != tt.want || v.Text() != tt.text {
			t.Errorf("%s: %v %q, want %v %q", tt.path, v.Kind(), v.Text(), tt.want, tt.text)
		}
	}
}

func TestOlderReadersSeeTheFirstPart(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|1||A&B^C~D|DOE|x~~y")
	v := get(t, m, "PID-3.1")
	if v.Text() != "A" || string(v.Raw()) != "A&B" {
		t.Errorf("PID-3.1: text %q raw %q", v.Text(), v.Raw())
	}
	if v := get(t, m, "PID-3.1.2"); v.Text() != "B" {
		t.Errorf("PID-3.1.2 = %q", v.Text())
	}
	if v := get(t, m, "PID-3"); string(v.Raw()) != "A&B^C~D" {
		t.Errorf("PID-3 raw %q", v.Raw())
	}
	if get(t, m, "PID-4.1").Text() != "DOE" || get(t, m, "PID-4.2").Kind() != Absent {
		t.Error("a component of a plain field: 1 is the field, 2 is absent")
	}
	s, _ := m.Segment("PID", 1)
	if f := s.Field(5); f.Reps() != 3 || f.Rep(2).Kind() != Absent || f.Rep(3).Text() != "y" {
		t.Errorf("an empty repetition in the middle counts: %d", f.Reps())
	}
	if s.Field(3).Rep(1).Components() != 2 || s.Field(3).Component(1).Subcomponents() != 2 {
		t.Error("counts of components and subcomponents")
	}
	if s.Field(77).Reps() != 0 || s.Field(77).Rep(1).Component(1).Subcomponent(1).Kind() != Absent {
		t.Error("below nothing there is nothing")
	}
}

func TestTypeVersionControlID(t *testing.T) {
	tests := []struct {
		msh9, msh10, msh12                        string
		code, trigger, structure, version, charID string
	}{
		{"ACK", "1", "2.3", "ACK", "", "", "2.3", "1"},
		{"ADT^A01", "ID^1", "2.5.1^USA", "ADT", "A01", "", "2.5.1^USA", "ID^1"},
		{"ADT^A01^ADT_A01", `A\T\B`, "2.99", "ADT", "A01", "ADT_A01", "2.99", `A\T\B`},
		{"ORU_R01", "ID\xe9", "2.3 ", "ORU", "R01", "ORU_R01", "2.3 ", "ID\xe9"},
		{"^^", "", "", "", "", "", "", ""},
		{"^A08", "", "", "", "A08", "", "", ""},
	}
	for _, tt := range tests {
		m := parse(t, "MSH|^~\\&|A|B|C|D|20260101||"+tt.msh9+"|"+tt.msh10+"|P|"+tt.msh12+"\r")
		c, tr, st := m.Type()
		if c != tt.code || tr != tt.trigger || st != tt.structure {
			t.Errorf("MSH-9 %q: %q %q %q", tt.msh9, c, tr, st)
		}
		if m.Version() != tt.version || string(m.ControlID()) != tt.charID {
			t.Errorf("version %q control id %q", m.Version(), m.ControlID())
		}
	}
	m := parse(t, "MSH|^~\\&|")
	if c, _, _ := m.Type(); c != "" || m.ControlID() != nil || m.Version() != "" {
		t.Error("a bare MSH has no type")
	}
}

func TestPatientDataStaysOutOfLogs(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|1||7||CANARY")
	v := get(t, m, "PID-5")
	s, _ := m.Segment("PID", 1)
	for _, out := range []string{v.String(), v.GoString(), v.LogValue().String(), s.String(), s.Field(5).String(), m.String()} {
		if strings.Contains(out, "CANARY") {
			t.Errorf("content in a log form: %q", out)
		}
	}
}

func TestReadingIsSafeForManyGoroutines(t *testing.T) {
	m := parse(t, string(admission()))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range m.Leaves() {
				_, _ = m.Get("PID-5")
			}
			_ = m.Warnings()
			m.Type()
		})
	}
	wg.Wait()
}

func TestWholeKeepsWhatTheFirstPartLeavesOut(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rOBX|1|TX|||BP 120^80 & \\F\\ok~line 2||\"\"")
	s, _ := m.Segment("OBX", 1)
	for i, want := range []string{"BP 120^80 & |ok", "line 2", ""} {
		if got := s.Field(5).Rep(i + 1).Whole(); got != want {
			t.Errorf("repetition %d: %q", i+1, got)
		}
	}
	if get(t, m, "OBX-5").Whole() != "BP 120^80 & |ok~line 2" || get(t, m, "OBX-7").Whole() != "" {
		t.Error("a whole field")
	}
}

func TestCharsetKnown(t *testing.T) {
	if !parse(t, header18("GBK")).CharsetKnown() || !parse(t, header18("")).CharsetKnown() || parse(t, header18("KLINGON")).CharsetKnown() {
		t.Error("only a name that is not in the table is unknown")
	}
}
