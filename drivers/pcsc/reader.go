//go:build cgo || windows

package pcsc

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// reader is one attached reader. Its goroutine turns the reader's states into
// events; while a card is present it has a session beside it. Events of a reader
// are emitted by one of the two at a time.
type reader struct {
	d        *Driver
	pcscName string
	ident    drivers.Reader
	emit     func(drivers.Event)
	log      *slog.Logger
	atr      atomic.Pointer[[]byte] // of the present card, as the watcher was told
	states   chan state             // the newest state the watcher has seen, one place
	link     *link                  // of the last try; belongs to whichever goroutine emits
	look     func()                 // makes the watcher ask for the readers' states
	bounce   bounce
	blind    blindness
	swaps    int // cards that the present state stands for, beyond the first
	detach   context.CancelFunc
	done     chan struct{} // closed after the last event
}

// update hands the reader its newest state, in place of one it has not looked
// at yet: the insertion counter keeps what came between. One goroutine calls it.
func (r *reader) update(s state) {
	select {
	case <-r.states:
	default:
	}
	r.states <- s
}

// run reports events until ctx ends because the reader left. previous is closed
// when the same reader's earlier goroutine has said its last word; nil if
// there was none.
func (r *reader) run(ctx context.Context, previous <-chan struct{}) {
	if previous != nil {
		<-previous
	}
	r.event(drivers.Event{Type: drivers.Attached})
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case s := <-r.states:
			for s = r.settled(ctx, s); s.present(); s = r.settled(ctx, s) {
				r.blind.saw(s)
				s = r.serve(ctx, s)
			}
			r.blind.left(s, r.d.limits.settle)
		case <-r.blind.suspected:
			r.blind.looked(r.revive(ctx, r.blind.power))
		}
	}
	r.event(drivers.Event{Type: drivers.Detached})
	close(r.done)
	r.abandonLink()
}

// serve accompanies the card present in s until it has left and returns the state
// that says so: possibly the next card's, which is s itself where the service has not seen the
// swap; nothing when the reader left.
func (r *reader) serve(ctx context.Context, s state) state {
	cardCtx, cardLeft := context.WithCancel(ctx)
	defer cardLeft()
	r.event(drivers.Event{Type: drivers.Presented})
	changes, ended := make(chan struct{}, 1), make(chan ending, 1)
	one := &session{r: r, changes: changes, maySwap: r.swaps < mostSwaps,
		failures: map[class]int{}, reported: map[drivers.FaultCode]bool{}}
	began := time.Now()
	go func() { ended <- one.run(cardCtx) }()
	next, how := r.stays(ctx, s, changes, ended)
	stayed := time.Since(began)
	cardLeft()
	if how == underway {
		how = <-ended
	}
	r.blind.torn = one.failures[classRemoved]+one.failures[classTransport] > 0
	r.swaps++
	if !s.sameCard(next) {
		r.swaps = 0
	}
	r.bounce.left(stayed, how == wasRead, r.d.limits.stable)
	r.event(drivers.Event{Type: drivers.Removed})
	return next
}

// mostSwaps is how often another card is taken to be there in one and the same state of
// the reader, until it is rather the reader that errs.
const mostSwaps = 3

// stays returns when the card present in s has left, with the state that says so and
// how its session ended if it has; or when ctx ended. Until then it passes on that something
// changed.
func (r *reader) stays(ctx context.Context, s state, changes chan<- struct{}, ended <-chan ending) (next state, how ending) {
	for {
		select {
		case <-ctx.Done():
			return 0, how
		case how = <-ended: // once
			if how == wasSwapped {
				return s, how
			}
		case next := <-r.states:
			if !s.sameCard(next) {
				return next, how
			}
			select {
			case changes <- struct{}{}:
			default:
			}
		}
	}
}

// connect takes the present card for a link, in a transaction.
func (r *reader) connect(l *link, h *handle, cold bool, atr []byte) (info card.Info, err error) {
	err = l.call(r.d.limits.connect, errBusy, func() error {
		if err := h.connect(r.pcscName, cold); err != nil {
			return err
		}
		if err := h.begin(); err != nil {
			return err
		}
		info, err = h.info(r.pcscName, atr)
		return err
	})
	info.Reader = r.ident.Name
	return info, err
}

// linkFree waits until the last try has let go of the card; it returns false when
// ctx ended first. A nil late waits for as long as it takes.
func (r *reader) linkFree(ctx context.Context, late <-chan time.Time) (free bool, err error) {
	if r.link == nil {
		return ctx.Err() == nil, nil
	}
	select {
	case <-r.link.done:
		r.link = nil
		return ctx.Err() == nil, nil
	case <-late:
		if r.link.reading.Load() {
			return false, errStuck
		}
		return false, errBusy
	case <-ctx.Done():
		return false, nil
	}
}

// abandonLink gives the last link a moment to let go of the card. One that is
// stuck in a call is left behind: see the package comment.
func (r *reader) abandonLink() {
	if r.link == nil {
		return
	}
	timer := time.NewTimer(r.d.limits.grace)
	defer timer.Stop()
	select {
	case <-r.link.done:
	case <-timer.C:
		r.log.Warn("a card does not answer; its connection ends when the card or the service does")
	}
}

// event emits e for this reader, now.
func (r *reader) event(e drivers.Event) {
	e.Time = time.Now()
	e.Reader = r.ident
	if e.Read != nil {
		e.Read.Time = e.Time
	}
	r.emit(e)
}
