//go:build cgo || windows

package pcsc

import (
	"bytes"
	"context"
	"errors"
	"time"

	"cardferry/drivers"
)

// ending is how a session ended.
type ending int

const (
	underway ending = iota
	gaveUp          // there is nothing left to try, or the card left
	wasRead
	wasSwapped // another card is there, and the service has not seen that
)

// session is one presented card: it tries to read it until that is done, given
// up, or ctx says that the card or the reader left.
type session struct {
	r        *reader
	changes  <-chan struct{} // the reader's state changed, the card is still there
	maySwap  bool            // another card counts as one
	failures map[class]int
	reported map[drivers.FaultCode]bool
	atr      []byte // at the first connection; belongs to the link's goroutine
}

// run reports one Completed, or at most one Faulted per fault code. It returns soon after
// ctx has ended, whatever the card does.
func (s *session) run(ctx context.Context) ending {
	cold := false
	for {
		if !s.linkFree(ctx) {
			return gaveUp
		}
		read, err := s.attempt(ctx, cold)
		if err == nil {
			s.complete(read)
			return wasRead
		}
		if ctx.Err() != nil {
			return gaveUp // the card left: nothing to say
		}
		if errors.Is(err, errSwapped) {
			return wasSwapped
		}
		c := classify(err)
		s.failures[c]++
		if c == classRemoved {
			s.r.look() // pcsc-lite knows now, and does not tell
		}
		v := decide(c, s.failures[c], s.r.d.limits.settle)
		if s.r.link.cold.Load() {
			v = v.coldly(c, s.failures[c])
		}
		if v.fault != "" {
			s.fault(v.fault, err)
		}
		s.r.log.Debug("card not read", "error", err, "failures", s.failures[c], "again", v.again)
		if !v.again || !s.wait(ctx, c, v.wait) {
			return gaveUp
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a link that is left behind goes no further than its call
	limits := s.r.d.limits
	var atr []byte // asked for again after a failure: a torn one may have been the reason
	if told := s.r.atr.Load(); told != nil && len(s.failures) == 0 {
		atr = *told
	}
	another := s.another()
	s.r.link = newLink(func(l *link, h *handle) (drivers.Read, error) {
		info, err := s.r.connect(l, h, cold, atr)
		switch {
		case err != nil:
			return drivers.Read{}, err
		case ctx.Err() != nil:
			return drivers.Read{}, ctx.Err()
		case another(info.ATR):
			return drivers.Read{}, errSwapped
		}
		s.atr = info.ATR
		l.reading.Store(true)
		began := time.Now()
		ch := &channel{link: l, h: h, limits: limits}
		read, err := s.r.d.read(ctx, ch, info)
		if ch.lost != nil {
			err = ch.lost // also when the decoder made do without the answer
		}
		s.r.log.Debug("card asked", "took", time.Since(began), "in_transmit", h.spent)
		return read, err
	})
	return s.r.link.wait(ctx, min(limits.connect, limits.apdu))
}

// another returns a function that says whether the card that answers now is another than
// the one that was presented: that one has left, as its reader said, or had another ATR. (A
// command that is lost says nothing; a card that another program reset may have a new ATR.)
func (s *session) another() func(atr []byte) bool {
	left, first := s.failures[classRemoved] > 0, s.atr
	if s.failures[classTransport] == 0 || s.failures[classReset] > 0 {
		first = nil
	}
	return func(atr []byte) bool {
		return s.maySwap && (left || first != nil && !bytes.Equal(atr, first))
	}
}

// complete says what was read, where and when.
func (s *session) complete(read drivers.Read) {
	read.ID = drivers.NewReadID()
	read.Reader = s.r.ident.Name
	read.Simulated = s.r.ident.Simulated
	s.r.event(drivers.Event{Type: drivers.Completed, Read: &read})
}
