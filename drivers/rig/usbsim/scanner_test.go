package usbsim

import (
	"bytes"
	"strings"
	"testing"
)

func TestPOSScanner(t *testing.T) {
	s := NewPOSScanner("P1")
	h, _ := attach(t, s)
	long := []byte(strings.Repeat("0123456789", 12))
	s.Scan("]Q1", long)
	var got []byte
	for more := true; more; {
		r := h.data(POSScannerIn, reportSize)
		if len(r) != reportSize || r[0] != posReportID || string(r[2:5]) != "]Q1" {
			t.Fatalf("report % X", r)
		}
		got = append(got, r[posData:posData+r[1]]...)
		more = r[posMore]&1 != 0
	}
	if !bytes.Equal(got, long) {
		t.Errorf("scanned %q", got)
	}
	s.Scan("", nil)
	if r := h.data(POSScannerIn, reportSize); r[1] != 0 || r[posMore] != 0 {
		t.Errorf("an empty scan is % X", r)
	}
}

func TestKeyboard(t *testing.T) {
	k := NewKeyboard("K1", LayoutUS())
	h, _ := attach(t, k)
	must(t, k.Scan("aB"))
	for i, want := range [][]byte{{0, 0, 0x04}, nil, {modShift, 0, 0x05}, nil, {0, 0, 0x28}, nil} {
		r := h.data(KeyboardIn, bootReport)
		if !bytes.Equal(r, append(want, make([]byte, bootReport-len(want))...)) {
			t.Errorf("report %d is % X", i, r)
		}
	}
	if err := k.Scan("医"); err == nil {
		t.Error("typed what the layout has no key for")
	}
	if r := h.control(hidSet, hidSetReport, 0x0200, 0, 0, []byte{2}); r.status != 0 {
		t.Errorf("lights: status %d", r.status)
	}
}

func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		name      string
		layout    Layout
		r         rune
		modifier  byte
		usage     byte
		untypable rune
	}{
		{"US z", LayoutUS(), 'z', 0, 0x1D, 'ß'},
		{"US pipe", LayoutUS(), '|', modShift, 0x31, '€'},
		{"US at", LayoutUS(), '@', modShift, 0x1F, 'é'},
		{"German z", LayoutDE(), 'z', 0, 0x1C, '^'},
		{"German slash", LayoutDE(), '/', modShift, 0x24, 'é'},
		{"German hash", LayoutDE(), '#', 0, 0x32, 'é'},
		{"German at", LayoutDE(), '@', modAltGr, 0x14, 'é'},
		{"German backslash", LayoutDE(), '\\', modAltGr, 0x2D, 'é'},
		{"German minus", LayoutDE(), '-', 0, 0x38, 'é'},
		{"French a", LayoutFR(), 'a', 0, 0x14, 'ß'},
		{"French 1", LayoutFR(), '1', modShift, 0x1E, 'ß'},
		{"French m", LayoutFR(), 'm', 0, 0x33, 'ß'},
		{"French at", LayoutFR(), '@', modAltGr, 0x27, 'ß'},
		{"French star", LayoutFR(), '*', 0, 0x32, 'ß'},
		{"French less", LayoutFR(), '<', 0, 0x64, 'ß'},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := c.layout.Reports(string(c.r))
			must(t, err)
			if r[0][0] != c.modifier || r[0][2] != c.usage {
				t.Errorf("modifier %#02x, usage %#02x", r[0][0], r[0][2])
			}
			if _, err := c.layout.Reports(string(c.untypable)); err == nil {
				t.Error("typed what no key has")
			}
		})
	}
	for name, l := range map[string]Layout{"US": LayoutUS(), "German": LayoutDE(), "French": LayoutFR()} {
		for _, r := range "0123456789ABCXYZabcxyz-/.:;= \t\n" {
			if _, ok := l[r]; !ok {
				t.Errorf("%s: no key for %q", name, r)
			}
		}
	}
}
