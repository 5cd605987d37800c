//go:build cgo || windows

package pcsc

import (
	"errors"
	"math/rand/v2"
	"time"

	"cardferry/drivers"
)

const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 5 * time.Second
	// stableAfter is how long a service must have worked before the next loss
	// counts as a new one.
	stableAfter = 10 * time.Second
)

// backoff spaces the tries to reach the service: doubling, with full jitter, so
// that many desks do not knock at the same moment after an update.
type backoff struct{ ceiling time.Duration }

// next returns how long to wait after a try that worked for so long.
func (b *backoff) next(worked time.Duration) time.Duration {
	if worked >= stableAfter || b.ceiling == 0 {
		b.ceiling = backoffFirst
	} else {
		b.ceiling = min(2*b.ceiling, backoffMost)
	}
	return rand.N(b.ceiling) + time.Millisecond //nolint:gosec // G404: jitter is no secret
}

// outage turns failures to reach the service into faults: one of a kind from the
// first loss to the recovery.
type outage struct {
	failures int
	reported map[drivers.FaultCode]bool
}

// failed takes a failure and returns the fault to report, if any. The first
// failure is none yet: a service that restarts, or is started by its socket, is
// back at once, and one that ends may refuse its last client as if by polkit. One
// that hangs has had its time already.
func (o *outage) failed(err error) (drivers.Fault, bool) {
	if o.failures++; o.failures < 2 && !errors.Is(err, errHung) {
		return drivers.Fault{}, false
	}
	code := drivers.FaultServiceDown
	if classify(err) == classDenied {
		code = drivers.FaultAccessDenied
	}
	if o.reported[code] {
		return drivers.Fault{}, false
	}
	if o.reported == nil {
		o.reported = map[drivers.FaultCode]bool{}
	}
	o.reported[code] = true
	return drivers.Fault{Code: code, Detail: err.Error()}, true
}

// over says that the service works; it returns whether a fault had been reported.
func (o *outage) over() bool {
	was := len(o.reported) > 0
	*o = outage{}
	return was
}
