//go:build cgo || windows

package pcsc

import (
	"context"

	"github.com/ebfe/scard"

	"cardferry/drivers"
)

// Survey says once what the PC/SC service offers now, for a diagnosis. No card is
// touched. A service that cannot be reached is the fault the driver would report;
// a call that hangs ends with ctx.
func Survey(ctx context.Context) ([]Surveyed, *drivers.Fault) {
	watching, cancel := context.WithCancel(ctx)
	seen, ended := make(chan snapshot), make(chan struct{})
	go func() {
		defer close(ended)
		d := New(Config{})
		d.limits.watch = shortWait
		d.watch(watching, seen, nil)
	}()
	defer func() {
		cancel()
		select {
		case <-ended:
		case <-ctx.Done(): // the service hangs, and the goroutine with it
		}
	}()
	var o outage
	for {
		select {
		case s := <-seen:
			if s.err == nil {
				return surveyed(s.readers), nil
			}
			if f, told := o.failed(s.err); told {
				return nil, &f
			}
		case <-ctx.Done():
			return nil, &drivers.Fault{Code: drivers.FaultServiceDown, Detail: errHung.Error()}
		}
	}
}

func surveyed(readers []readerState) []Surveyed {
	var out []Surveyed
	for _, r := range readers {
		flags := scard.StateFlag(r.state)
		out = append(out, Surveyed{
			Name:      r.pcscName,
			Card:      r.state.present(),
			Exclusive: flags&scard.StateExclusive != 0,
			Shared:    flags&scard.StateInuse != 0 && flags&scard.StateExclusive == 0,
			Mute:      flags&scard.StateMute != 0,
		})
	}
	return out
}
