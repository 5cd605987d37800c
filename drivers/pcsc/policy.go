//go:build cgo || windows

package pcsc

import (
	"time"

	"cardferry/drivers"
)

// verdict is what happens after a failed try to read a card.
type verdict struct {
	fault drivers.FaultCode // to report now, unless reported for this card already; empty for none
	again bool              // try again, after wait or sooner when the reader's state changes
	wait  time.Duration
	cold  bool // power the card off and on at the next try
}

// coldly is the verdict on a card whose profile wants another try, with power off and on,
// when a read fails: also when it was the decoder that gave up, once.
func (v verdict) coldly(c class, n int) verdict {
	if c == classRead && n == 1 {
		return verdict{again: true, cold: true}
	}
	v.cold = v.again
	return v
}

// bounceWaits are how long to wait between tries while contacts still bounce: some
// readers say unresponsive for the first 200 to 800 ms of an insertion.
var bounceWaits = []time.Duration{100 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond, 400 * time.Millisecond}

const (
	sharingTries = 5                      // in quick succession, before the clerk is told
	sharingWait  = 250 * time.Millisecond // between them
	sharingSlow  = time.Second            // afterwards, for as long as the card stays
	lostTries    = 3                      // after lost commands, resets, a service that does not answer
	serviceWait  = time.Second
)

// decide says what to do after the n-th (1, 2, …) failure of class c with the
// same card. settle is how long the event of a removal may take to arrive: a
// command that got lost is usually the first sign of it, and then the session is
// ended from outside before the wait is over.
func decide(c class, n int, settle time.Duration) verdict {
	switch c {
	case classReset:
		if n <= lostTries {
			return verdict{again: true}
		}
		return verdict{fault: drivers.FaultInUse}
	case classRemoved:
		// Cold: if the service has not seen a swap, the new card has no power.
		if n <= lostTries {
			return verdict{again: true, wait: settle, cold: true}
		}
		return verdict{fault: drivers.FaultRepresent}
	case classTransport:
		if n < lostTries {
			return verdict{again: true, wait: settle, cold: true}
		}
		return verdict{fault: drivers.FaultReadFailed}
	case classInUse:
		if n < sharingTries {
			return verdict{again: true, wait: sharingWait}
		}
		return verdict{fault: drivers.FaultInUse, again: true, wait: sharingSlow}
	case classBusy:
		return verdict{fault: drivers.FaultInUse, again: true} // once the stuck call has returned
	case classUnready:
		switch {
		case n <= len(bounceWaits):
			return verdict{again: true, wait: bounceWaits[n-1]}
		case n == len(bounceWaits)+1:
			return verdict{again: true, cold: true}
		default:
			return verdict{fault: drivers.FaultUnresponsive}
		}
	case classProtocol:
		// A torn ATR names no protocol either, and the service keeps it until
		// the card is powered anew.
		if n == 1 {
			return verdict{again: true, wait: bounceWaits[0], cold: true}
		}
		return verdict{fault: drivers.FaultUnresponsive}
	case classSilent:
		return verdict{fault: drivers.FaultUnresponsive}
	case classReaderGone:
		return verdict{} // the watcher sees it too and detaches the reader
	case classServiceDown:
		// Usually the watcher sees it too and ends the session; if not, the
		// service refuses further contexts only.
		if n <= lostTries {
			return verdict{again: true, wait: serviceWait}
		}
		return verdict{fault: drivers.FaultServiceDown}
	case classDenied:
		return verdict{fault: drivers.FaultAccessDenied}
	case classHardware:
		return verdict{fault: drivers.FaultReaderHardware}
	default:
		return verdict{fault: drivers.FaultReadFailed}
	}
}
