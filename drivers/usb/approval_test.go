//go:build cgo

package usb

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/rig/usbmock"
	"cardferry/drivers/rig/usbsim"
)

func TestNewDeviceWaitsForApproval(t *testing.T) {
	var approved atomic.Value
	approved.Store("")
	s := usbsim.NewPOSScanner("POS1")
	b := start(t, Config{Approved: func(id string) bool { return id == approved.Load() }})
	plug(t, s)
	found := b.state(StateWaiting)
	if want := (Found{ID: "0c2e:0b61:POS1", Product: "HID POS Scanner", Kind: KindScanner, State: StateWaiting, Remedy: RemedyApprove, Name: "0c2e:0b61:POS1"}); found != want {
		t.Errorf("found %+v", found)
	}
	s.Scan("", []byte("not for us yet"))
	b.silent()

	approved.Store(found.ID)
	b.d.Recheck()
	b.want(drivers.Attached)
	b.state(StateInUse)

	approved.Store("")
	b.d.Recheck()
	b.want(drivers.Detached)
	b.state(StateWaiting)
	b.silent()
}

func TestKeyboardsAreOnlyTakenWhenTheyAreMeant(t *testing.T) {
	ordinary, listed := usbsim.NewKeyboard("HUMAN", usbsim.LayoutUS()), usbsim.NewKeyboard("WEDGE", usbsim.LayoutUS())
	known := usbsim.NewKeyboard("KNOWN", usbsim.LayoutUS())
	known.VID, known.PID = 0x1EAB, 0x1303
	b := start(t, Config{Unlisted: Use, Devices: []Device{{Match: "0c2e:0b64:WEDGE"}}})
	plug(t, ordinary)
	plug(t, known)
	plug(t, listed)
	b.want(drivers.Attached)
	found := b.found("two keyboards", func(all []Found) bool { return len(all) == 2 })
	if found[0].ID != "0c2e:0b64:WEDGE" || found[0].State != StateInUse || found[0].Kind != KindKeyboard {
		t.Errorf("the listed keyboard is %+v", found[0])
	}
	if found[1].ID != "1eab:1303:KNOWN" || found[1].State != StateWaiting {
		t.Errorf("the keyboard of the table is %+v", found[1])
	}
	b.silent()
}

func TestIgnoredDevicesAreListed(t *testing.T) {
	b := start(t, Config{Unlisted: Ignore})
	plug(t, usbsim.NewIDReader())
	if found := b.state(StateIgnored); found.Remedy != RemedyList {
		t.Errorf("found %+v", found)
	}
	b.silent()
}

func TestDeviceThatIsNotWhatItIsListedAs(t *testing.T) {
	b := start(t, Config{Devices: []Device{{Match: "0403:6001"}, {Match: "0400:c35a", Kind: KindKeyboard}}})
	plug(t, usbsim.NewFTDI("F1"))
	plug(t, usbsim.NewIDReader())
	found := b.found("two devices", func(all []Found) bool { return len(all) == 2 })
	for _, f := range found {
		if f.State != StateUnsupported || f.Remedy != RemedyKind {
			t.Errorf("found %+v", f)
		}
	}
	b.silent()
}

// Two readers without serial numbers are told apart by where they are plugged in, two
// with the same one as well.
func TestNames(t *testing.T) {
	for name, serial := range map[string]string{"no serial number": "", "the same serial number": "S1"} {
		t.Run(name, func(t *testing.T) {
			one, two := usbsim.NewIDReader(), usbsim.NewIDReader()
			one.Serial, two.Serial = serial, serial
			b := start(t, useAll())
			atOne := plug(t, one)
			nameOne := b.want(drivers.Attached).Reader.Name
			plug(t, two)
			nameTwo := b.want(drivers.Attached).Reader.Name
			if nameOne == nameTwo || !strings.HasPrefix(nameTwo, "0400:c35a") {
				t.Errorf("called %q and %q", nameOne, nameTwo)
			}
			if err := atOne.Unplug(); err != nil {
				t.Fatal(err)
			}
			if e := b.want(drivers.Detached); e.Reader.Name != nameOne {
				t.Errorf("%q is gone, not %q", e.Reader.Name, nameOne)
			}
			b.found("one", func(all []Found) bool { return len(all) == 1 && all[0].ID == nameTwo })
			plug(t, one)
			if again := b.want(drivers.Attached).Reader.Name; again != nameOne {
				t.Errorf("called %q after the re-plug, was %q", again, nameOne)
			}
			ids := b.d.Found()
			if !slices.IsSortedFunc(ids, func(a, b Found) int { return strings.Compare(a.ID, b.ID) }) {
				t.Errorf("found %+v", ids)
			}
		})
	}
}

// A device that was there before the driver is found as one that comes later.
func TestDevicesThatAreThereAlready(t *testing.T) {
	plug(t, usbsim.NewPOSScanner("POS1"))
	b := start(t, useAll())
	b.want(drivers.Attached)
	b.stop()
	b.silent()
}

// libusb may stop telling what happens on the bus; then the driver looks for itself.
func TestDevicesAreFoundWhenNobodyWatchesTheBus(t *testing.T) {
	usbmock.Need(t)
	bus, err := openBus()
	if err != nil {
		t.Fatal(err)
	}
	looked, events := make(chan string, 1000), make(chan drivers.Event, 10)
	d := New(Config{Approved: func(id string) bool { looked <- id; return true }})
	a := &attendance{d: d, bus: bus, devices: map[address]*attended{}, emit: func(e drivers.Event) { events <- e }}
	h := &hotplug{changed: make(chan struct{}), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	plug(t, usbsim.NewPOSScanner("BEFORE"))
	go func() { a.run(ctx, h); close(done) }()
	for late, found := time.After(patience), false; !found; { // until the bus has it
		select {
		case <-looked:
			found = true
		case h.changed <- struct{}{}:
		case <-late:
			t.Fatal("the first scanner is not found")
		}
	}
	close(h.ended)
	plug(t, usbsim.NewPOSScanner("AFTER"))
	for _, serial := range []string{"BEFORE", "AFTER"} {
		select {
		case e := <-events:
			if e.Type != drivers.Attached || !strings.HasSuffix(e.Reader.Name, serial) {
				t.Errorf("event %q of %s", e.Type, e.Reader.Name)
			}
		case <-time.After(patience):
			t.Errorf("%s is not found", serial)
		}
	}
	cancel()
	<-done
	a.end()
	if err := bus.close(); err != nil {
		t.Error(err)
	}
}

func TestPlugCycles(t *testing.T) {
	r := usbsim.NewIDReader()
	b := start(t, useAll())
	for range plugCycles {
		at, err := usbsim.Plug(r)
		if err != nil {
			t.Fatal(err)
		}
		b.want(drivers.Attached)
		if err := at.Unplug(); err != nil {
			t.Fatal(err)
		}
		b.want(drivers.Detached)
		b.foundNothing()
	}
	b.stop()
	b.silent()
}
