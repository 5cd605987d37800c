package hl7

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

func TestSetChangesOnlyItsBytes(t *testing.T) {
	const msg = "MSH|^~\\&|A|B\r\nPID|1||7^^^X~8||DOE^JOHN||\r\nOBX|1|ST|||a\\X41\\b|  \r\n\r\n"
	tests := []struct{ name, path, text, old, new string }{
		{"replace a field", "PID-1", "2", "PID|1|", "PID|2|"},
		{"replace a field with repetitions", "PID-3", "9", "|7^^^X~8|", "|9|"},
		{"replace one component", "PID-5.2", "JANE", "DOE^JOHN", "DOE^JANE"},
		{"replace in the second repetition", "PID-3[2].1", "9", "~8|", "~9|"},
		{"empty a component", "PID-5.1", "", "DOE^JOHN", "^JOHN"},
		{"fill an empty one", "PID-6", "M", "JOHN||\r", "JOHN|M|\r"},
		{"pad components", "PID-5.5", "DR", "DOE^JOHN", "DOE^JOHN^^^DR"},
		{"pad repetitions and down", "PID-3[4].2.3", "z", "~8|", "~8~~^&&z|"},
		{"pad from nothing", "PID-11(3).2.1", "x", "JOHN||\r", "JOHN||||||~~^x\r"},
		{"second part of a plain value", "PID-1.1.2", "x", "PID|1|", "PID|1&x|"},
		{"header field", "MSH-10", "ID1", "|A|B\r", "|A|B||||||ID1\r"},
		{"delimiters and control characters", "PID-5.1", "|^~\\&\r\n\x0b\t", "DOE^", `\F\\S\\R\\E\\T\\X0D\\X0A\\X0B\` + "\t^"},
		{"two double quotes as text", "PID-5.1", `""`, "DOE^", `\X22\\X22\^`},
		{"Chinese", "PID-5.1", "张伟", "DOE^", "张伟^"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, msg)
			if err := m.Set(tt.path, tt.text); err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(msg, tt.old, tt.new, 1); string(m.Bytes()) != want {
				t.Errorf("got  %q\nwant %q", m.Bytes(), want)
			}
			if got := get(t, m, tt.path).Text(); got != tt.text {
				t.Errorf("reads back as %q", got)
			}
		})
	}
}

func TestSetNull(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|1||7")
	if err := m.SetNull("PID-8"); err != nil {
		t.Fatal(err)
	}
	if string(m.Bytes()) != "MSH|^~\\&|A\rPID|1||7|||||\"\"" || get(t, m, "PID-8").Kind() != Null {
		t.Errorf("%q", m.Bytes())
	}
}

func TestSetRefusesAndLeavesTheMessage(t *testing.T) {
	tests := []struct {
		name, msg, path, text string
		want                  error
	}{
		{"no such segment", `MSH|^~\&|A`, "PID-1", "x", ErrNoSegment},
		{"no such occurrence", "MSH|^~\\&|A\rOBX|1", "OBX[2]-1", "x", ErrNoSegment},
		{"field separator", `MSH|^~\&|A`, "MSH-1", "$", ErrReadOnly},
		{"encoding characters", `MSH|^~\&|A`, "MSH-2", "^~", ErrReadOnly},
		{"character set", `MSH|^~\&|A`, "MSH-18", "GBK", ErrReadOnly},
		{"whole segment", `MSH|^~\&|A`, "MSH", "x", ErrReadOnly},
		{"bad path", `MSH|^~\&|A`, "MSH-", "x", ErrBadPath},
		{"no escape character", `MSH|^~|AB`, "MSH-3", "a|b", ErrNoEscape},
		{"no subcomponent separator", `MSH|^~|AB`, "MSH-3.1.2", "b", ErrNoEscape},
		{"not in the set", header18("8859/1"), "MSH-3", "张", ErrNotEncodable},
		{"not UTF-8", `MSH|^~\&|A`, "MSH-3", "\xff", ErrNotEncodable},
		{"half a character before it", header18("GBK") + "\rPID|1|\xb0", "PID-3", "x", ErrNotEncodable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.msg)
			err := m.Set(tt.path, tt.text)
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if string(m.Bytes()) != tt.msg {
				t.Errorf("the message changed: %q", m.Bytes())
			}
		})
	}
}

func TestSetInOtherCharsets(t *testing.T) {
	gb := parse(t, wire(t, simplifiedchinese.GB18030, header18("GB 18030-2000")+"\rPID|1||张|末"))
	jp := parse(t, wire(t, japanese.ISO2022JP, header18("~ISO IR87")+"\rPID|1||山|末"))
	wide := parse(t, wire(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), header18("")+"\rPID|1||张|末"))
	for m, text := range map[*Message]string{gb: "李|𠮷", jp: "田|ﾔ", wide: "李|𠮷"} {
		if err := m.Set("PID-3", text); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(m.Bytes(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if get(t, again, "PID-3").Text() != text || get(t, again, "PID-4").Text() != "末" {
			t.Errorf("%s: read again as %q, %q", m.Charset(), get(t, again, "PID-3").Text(), get(t, again, "PID-4").Text())
		}
	}
}

func TestValuesTakenBeforeAnEditStay(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\rPID|1||OLD")
	v, segs := get(t, m, "PID-3"), m.Segments()
	if err := m.Set("PID-1", "a longer set id"); err != nil {
		t.Fatal(err)
	}
	if v.Text() != "OLD" || segs[1].Field(1).Text() != "1" {
		t.Error("an edit shows through values taken before it")
	}
}

func TestBuildAMessage(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"from a bare header", `MSH|^~\&|A`, "MSH|^~\\&|A\rPID|||7\r"},
		{"line feeds", "MSH|^~\\&|A\nEVN|1\n", "MSH|^~\\&|A\nEVN|1\nPID|||7\n"},
		{"CRLF, last line open", "MSH|^~\\&|A\r\nEVN|1", "MSH|^~\\&|A\r\nEVN|1\r\nPID|||7\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := parse(t, tt.in)
			if err := m.AppendSegment("PID"); err != nil {
				t.Fatal(err)
			}
			if err := m.Set("PID-3", "7"); err != nil {
				t.Fatal(err)
			}
			if string(m.Bytes()) != tt.want {
				t.Errorf("%q", m.Bytes())
			}
		})
	}
	for _, name := range []string{"", "PID-1", "PID|1", "LONGER", "P\rX"} {
		if err := parse(t, `MSH|^~\&|A`).AppendSegment(name); !errors.Is(err, ErrBadPath) {
			t.Errorf("segment name %q: %v", name, err)
		}
	}
}

func TestRecodeDelimiters(t *testing.T) {
	const msg = "MSH|^~\\&|A^B\rPID|1||7~8^x&y|a$b\\F\\c\\T\\|4\\5 re.\\.br\\\rwrapped|line\r"
	d := Delimiters{Field: '$', Component: '%', Repetition: '*', Escape: '!', Subcomponent: '@'}
	out, err := parse(t, msg).Recode("", d)
	if err != nil {
		t.Fatal(err)
	}
	want := "MSH$%*!@$A%B\rPID$1$$7*8%x@y$a!F!b|c&$4\\5 re.!.br!\rwrapped|line\r"
	if string(out) != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	sameLeaves(t, parse(t, msg), parse(t, string(out)))
	if out, err := parse(t, `MSH|^~\&|\Z1\`).Recode("", d); err != nil || string(out) != `MSH$%*!@$!Z1!` {
		t.Errorf("a sequence without a text form is carried over: %q %v", out, err)
	}
	back, err := parse(t, string(out)).Recode("", StandardDelimiters())
	if err != nil {
		t.Fatal(err)
	}
	sameLeaves(t, parse(t, msg), parse(t, string(back)))

	for name, d := range map[string]Delimiters{
		"a subcomponent is in use": {Field: '|', Component: '^', Repetition: '~', Escape: '\\'},
		"no escape":                {Field: '$', Component: '^'},
	} {
		if _, err := parse(t, msg).Recode("", d); !errors.Is(err, ErrNoEscape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, d := range map[string]Delimiters{
		"equal":               {Field: '|', Component: '|'},
		"a gap":               {Field: '|', Component: '^', Repetition: '~', Subcomponent: '&'},
		"no component":        {Field: '|'},
		"a letter":            {Field: '|', Component: 'A'},
		"no field separator":  {Component: '^'},
		"truncation in a gap": {Field: '|', Component: '^', Truncation: '#'},
	} {
		if _, err := parse(t, msg).Recode("", d); !errors.Is(err, ErrBadDelimiters) && !errors.Is(err, ErrTooShort) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecodeCharset(t *testing.T) {
	const body = "\rPID|1||7^张伟|a\\F\\b\\q\\c|\\XD5C5\\|𠮷\r张|x\r"
	gb := parse(t, wire(t, simplifiedchinese.GB18030, header18("GB 18030-2000")+body))
	out, err := gb.Recode("UNICODE UTF-8", Delimiters{})
	if err != nil {
		t.Fatal(err)
	}
	if want := header18("UNICODE UTF-8") + strings.Replace(body, `\XD5C5\`, "张", 1); string(out) != want {
		t.Errorf("got  %q\nwant %q", out, want)
	}
	sameLeaves(t, gb, parse(t, string(out)))
	back, err := parse(t, string(out)).Recode("GB18030", Delimiters{})
	if err != nil {
		t.Fatal(err)
	}
	sameLeaves(t, gb, parse(t, string(back)))

	if _, err := gb.Recode("BIG-5", Delimiters{}); !errors.Is(err, ErrNotEncodable) {
		t.Errorf("a character the set lacks: %v", err)
	}
	if _, err := gb.Recode("KLINGON", Delimiters{}); !errors.Is(err, ErrCharset) {
		t.Errorf("an unknown set: %v", err)
	}
	if _, err := parse(t, header18("UTF-8")+"\rPID|\xff").Recode("GBK", Delimiters{}); !errors.Is(err, ErrCharset) {
		t.Errorf("bytes that are wrong: %v", err)
	}
	quotes := parse(t, header18("~ISO IR87")+"\rPID|1||\x1b(B\"\"")
	if out, err := quotes.Recode("UTF-8", Delimiters{}); err != nil || get(t, parse(t, string(out)), "PID-3").Text() != `""` {
		t.Errorf("quotes behind an announcement became null: %q %v", out, err)
	}
	short, err := parse(t, `MSH|^~\&|A`).Recode("GBK", Delimiters{})
	if err != nil || string(short) != `MSH|^~\&|A|||||||||||||||GB 18030-2000` {
		t.Errorf("%q %v", short, err)
	}
}

// sameLeaves checks that two messages say the same at the same positions.
func sameLeaves(t testing.TB, a, b *Message) {
	t.Helper()
	type leaf struct {
		at   Position
		text string
		kind Kind
	}
	list := func(m *Message) (out []leaf) {
		for p, v := range m.Leaves() {
			if p.Segment == 0 && p.Field == 18 || m.cur.cs.escaped && v.Kind() == Text && v.Text() == "" {
				continue // MSH-18 changes; an announcement of ISO 2022 alone says nothing
			}
			out = append(out, leaf{p, v.Text(), v.Kind()})
		}
		return out
	}
	la, lb := list(a), list(b)
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] {
			t.Fatalf("leaf %d: %+v, %+v", i, la[i], lb[i])
		}
	}
	if len(la) != len(lb) {
		t.Fatalf("%d leaves, %d leaves", len(la), len(lb))
	}
}
