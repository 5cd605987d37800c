//go:build hardware && cgo

package cacard_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/pcsc"
	"cardferry/drivers/rig/cacard"
	"cardferry/drivers/rig/pcscd"
)

const patience = 60 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestForeignCard reads a card that is not ours, with all profiles of the product,
// through pcscd and the PC/SC driver: nothing knows it, and that is no fault.
func TestForeignCard(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	service, err := pcscd.Start(ctx, pcscd.Config{Dir: t.TempDir(), Readers: 2, Install: true})
	if errors.Is(err, pcscd.ErrUnavailable) {
		t.Skip(err)
	}
	must(t, err)
	defer func() { must(t, service.Stop()) }()
	must(t, os.Setenv("PCSCLITE_CSOCK_NAME", service.Socket()))
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())

	profiles, err := card.LoadProfiles(configs.Cards())
	must(t, err)
	engine, err := card.NewEngine(profiles)
	must(t, err)
	events := make(chan drivers.Event, 100)
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		must(t, <-ended)
	}()
	go func() {
		ended <- pcsc.New(pcsc.Config{Read: engine.Read}).Run(running, func(e drivers.Event) { events <- e })
	}()
	expect := func(want drivers.EventType) drivers.Event {
		t.Helper()
		select {
		case e := <-events:
			if e.Type != want {
				t.Fatalf("event %q (fault %+v), want %q", e.Type, e.Fault, want)
			}
			return e
		case <-time.After(patience):
			t.Fatalf("no event, want %q", want)
			return drivers.Event{}
		}
	}
	expect(drivers.Attached)
	expect(drivers.Attached)
	dir := t.TempDir()
	for range 3 {
		foreign, err := cacard.Insert(ctx, dir, service.Slots()[0].Addr())
		if errors.Is(err, cacard.ErrUnavailable) {
			t.Skip(err)
		}
		must(t, err)
		defer foreign.Remove()
		expect(drivers.Presented)
		r := expect(drivers.Completed).Read
		if r.Medium != drivers.MediumUnknown || r.Patient != nil || r.Extras["atr"] == nil {
			t.Errorf("read %v with %d extras; want an unknown card with its ATR", r, len(r.Extras))
		}
		foreign.Remove()
		expect(drivers.Removed)
	}
}
