package hl7

import (
	"bytes"
	"os/exec"
	"testing"
	"unicode/utf8"
)

// TestCNS11643AgainstIconv compares every place of planes 1 and 2, both ways, with
// what iconv has there.
func TestCNS11643AgainstIconv(t *testing.T) {
	iconv, err := exec.LookPath("iconv")
	if err != nil {
		t.Skip("iconv is not installed; it is the reference for EUC-TW")
	}
	dec, enc := eucTW{}.NewDecoder(), eucTW{}.NewEncoder()
	var ours, lines bytes.Buffer
	known := 0
	for plane := range 2 {
		for row := range cnsSide {
			for cell := range cnsSide {
				wire := []byte{byte(cnsFirst + row), byte(cnsFirst + cell)}
				if plane == 1 {
					wire = append([]byte{cnsShift, cnsFirst + 1}, wire...)
				}
				text, err := dec.Bytes(wire)
				if err != nil {
					t.Fatal(err)
				}
				if r, _ := utf8.DecodeRune(text); r == utf8.RuneError {
					continue
				}
				if back, err := enc.Bytes(text); err != nil || !bytes.Equal(back, wire) {
					t.Errorf("plane %d row %d cell %d: comes back as % X (%v)", plane+1, row+1, cell+1, back, err)
				}
				known++
				ours.Write(append(text, '\n'))
				lines.Write(append(wire, '\n'))
			}
		}
	}
	if known != 13_517 {
		t.Errorf("%d characters are known", known)
	}
	cmd := exec.Command(iconv, "-f", "EUC-TW", "-t", "UTF-8")
	cmd.Stdin = &lines
	theirs, err := cmd.Output()
	if err != nil {
		t.Skip("this iconv does not know EUC-TW")
	}
	a, b := bytes.Split(ours.Bytes(), []byte("\n")), bytes.Split(theirs, []byte("\n"))
	if len(a) != len(b) {
		t.Fatalf("%d lines, iconv has %d", len(a), len(b))
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("character %d: %s, iconv has %s", i, a[i], b[i])
		}
	}
}

func TestCNS11643OddBytes(t *testing.T) {
	for in, want := range map[string]string{
		"a\xa1": "a\uFFFD", "\x8e": "\uFFFD", "\x8e\xa2": "\uFFFD\uFFFD", "\x8e\xa3\xa1\xa1b": "\uFFFDb",
		"\xff|": "\uFFFD|", "\xa1|": "\uFFFD|", "\x8e\x7c": "\uFFFD|", "\x8e\xa1\xc4\xa1": "一", "\xc4\xa1": "一",
	} {
		if got := csCNS11643.decode([]byte(in)); got != want {
			t.Errorf("% X: %q, want %q", in, got, want)
		}
	}
	if _, err := csCNS11643.encode("𠮷"); err == nil {
		t.Error("a character beyond plane 2 was encoded")
	}
}
