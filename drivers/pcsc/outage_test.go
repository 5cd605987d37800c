//go:build cgo

package pcsc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
)

// The service dies with a card in a reader and comes back.
func TestServiceRestart(t *testing.T) {
	r := run(t, readOneByte)
	r.insert(0, says(1))
	r.expect(readers[0].name, drivers.Presented, drivers.Completed)
	for range 2 {
		if err := service.Kill(); err != nil {
			t.Fatal(err)
		}
		r.expect(readers[0].name, drivers.Removed, drivers.Detached)
		for _, reader := range readers[1:] {
			r.expect(reader.name, drivers.Detached)
		}
		r.expectFault(Name, drivers.FaultServiceDown)
		restart(t)
		for _, reader := range readers {
			r.expect(reader.name, drivers.Attached)
		}
		r.insert(0, says(2))
		r.expect(readers[0].name, drivers.Presented, drivers.Completed)
	}
	if rest := r.queues[Name]; len(rest) > 0 {
		t.Errorf("more than one fault per outage: %+v", rest)
	}
}

// The service dies in the middle of a command.
func TestServiceDiesDuringRead(t *testing.T) {
	r := run(t, readOneByte)
	asked, answer := make(chan struct{}), make(chan struct{})
	r.insert(0, &chip{apdu: func([]byte) []byte {
		close(asked)
		<-answer
		return []byte{0x00, 0x90, 0x00}
	}})
	r.expect(readers[0].name, drivers.Presented)
	<-asked
	if err := service.Kill(); err != nil {
		t.Fatal(err)
	}
	close(answer)
	r.expect(readers[0].name, drivers.Removed, drivers.Detached)
	restart(t)
	r.expect(readers[0].name, drivers.Attached)
}

// A service that hangs is noticed, and so is that it goes on.
func TestHungService(t *testing.T) {
	r := run(t, readOneByte, func(l *limits) { l.watch, l.hung = 100*time.Millisecond, 3*time.Second })
	if err := service.Suspend(); err != nil {
		t.Fatal(err)
	}
	for _, reader := range readers {
		r.expect(reader.name, drivers.Detached)
	}
	r.expectFault(Name, drivers.FaultServiceDown)
	if err := service.Resume(); err != nil {
		t.Fatal(err)
	}
	for _, reader := range readers {
		r.expect(reader.name, drivers.Attached)
	}
	r.insert(0, says(1))
	r.expect(readers[0].name, drivers.Presented, drivers.Completed)
}

// A driver that starts before the service waits for it.
func TestStartWithoutService(t *testing.T) {
	needService(t)
	if err := service.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restart(t) })
	r := start(t, readOneByte)
	r.expectFault(Name, drivers.FaultServiceDown)
	restart(t)
	for _, reader := range readers {
		r.expect(reader.name, drivers.Attached)
	}
}

func TestStopWithoutService(t *testing.T) {
	needService(t)
	if err := service.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restart(t) })
	r := start(t, readOneByte)
	r.expectFault(Name, drivers.FaultServiceDown)
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func restart(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := service.Restart(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestOutage(t *testing.T) {
	down := &pcscError{"SCardEstablishContext", scard.ErrNoService}
	denied := &pcscError{"SCardEstablishContext", scard.ErrSecurityViolation}
	for _, c := range []struct {
		name     string
		failures []error
		want     []drivers.FaultCode
	}{
		{"back at once", []error{down}, nil},
		{"down for long is one fault", []error{down, down, down, down}, []drivers.FaultCode{drivers.FaultServiceDown}},
		{"polkit", []error{denied, denied, denied}, []drivers.FaultCode{drivers.FaultAccessDenied}},
		{"a service that ends refuses its last client", []error{denied, down, down}, []drivers.FaultCode{drivers.FaultServiceDown}},
		{"no storm between two kinds", []error{down, denied, down, denied, down},
			[]drivers.FaultCode{drivers.FaultAccessDenied, drivers.FaultServiceDown}},
		{"a service that hangs is told at once", []error{errHung}, []drivers.FaultCode{drivers.FaultServiceDown}},
		{"panic in the binding", []error{errors.New("x"), errors.New("x")}, []drivers.FaultCode{drivers.FaultServiceDown}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o outage
			for range 2 { // the second outage is told like the first
				var got []drivers.FaultCode
				for _, err := range c.failures {
					if f, report := o.failed(err); report {
						got = append(got, f.Code)
					}
				}
				if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] || len(got) > 1 && got[1] != c.want[1] {
					t.Errorf("faults %v, want %v", got, c.want)
				}
				if reported := o.over(); reported != (len(c.want) > 0) {
					t.Errorf("recovery is news: %v", reported)
				}
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	var b backoff
	most := time.Duration(0)
	for range 20 {
		d := b.next(0)
		if d <= 0 || d > b.ceiling+time.Millisecond || b.ceiling > backoffMost {
			t.Fatalf("waits %v under a ceiling of %v", d, b.ceiling)
		}
		most = max(most, b.ceiling)
	}
	if most != backoffMost {
		t.Errorf("ceiling ends at %v, want %v", most, backoffMost)
	}
	if b.next(stableAfter); b.ceiling != backoffFirst {
		t.Errorf("ceiling %v after a stable time, want %v", b.ceiling, backoffFirst)
	}
}
