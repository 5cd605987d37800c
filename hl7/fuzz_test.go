package hl7

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// seedMessages adds the corpus and a few odd ones.
func seedMessages(f *testing.F, add func([]byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/messages/*.hl7")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seed messages: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
	for _, s := range []string{
		"", "MSH|", `MSH|^~\&|A`, "MSH|^|AB\rPID|1", "MSH$%*!@$A\rPID$1!F!", "\uFEFFMSH|^~\\&|A\nPID|1",
		"MSH|^~\\&#|A\rOBX|1|TX|||\\X0d\\\\X0a\\ \\.sp3\\ \\H\\b\\N\\ \\Z1\\ \\q\\ \\\\ 4\\5",
		"\xFF\xFEM\x00S\x00H\x00|\x00^\x00~\x00\\\x00&\x00|\x00A\x00", header18("~ISO IR87") + "\rPID|1||\x1b$B\x30\x7C\x1b(B",
		header18("GB 18030-2000") + "\rPID|1||\xB0\x7C\xD6\x5C\x81\x30\x81\x30\xB0",
	} {
		add([]byte(s))
	}
}

// FuzzParse: whatever is accepted comes back byte for byte, and every view of it
// agrees with the others.
func FuzzParse(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b, "PID-3[2].4.1", "") })
	f.Add([]byte(`MSH|^~\&|A`), "OBX(2)-5", "GBK")
	f.Fuzz(func(t *testing.T, b []byte, path, charset string) {
		m, err := Parse(b, Options{Charset: charset})
		if err != nil {
			return
		}
		if !bytes.Equal(m.Bytes(), b) {
			t.Fatal("bytes differ")
		}
		if v, err := m.Get(path); err == nil && v.Kind() == Absent && v.Text() != "" {
			t.Fatal("absent with a text")
		}
		m.Type()
		m.AckMode()
		m.Version()
		m.Zone(nil)
		if n := len(m.Warnings()); n > maxWarnings+1 {
			t.Fatalf("%d warnings", n)
		}
		for p, v := range m.Leaves() {
			seg := m.Segments()[p.Segment]
			same := seg.Field(p.Field).Rep(p.Repetition).Component(p.Component).Subcomponent(p.Subcomponent)
			if v.Offset() != same.Offset() || !bytes.Equal(v.Raw(), same.Raw()) || v.Text() != same.Text() || v.Kind() != same.Kind() {
				t.Fatalf("walk and path disagree at %+v", p)
			}
			if p.Field > seg.Fields() {
				t.Fatalf("field %d of %d", p.Field, seg.Fields())
			}
		}
	})
}

// FuzzPath: a path that is accepted has a canonical form that means the same.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"PID-3[2].4.1", "PID-3(2).1", "PID.3.1", "OBX(2)-5", "/PID-3", "OBR[2]/OBX[3]-5", "/ORC(1)/OBR", "A/", "ZXX", "", "PID-0", "PID-3[", "PID-1000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := ParsePath(path)
		if err != nil {
			return
		}
		if again, err := ParsePath(p.String()); err != nil || again != p {
			t.Fatalf("%+v became %+v (%v)", p, again, err)
		}
	})
}

// FuzzSet: what was set reads back, also after a round trip over the wire, and
// the rest of the message keeps its place.
func FuzzSet(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b, "PID-5[2].3.2", "a|b^张\r\n") })
	f.Add([]byte("MSH|^~\\&|A\rPID|1"), "PID-3", `""`)
	f.Fuzz(func(t *testing.T, b []byte, path, text string) {
		p, err := ParsePath(path)
		if err != nil || p.Field > 100 || p.Repetition > 100 || p.Component > 100 || p.Subcomponent > 100 {
			return
		}
		m, err := Parse(b, Options{})
		if err != nil {
			return
		}
		names := segmentNames(m)
		if err := m.Set(path, text); err != nil {
			if !bytes.Equal(m.Bytes(), b) {
				t.Fatal("a refused edit changed the message")
			}
			return
		}
		if got := m.At(p).Text(); got != text {
			t.Fatalf("set %q, got %q", text, got)
		}
		again, err := Parse(m.Bytes(), Options{Charset: explicit(m)})
		if err != nil {
			t.Fatal(err)
		}
		if got := again.At(p).Text(); got != text {
			t.Fatalf("set %q, got %q over the wire", text, got)
		}
		if names != segmentNames(m) {
			t.Fatal("segments changed")
		}
	})
}

// explicit is the set to read an edited message with: an edit may change what a
// guess from the bytes would find.
func explicit(m *Message) string {
	if m.wide != narrow {
		return ""
	}
	return m.cur.cs.name
}

func segmentNames(m *Message) string {
	var out []byte
	for _, s := range m.Segments() {
		out = append(append(out, s.Name()...), '|')
	}
	return string(out)
}

// FuzzRecode: another character set and other delimiters say the same.
func FuzzRecode(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b) })
	other := Delimiters{Field: '$', Component: '%', Repetition: '*', Escape: '\\', Subcomponent: '@'}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b, Options{})
		if err != nil {
			return
		}
		for _, to := range []struct {
			charset string
			d       Delimiters
		}{{"UTF-8", Delimiters{}}, {"", other}, {"GB18030", Delimiters{}}} {
			out, err := m.Recode(to.charset, to.d)
			if err != nil || to.d == other && m.Delimiters().Escape != '\\' {
				continue
			}
			set := to.charset
			if set == "" {
				set = explicit(m)
			}
			again, err := Parse(out, Options{Charset: set})
			if err != nil {
				t.Fatal(err)
			}
			sameLeaves(t, m, again)
		}
	})
}

// FuzzACK: an acknowledgement always parses, is bounded and never carries more
// than the header.
func FuzzACK(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b, "reason", int(RequiredFieldMissing)) })
	f.Fuzz(func(t *testing.T, b []byte, text string, code int) {
		info := ackInfo(AE)
		info.Text, info.ErrorCode = text, ErrorCode(code)
		ack := ACK(b, info)
		if len(ack) > 10*maxEcho+20*len(text)+1000 {
			t.Fatalf("%d bytes", len(ack))
		}
		m, err := Parse(ack, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := m.Get("MSA-1"); v.Text() != "AE" {
			t.Fatal("no MSA")
		}
		if req, err := Parse(b, Options{}); err == nil && req.wide == narrow && len(req.ControlID()) <= maxEcho {
			// The sender reads the answer in its own set.
			if m, err = Parse(ack, Options{Charset: explicit(req)}); err != nil {
				t.Fatal(err)
			}
			if v, _ := m.Get("MSA-2"); !bytes.Equal(v.Raw(), req.ControlID()) {
				t.Fatalf("MSA-2 %q, MSH-10 %q", v.Raw(), req.ControlID())
			}
		}
	})
}

// FuzzSplit: parts are in order, do not overlap, and each parses or is refused
// with a typed error.
func FuzzSplit(f *testing.F) {
	seedMessages(f, func(b []byte) { f.Add(b) })
	f.Add([]byte("FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|A\rBTS|1\rFTS|1\r"))
	f.Fuzz(func(t *testing.T, b []byte) {
		batch, err := Split(b, Options{})
		if err != nil {
			return
		}
		pos := 0
		for _, m := range batch.Messages {
			j := bytes.Index(b[pos:], m)
			if j < 0 {
				t.Fatal("a part is not in the input, or out of order")
			}
			pos += j + len(m)
		}
	})
}

// FuzzTime: an accepted time comes back digit for digit.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"1952", "20260102030405.123+0100", "20260102-0330", "00000000", "19520211130405.1200"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := ParseTime(s, nil); err == nil && got.String() != s {
			// -0000 has no other form in Go than +0000.
			if len(s) > 5 && s[len(s)-5:] == "-0000" {
				return
			}
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}
