//go:build cgo

package usb

import (
	"context"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/rig/usbsim"
)

// chip is a contact card that answers READ BINARY with its name.
type chip struct{ name string }

func (c chip) ATR() []byte { return []byte{0x3B, 0x00} }
func (c chip) Reset()      {}
func (c chip) APDU(cmd []byte) []byte {
	if cmd[1] != 0xB0 {
		return []byte{0x6D, 0x00}
	}
	return append([]byte(c.name), 0x90, 0x00)
}

func TestHD100(t *testing.T) {
	h := usbsim.NewHD100("D1")
	b := start(t, Config{Unlisted: Use, Read: func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		rsp, err := ch.Transmit(ctx, []byte{0x00, 0xB0, 0x00, 0x00, 0x00})
		if err != nil {
			return drivers.Read{}, err
		}
		return drivers.Read{Medium: string(rsp[:len(rsp)-2])}, nil
	}})
	at := plug(t, h)
	events := func(n int) map[string][]drivers.Event { // by reader
		t.Helper()
		all := map[string][]drivers.Event{}
		for range n {
			e := b.next()
			all[e.Reader.Name] = append(all[e.Reader.Name], e)
		}
		return all
	}
	const slot, module = "072f:90d5:D1", "072f:90d5:D1 ID card"
	all := events(2)
	if e := all[slot]; len(e) != 1 || e[0].Type != drivers.Attached || e[0].Reader.Kind != drivers.KindSmartcard {
		t.Fatalf("slot: %+v", e)
	}
	if e := all[module]; len(e) != 1 || e[0].Type != drivers.Attached || e[0].Reader.Kind != drivers.KindIDCard {
		t.Fatalf("module: %+v", e)
	}

	h.Insert(chip{"a card whose answer takes more than one report"})
	if e := b.want(drivers.Presented, drivers.Completed); e.Reader.Name != slot || e.Read.Medium != "a card whose answer takes more than one report" {
		t.Errorf("%s: %s", e.Reader.Name, e.Read)
	}
	h.SAM.Place(idCard())
	if e := b.want(drivers.Presented, drivers.Completed); e.Reader.Name != module || e.Read.Patient == nil || e.Read.Patient.Name[0].Text != "测试甲" {
		t.Errorf("%s: %s", e.Reader.Name, e.Read)
	}
	h.Remove()
	if e := b.want(drivers.Removed); e.Reader.Name != slot {
		t.Errorf("%s", e.Reader.Name)
	}
	if err := at.Unplug(); err != nil {
		t.Fatal(err)
	}
	all = events(2)
	if all[slot][0].Type != drivers.Detached || all[module][0].Type != drivers.Detached {
		t.Errorf("%+v", all)
	}
	b.stop()
	b.silent()
}

func TestHD100NeedsProfiles(t *testing.T) {
	b := start(t, useAll())
	plug(t, usbsim.NewHD100(""))
	if found := b.state(StateUnsupported); found.Remedy != RemedyCards || found.Kind != KindHD100 {
		t.Errorf("found %+v", found)
	}
	b.silent()
}
