//go:build cgo

package usb

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	here := identity{product{0x0400, 0xC35A}, "SN:1", "1-2.3"}
	for _, c := range []struct {
		match string
		valid bool
		fits  bool
	}{
		{"0400:c35a", true, true},
		{"0400:c35a:SN:1", true, true},
		{"0400:C35A:sn:1", true, true},
		{"0400:c35a:SN:2", true, false},
		{"0400:c35a@1-2.3", true, true},
		{"0400:c35a@1-2", true, false},
		{"0400:c35a:SN:1@1-2.3", true, true},
		{"0400:c35a:SN:1@1-2", true, false},
		{"0400:c35b", true, false},
		{"", false, false},
		{"0400", false, false},
		{"400:c35a", false, false},
		{"0400:c35a:", false, false},
		{"0400:c35a@", false, false},
		{"04g0:c35a", false, false},
		{"0x0400:0xc35a", false, false},
	} {
		p, err := parseMatch(c.match)
		if (err == nil) != c.valid || err == nil && p.matches(here) != c.fits {
			t.Errorf("%q: %v, matches %v", c.match, err, err == nil && p.matches(here))
		}
	}
}

// A name is what the site may list.
func TestNamesMatchThemselves(t *testing.T) {
	for want, id := range map[string]identity{
		"0400:c35a:A1":      {product{0x0400, 0xC35A}, "A1", "1-2"},
		"0400:c35a@1-2.3.4": {product{0x0400, 0xC35A}, "", "1-2.3.4"},
	} {
		if id.name() != want {
			t.Errorf("called %q, want %q", id.name(), want)
		}
		if p, err := parseMatch(id.name()); err != nil || !p.matches(id) {
			t.Errorf("%q does not list itself: %v", want, err)
		}
	}
}

func TestWhatADeviceSaysOfItselfIsBounded(t *testing.T) {
	if got := clean("  Scanner\x00\x1b[31m\u202E 1 " + strings.Repeat("x", 100)); len(got) != 80 || strings.ContainsAny(got, "\x00\x1b\u202E") {
		t.Errorf("%q", got)
	}
	if got := cleanSerial("A 1@\n\xff测"); got != "A_1__" {
		t.Errorf("%q", got)
	}
}
