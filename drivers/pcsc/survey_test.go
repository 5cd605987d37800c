//go:build cgo

package pcsc

import (
	"context"
	"testing"

	"github.com/ebfe/scard"
	"go.uber.org/goleak"

	"cardferry/drivers"
)

func TestSurvey(t *testing.T) {
	needService(t)
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	survey := func() map[string]Surveyed {
		t.Helper()
		found, fault := Survey(ctx)
		if fault != nil {
			t.Fatalf("fault %+v", fault)
		}
		byName := map[string]Surveyed{}
		for _, s := range found {
			byName[s.Name] = s
		}
		return byName
	}

	other := client(t)
	name := readers[0].pcsc
	insert(t, 0, says(1))
	awaitCard(t, other, name, true)
	got := survey()
	if len(got) != len(readers) || !got[name].Card || got[name].Exclusive || got[readers[1].pcsc].Card {
		t.Errorf("with one card: %+v", got)
	}

	held, err := other.Connect(name, scard.ShareExclusive, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	if got := survey()[name]; !got.Exclusive {
		t.Errorf("held by another program: %+v", got)
	}
	if err := held.Disconnect(scard.LeaveCard); err != nil {
		t.Fatal(err)
	}
}

func TestSurveyWithoutService(t *testing.T) {
	needService(t)
	if err := service.Stop(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := service.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, fault := Survey(ctx); fault == nil || fault.Code != drivers.FaultServiceDown || fault.Detail == "" {
		t.Errorf("fault %+v", fault)
	}
}
