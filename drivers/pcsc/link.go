//go:build cgo || windows

package pcsc

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"cardferry/drivers"
)

// link is one try to read one card: a connection, and the goroutine that does all the work
// on it, from SCardConnect over the decoder to SCardDisconnect. PC/SC calls on a card
// cannot be cancelled, so whoever wants the result watches the work with a context and
// limits and walks away from a call that is stuck. There is no hand-over per command: it
// would cost more than the rest of the driver.
type link struct {
	done    chan struct{} // closed when the goroutine has ended and everything is released
	result  chan outcome  // has room: nobody may be waiting any more
	pending atomic.Pointer[pending]
	reading atomic.Bool // the card is the link's: a call that is stuck is stuck with it
	cold    atomic.Bool // the card's profile wants the next try to begin with power off and on
}

// pending is a PC/SC call that has not returned.
type pending struct {
	until time.Time // when it counts as stuck
	late  error     // what that means
}

type outcome struct {
	read drivers.Read
	err  error
}

// newLink starts work on a card. The goroutine lets go of the card when work has returned.
func newLink(work func(*link, *handle) (drivers.Read, error)) *link {
	l := &link{done: make(chan struct{}), result: make(chan outcome, 1)}
	go func() {
		defer close(l.done)
		h := &handle{}
		read, err := l.work(h, work)
		l.result <- outcome{read, err}
		runtime.Gosched() // letting go of the card, PC/SC calls again, need not delay the result
		_ = guarded(func() error { h.release(); return nil })
	}()
	return l
}

// work runs the work; a panic in the decoder, say, is an error. Its value may hold card
// contents and is not repeated.
func (l *link) work(h *handle, f func(*link, *handle) (drivers.Read, error)) (read drivers.Read, err error) {
	defer func() {
		if v := recover(); v != nil {
			read, err = drivers.Read{}, fmt.Errorf("reading panicked (%T); please report this with the reader's model and the card profile", v)
		}
	}()
	return f(l, h)
}

// call makes one PC/SC call, or a few that share a limit, that whoever waits may find to be
// stuck: late is then what the work came to.
func (l *link) call(limit time.Duration, late error, f func() error) error {
	l.pending.Store(&pending{time.Now().Add(limit), late})
	defer l.pending.Store(nil)
	return guarded(f)
}

// wait returns what the work came to, ctx's error, or the error of a call that is stuck.
// look is how often it looks for one, at most the shortest limit.
func (l *link) wait(ctx context.Context, look time.Duration) (drivers.Read, error) {
	timer := time.NewTimer(look)
	defer timer.Stop()
	for {
		select {
		case o := <-l.result:
			return o.read, o.err
		case <-ctx.Done():
			return drivers.Read{}, ctx.Err()
		case <-timer.C:
			next := look
			if p := l.pending.Load(); p != nil {
				left := time.Until(p.until)
				if left <= 0 {
					return drivers.Read{}, p.late
				}
				next = min(next, left)
			}
			timer.Reset(next)
		}
	}
}

// guarded makes PC/SC calls. The scard package panics on what it does not expect
// (a protocol other than T=0 and T=1, a reply without a reader name); here that is
// an error.
func guarded(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("PC/SC binding panicked (%T); please report this with the reader's model", v)
		}
	}()
	return f()
}
