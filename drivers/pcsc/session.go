//go:build cgo || windows

package pcsc

import (
	"context"
	"fmt"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// session is one presented card: it tries to read it until that is done, given
// up, or ctx says that the card or the reader left.
type session struct {
	r        *reader
	changes  <-chan struct{} // the reader's state changed, the card is still there
	failures map[class]int
	reported map[drivers.FaultCode]bool
}

// run reports one Completed, which it returns as true, or at most one Faulted per
// fault code. It returns soon after ctx has ended, whatever the card does.
func (s *session) run(ctx context.Context) (done bool) {
	cold := false
	for {
		if !s.linkFree(ctx) {
			return false
		}
		read, err := s.attempt(ctx, cold)
		if err == nil {
			s.complete(read)
			return true
		}
		if ctx.Err() != nil {
			return false // the card left: nothing to say
		}
		c := classify(err)
		s.failures[c]++
		v := decide(c, s.failures[c], s.r.d.limits.settle)
		if v.fault != "" {
			s.fault(v.fault, err)
		}
		s.r.log.Debug("card not read", "error", err, "failures", s.failures[c], "again", v.again)
		if !v.again || !s.wait(ctx, c, v.wait) {
			return false
		}
		cold = v.cold
	}
}

// fault reports a fault unless this card has had one with that code.
func (s *session) fault(code drivers.FaultCode, err error) {
	if !s.reported[code] {
		s.reported[code] = true
		s.r.event(drivers.Event{Type: drivers.Faulted, Fault: &drivers.Fault{Code: code, Detail: err.Error()}})
	}
}

// linkFree waits until the last try, possibly at another card, has let go, and says so
// when that takes too long. It returns false when ctx ended first.
func (s *session) linkFree(ctx context.Context) bool {
	late := time.NewTimer(s.r.d.limits.connect)
	defer late.Stop()
	free, err := s.r.linkFree(ctx, late.C)
	if err != nil {
		s.fault(decide(classify(err), 1, 0).fault, err)
		free, _ = s.r.linkFree(ctx, nil)
	}
	return free
}

// wait lets d pass. What another program holds may be free as soon as the state
// of the reader changes; for other reasons a change says nothing. It returns
// false when ctx ended.
func (s *session) wait(ctx context.Context, c class, d time.Duration) bool {
	changes := s.changes
	if c != classInUse {
		changes = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-changes:
	case <-timer.C:
	}
	return true
}

// attempt connects, reads inside a transaction, and leaves the link to close
// itself: letting go of the card need not delay the result.
func (s *session) attempt(ctx context.Context, cold bool) (drivers.Read, error) {
	limits := s.r.d.limits
	l := newLink()
	s.r.link = l
	defer l.close()
	var atr []byte // asked for again after a failure: a torn one may have been the reason
	if told := s.r.atr.Load(); told != nil && len(s.failures) == 0 {
		atr = *told
	}
	info, err := do(ctx, l, limits.connect, errBusy, func(h *handle) (card.Info, error) {
		if err := h.connect(s.r.pcscName, cold); err != nil {
			return card.Info{}, err
		}
		return h.begin(s.r.pcscName, atr)
	})
	if err != nil {
		return drivers.Read{}, err
	}
	l.reading = true
	ch := &channel{link: l, limit: limits.apdu}
	read, err := s.r.d.read(ctx, ch, info)
	if ch.lost != nil {
		err = ch.lost // also when the decoder made do without the answer
	}
	return read, err
}

// complete says what was read, where and when.
func (s *session) complete(read drivers.Read) {
	read.ID = drivers.NewReadID()
	read.Reader = s.r.ident.Name
	read.Simulated = s.r.ident.Simulated
	s.r.event(drivers.Event{Type: drivers.Completed, Read: &read})
}

// panicked is what a panic becomes at a goroutine's edge; its value may hold
// card contents and is not repeated.
func panicked(v any) error {
	return fmt.Errorf("reading panicked (%T); please report this with the reader's model and the card profile", v)
}
