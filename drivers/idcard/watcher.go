package idcard

import (
	"context"
	"errors"
	"time"

	"cardferry/drivers"
)

// PollInterval is the time between two looks for a card. The protocol has no
// event, and vendors ask for 300 ms at least.
const PollInterval = 300 * time.Millisecond

const (
	// readTries is how often find, select and read are gone through for one card.
	readTries = 3
	// liftPolls is how many looks in a row must miss the card before it counts as
	// lifted; one look can fail while the card is still settling.
	liftPolls = 2
)

// Watcher turns one reader into events: Presented, then Completed or Faulted
// once, then Removed. It reads a card once per presentation. Attached and Detached
// belong to the driver, which knows the wire.
type Watcher struct {
	Session *Session
	Reader  drivers.Reader
	Options Options
}

// Run polls until ctx ends, which returns nil, or until the wire or the reader
// fails, which returns the error for the driver to act on (see [FaultOf]). A
// damaged frame while polling is only an error once it repeats. A security module
// that fails its self test is reset, once until it has worked again.
func (w *Watcher) Run(ctx context.Context, emit func(drivers.Event)) error {
	var reported Status // the reader fault told last, so that a broken SAM is told once
	reset := false      // since the SAM last worked
	for {
		found, err := w.Session.Find(ctx)
		var se *StatusError
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // this is how a watcher is stopped
		case errors.As(err, &se) && se.Status == StatusSelfTest && !reset:
			reset = true
			if err := w.Session.Reset(ctx); err != nil && !isStatus(err) {
				return ifRunning(ctx, err)
			}
			continue // find says whether it helped
		case errors.As(err, &se):
			if f := FaultOf(err); f.Code == drivers.FaultReaderHardware && se.Status != reported {
				reported = se.Status
				w.emit(emit, drivers.Event{Type: drivers.Faulted, Fault: f})
			}
		case err != nil:
			return err
		default:
			reported, reset = 0, false
		}
		if found {
			if err := w.presentation(ctx, emit); err != nil {
				return ifRunning(ctx, err)
			}
			continue
		}
		if !sleep(ctx, PollInterval) {
			return nil
		}
	}
}

// presentation handles one card from find to lift.
func (w *Watcher) presentation(ctx context.Context, emit func(drivers.Event)) error {
	w.emit(emit, drivers.Event{Type: drivers.Presented})
	card, err := w.read(ctx)
	var gone lifted = w.cardLifted // after a failure find still sees the card
	switch {
	case err == nil:
		if gone, err = w.complete(ctx, card, emit); err != nil {
			return err
		}
	case errors.Is(err, drivers.ErrCardRemoved):
		w.emit(emit, drivers.Event{Type: drivers.Removed})
		return nil
	case isStatus(err), WireError(err) && !errors.Is(err, ErrNoAnswer):
		w.emit(emit, drivers.Event{Type: drivers.Faulted, Fault: FaultOf(err)})
	default:
		return err
	}
	if err := w.awaitLift(ctx, gone); err != nil {
		return err
	}
	w.emit(emit, drivers.Event{Type: drivers.Removed})
	return nil
}

// lifted says whether the card seems gone at one look.
type lifted func(context.Context) (bool, error)

// complete reports a card that was read and says how to see it leave. What goes wrong
// from here on must not cost the read: the card would have to be lifted to get it again.
func (w *Watcher) complete(ctx context.Context, card Card, emit func(drivers.Event)) (lifted, error) {
	read, err := card.Decode(w.Options)
	if err != nil {
		return nil, err // parseCard made sure of the size
	}
	addresses, err := w.Session.NewestAddress(ctx)
	AddNewestAddress(read.Patient, addresses)
	read.ID, read.Time = drivers.NewReadID(), time.Now()
	read.Reader, read.Simulated = w.Reader.Name, w.Reader.Simulated
	w.emit(emit, drivers.Event{Type: drivers.Completed, Read: &read})
	switch {
	case isStatus(err):
		return w.nextCard, nil // this reader cannot tell; the next find will
	case err != nil:
		return nil, err
	}
	return w.addressGone, nil
}

// read selects and reads the card that was found. A failed try starts again with
// find; when find then sees nothing, either the card left before it was read
// ([drivers.ErrCardRemoved]) or the SAM wants it lifted (the read's own error).
func (w *Watcher) read(ctx context.Context) (Card, error) {
	var last error
	reading := false
	for try := range readTries {
		if try > 0 {
			found, err := w.Session.Find(ctx)
			if err != nil && !isStatus(err) {
				return Card{}, err
			}
			if !found {
				if reading {
					return Card{}, last
				}
				return Card{}, drivers.ErrCardRemoved
			}
		}
		if last = w.Session.Select(ctx); last == nil {
			reading = true
			var card Card
			if card, last = w.Session.Read(ctx); last == nil {
				return card, nil
			}
		}
		if errors.Is(last, ErrNoAnswer) || !isStatus(last) && !WireError(last) {
			return Card{}, last
		}
	}
	return Card{}, last
}

// awaitLift returns once gone said so liftPolls times in a row.
func (w *Watcher) awaitLift(ctx context.Context, gone lifted) error {
	for misses := 0; misses < liftPolls; {
		if !sleep(ctx, PollInterval) {
			return ctx.Err()
		}
		g, err := gone(ctx)
		switch {
		case err != nil:
			return err
		case g:
			misses++
		default:
			misses = 0
		}
	}
	return nil
}

// addressGone asks for the appended address, which only a card still there has.
func (w *Watcher) addressGone(ctx context.Context) (bool, error) {
	_, err := w.Session.NewestAddress(ctx)
	if isStatus(err) {
		return true, nil
	}
	return false, err
}

// cardLifted is for a card that was not read: find goes on seeing it until it is
// lifted.
func (w *Watcher) cardLifted(ctx context.Context) (bool, error) {
	found, err := w.Session.Find(ctx)
	if isStatus(err) {
		return false, nil
	}
	return !found, err
}

// nextCard is for readers that do not know 30 03: a card that was read is only
// known to be gone when find sees a fresh one.
func (w *Watcher) nextCard(ctx context.Context) (bool, error) {
	found, err := w.Session.Find(ctx)
	if isStatus(err) {
		return false, nil
	}
	return found, err
}

func (w *Watcher) emit(emit func(drivers.Event), e drivers.Event) {
	e.Time, e.Reader = time.Now(), w.Reader
	emit(e)
}

func isStatus(err error) bool {
	var e *StatusError
	return errors.As(err, &e)
}

// ifRunning returns err unless ctx ended, which is how a watcher stops.
func ifRunning(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // see above
	}
	return err
}

// sleep waits for d and says whether ctx is still going.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
