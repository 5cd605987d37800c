//go:build cgo

package usb

import (
	"testing"

	"cardferry/drivers"
)

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
