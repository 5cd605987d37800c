package usb

import (
	"strings"
	"testing"

	"cardferry/drivers"
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

func TestDecide(t *testing.T) {
	yes := func(string) bool { return true }
	only := func(id string) bool { return id == "this" }
	for _, c := range []struct {
		name     string
		unlisted Unlisted
		approved func(string) bool
		kind     string
		listed   bool
		want     State
		remedy   string
	}{
		{"listed", Ask, nil, KindIDCard, true, StateStarting, ""},
		{"listed keyboard", Ask, nil, KindKeyboard, true, StateStarting, ""},
		{"listed although others are ignored", Ignore, nil, KindScanner, true, StateStarting, ""},
		{"listed, nobody knows what it is", Use, nil, "", true, StateUnsupported, RemedyKind},
		{"unlisted waits", Ask, nil, KindIDCard, false, StateWaiting, RemedyApprove},
		{"the zero value asks", "", nil, KindIDCard, false, StateWaiting, RemedyApprove},
		{"approved", Ask, yes, KindIDCard, false, StateStarting, ""},
		{"another one is approved", Ask, func(string) bool { return false }, KindIDCard, false, StateWaiting, RemedyApprove},
		{"this one is approved", Ask, only, KindKeyboard, false, StateStarting, ""},
		{"all are used", Use, nil, KindScanner, false, StateStarting, ""},
		{"all are used but keyboards", Use, nil, KindKeyboard, false, StateWaiting, RemedyApprove},
		{"ignored", Ignore, yes, KindIDCard, false, StateIgnored, RemedyList},
		{"HD-100 without card profiles", Use, nil, KindHD100, true, StateUnsupported, RemedyCards},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Unlisted: c.unlisted, Approved: c.approved}
			if s, r := cfg.decide(c.kind, "this", c.listed); s != c.want || r != c.remedy {
				t.Errorf("%s, %q; want %s, %q", s, r, c.want, c.remedy)
			}
		})
	}
}

func TestConfigurationThatCanNeverWorkIsRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		"match":    {Devices: []Device{{Match: "scanner"}}},
		"kind":     {Devices: []Device{{Match: "0400:c35a", Kind: "printer"}}},
		"layout":   {Devices: []Device{{Match: "0400:c35a", Layout: "dvorak"}}},
		"charset":  {Devices: []Device{{Match: "0400:c35a", Charset: "klingon"}}},
		"charset2": {Charset: "klingon"},
		"unlisted": {Unlisted: "maybe"},
	} {
		if err := New(cfg).Run(t.Context(), func(drivers.Event) {}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	good := Config{Unlisted: Ask, Charset: "gb18030", Devices: []Device{{Match: "0400:c35a", Layout: "de", Charset: "unicode", Kind: KindKeyboard}}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
}
