//go:build cgo || windows

package pcsc

import (
	"testing"
	"time"

	"cardferry/drivers"
)

// What a card goes through that fails the same way every time.
func TestDecide(t *testing.T) {
	const settle = 600 * time.Millisecond
	for _, c := range []struct {
		name   string
		class  class
		tries  int               // until given up; 0: never
		fault  drivers.FaultCode // at the end, or from then on
		colds  int
		within time.Duration // all waits until the fault
	}{
		{"contacts bounce", classUnready, 6, drivers.FaultUnresponsive, 1, time.Second},
		{"no protocol", classProtocol, 2, drivers.FaultUnresponsive, 1, time.Second},
		{"mute", classSilent, 1, drivers.FaultUnresponsive, 0, 0},
		{"left, but the reader says it is there", classRemoved, 4, drivers.FaultRepresent, 3, 2 * time.Second},
		{"commands get lost", classTransport, 3, drivers.FaultReadFailed, 2, 2 * time.Second},
		{"reset again and again", classReset, 4, drivers.FaultInUse, 0, 0},
		{"held exclusively", classInUse, 0, drivers.FaultInUse, 0, 2 * time.Second},
		{"in a long transaction", classBusy, 0, drivers.FaultInUse, 0, 0},
		{"decoder gives up", classRead, 1, drivers.FaultReadFailed, 0, 0},
		{"reader leaves", classReaderGone, 1, "", 0, 0},
		{"service full", classServiceDown, 4, drivers.FaultServiceDown, 0, 4 * time.Second},
		{"polkit", classDenied, 1, drivers.FaultAccessDenied, 0, 0},
		{"reader broken", classHardware, 1, drivers.FaultReaderHardware, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			const enough = 50
			var waited time.Duration
			var fault drivers.FaultCode
			tries, colds := 0, 0
			for n := 1; n <= enough; n++ {
				v := decide(c.class, n, settle)
				if v.cold {
					colds++
				}
				if fault == "" {
					if fault = v.fault; fault == "" {
						waited += v.wait
					}
				}
				if !v.again {
					tries = n
					break
				}
			}
			if tries != c.tries || fault != c.fault || colds != c.colds {
				t.Errorf("%d tries, fault %q, %d cold resets; want %d, %q, %d", tries, fault, colds, c.tries, c.fault, c.colds)
			}
			if waited > c.within {
				t.Errorf("the clerk is told after %v, want %v at most", waited, c.within)
			}
		})
	}
}
