//go:build cgo || windows

package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/ebfe/scard"
)

const (
	// pnpReader is the pseudo reader whose state changes when readers come or go
	// (pcsc-lite and Windows; macOS does not know it).
	pnpReader = `\\?PnP?\Notification`
	// maxStates is how many readers one SCardGetStatusChange takes, the pseudo
	// reader included (PCSCLITE_MAX_READERS_CONTEXTS).
	maxStates = 16
	// shortWait bounds a wait where the next change may come without a
	// notification: right after one (pcsc-lite can miss the second of two
	// readers), without the pseudo reader, and on Windows, where the scard
	// package does not keep the reader names alive during the call.
	shortWait = time.Second
	// idleWakes is how many waits in a row may end without news before the
	// watcher slows down: a broken reader driver must not cost a CPU.
	idleWakes = 8
	slowDown  = 100 * time.Millisecond
	// cancelEvery repeats SCardCancel, which does nothing to a wait that is just
	// about to begin.
	cancelEvery = 20 * time.Millisecond
)

// snapshot is what the watcher sees at one moment: all readers with their
// states in the service's order, or why it sees nothing any more.
type snapshot struct {
	readers []readerState
	err     error
}

type readerState struct {
	pcscName string
	state    state
	atr      []byte // of the card that is present, where the service told
}

// errResumed ends a watch after the machine slept: the service may have forgotten the
// context, and some answer with SCARD_E_UNEXPECTED from then on.
var errResumed = errors.New("the machine was suspended")

// watch reports snapshots until ctx ends, one at least whenever the longest wait is
// over. After an error it starts over with a new context, which is the only thing that
// helps once a service has gone (an old context stays "valid" for ever). After a suspend
// it takes a new context without a word: what is known of readers and cards stays, and
// what changed meanwhile shows as any change does. A value in again makes it ask at once for
// what the service knows without telling.
func (d *Driver) watch(ctx context.Context, out chan<- snapshot, again <-chan struct{}) {
	var pause backoff
	w := newWatcher(d)
	for ctx.Err() == nil {
		began := time.Now()
		err := w.observe(ctx, out, again)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errResumed):
			d.log.Info("the machine was suspended; the PC/SC context is a new one")
			continue
		}
		select {
		case out <- snapshot{err: err}:
		case <-ctx.Done():
			return
		}
		w = newWatcher(d)
		sleep(ctx, pause.next(time.Since(began)))
	}
}

// observe reports snapshots from one PC/SC context until that fails or ctx ends.
func (w *watcher) observe(ctx context.Context, out chan<- snapshot, again <-chan struct{}) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("PC/SC binding panicked (%T) while watching readers", v)
		}
	}()
	sc, err := scard.EstablishContext()
	if err != nil {
		return wrap("SCardEstablishContext", err)
	}
	defer func() { _ = sc.Release() }() // the service may be gone
	defer cancelWaits(ctx, sc, again)()
	w.sc = sc
	for ctx.Err() == nil {
		if err := w.relist(); err != nil {
			return err
		}
		due, err := w.next(ctx)
		if err != nil {
			return err
		}
		if !due && w.awake.mono-w.told < w.longest {
			continue
		}
		select {
		case out <- snapshot{readers: w.snapshot()}:
			w.told = w.awake.mono
		case <-ctx.Done():
		}
	}
	return nil
}

// cancelWaits ends the context's present wait for every value in again, and all of them
// once ctx has ended, until the returned function is called.
func cancelWaits(ctx context.Context, sc *scard.Context, again <-chan struct{}) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		done := ctx.Done()
		var repeat <-chan time.Time
		for {
			select {
			case <-stopped:
				return
			case <-again:
			case <-done:
				ticker := time.NewTicker(cancelEvery)
				defer ticker.Stop()
				done, repeat = nil, ticker.C
			case <-repeat:
			}
			_ = sc.Cancel() // nothing waiting, or no service: both are fine
		}
	}()
	return func() { close(stopped); <-ended }
}

// watcher is what is known of the readers, from one loss of the service to the next.
type watcher struct {
	now    func() moment
	awake  moment        // when the last wait ended
	told   time.Duration // when the last snapshot was taken, on the monotonic clock
	sc     *scard.Context
	states []scard.ReaderState // readers in the service's order
	pnp    scard.ReaderState
	noPnP  bool // this service does not know the pseudo reader
	stale  bool // the list has changed since the last snapshot

	wait    time.Duration // the next one
	longest time.Duration // any wait
	idle    int           // waits in a row without news
}

func newWatcher(d *Driver) *watcher {
	began := d.now()
	return &watcher{now: d.now, awake: began, told: began.mono, wait: min(shortWait, d.limits.watch), longest: d.limits.watch}
}

// relist brings the list of readers up to date. What is known about readers that
// stay is kept.
func (w *watcher) relist() error {
	names, err := listReaders(w.sc)
	if err != nil {
		return err
	}
	known := make(map[string]scard.ReaderState, len(w.states))
	for _, s := range w.states {
		known[s.Reader] = s
	}
	states := make([]scard.ReaderState, 0, len(names))
	for _, name := range names {
		s, old := known[name]
		if !old {
			s = scard.ReaderState{Reader: name, CurrentState: scard.StateUnaware}
		}
		delete(known, name)
		states = append(states, s)
	}
	// Readers that left are news; new ones are when their first state is known.
	w.stale = w.stale || len(known) > 0 || len(states) == 0 && w.states == nil
	w.states = states
	return nil
}

// listReaders lists readers. None is an empty list; a reader that comes between
// the two calls inside is a reason to ask again.
func listReaders(sc *scard.Context) ([]string, error) {
	const tries = 3
	for try := 1; ; try++ {
		names, err := sc.ListReaders()
		err = wrap("SCardListReaders", err)
		switch {
		case err == nil:
			return names, nil
		case is(err, scard.ErrNoReadersAvailable):
			return nil, nil
		case is(err, scard.ErrInsufficientBuffer) && try < tries:
		default:
			return nil, err
		}
	}
}

// next waits for news, a reader that came, left or changed its state, and
// returns whether a snapshot is due: also after a full wait without news.
func (w *watcher) next(ctx context.Context) (due bool, err error) {
	if w.stale {
		w.stale = false
		return true, nil
	}
	args, timeout := w.arguments()
	if len(args) == 0 {
		sleep(ctx, timeout)
		w.awake = w.now()
		return true, nil
	}
	err = wrap("SCardGetStatusChange", w.sc.GetStatusChange(args, timeout))
	began := w.awake
	w.awake = w.now()
	news := false
	switch {
	case suspended(began, w.awake, timeout):
		return false, errResumed
	case err == nil:
		news = w.learn(args)
	case is(err, scard.ErrTimeout):
		w.wait = w.longest
		return true, nil
	case is(err, scard.ErrCancelled):
		return false, nil
	case is(err, scard.ErrUnknownReader), is(err, scard.ErrReaderUnavailable):
		// A reader left before the wait began: the next list says which.
		w.wait = shortWait
	default:
		return false, err
	}
	if w.idle++; news {
		w.idle = 0
	}
	if w.idle > idleWakes {
		sleep(ctx, slowDown)
	}
	return news, nil
}

// arguments returns what to wait for and how long.
func (w *watcher) arguments() ([]scard.ReaderState, time.Duration) {
	args := make([]scard.ReaderState, 0, len(w.states)+1)
	args = append(args, w.states[:min(len(w.states), maxStates)]...)
	if w.noPnP || len(args) == maxStates {
		return args, min(shortWait, w.longest)
	}
	if w.pnp.Reader == "" {
		w.pnp = scard.ReaderState{Reader: pnpReader}
		if runtime.GOOS == "windows" {
			// Windows compares the upper half with its number of readers.
			w.pnp.CurrentState = scard.StateFlag(len(w.states) << 16)
		}
	}
	timeout := min(w.wait, w.longest)
	if runtime.GOOS != "linux" {
		timeout = min(timeout, shortWait)
	}
	return append(args, w.pnp), timeout
}

// learn takes over the states a wait returned; it says whether a reader's differs.
func (w *watcher) learn(args []scard.ReaderState) (news bool) {
	for _, arg := range args {
		next := state(arg.EventState)
		if arg.Reader == pnpReader {
			if next.unknown() {
				w.noPnP = true
			}
			if arg.EventState&scard.StateChanged != 0 {
				w.wait = shortWait
			}
			w.pnp.CurrentState = arg.EventState &^ scard.StateChanged
			continue
		}
		for i := range w.states {
			if w.states[i].Reader == arg.Reader {
				news = news || w.states[i].CurrentState != next.asKnown()
				w.states[i].CurrentState = next.asKnown()
				w.states[i].Atr = nil // scard leaves the last card's when there is none
				if next.present() {
					w.states[i].Atr = bytes.Clone(arg.Atr)
				}
			}
		}
	}
	return news
}

// snapshot returns the readers whose state is known. A reader the service has
// just forgotten counts as gone.
func (w *watcher) snapshot() []readerState {
	var readers []readerState
	for _, s := range w.states {
		if next := state(s.CurrentState); s.CurrentState != scard.StateUnaware && !next.unknown() {
			readers = append(readers, readerState{pcscName: s.Reader, state: next, atr: s.Atr})
		}
	}
	return readers
}

// sleep waits for d or ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
