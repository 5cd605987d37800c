package hd100

import (
	"context"
	"errors"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// PollInterval is the time between two looks for a card: the reader has no event for
// it.
const PollInterval = 400 * time.Millisecond

// Watcher turns the reader's slot and field into events: Presented, then Completed or
// Faulted once, then Removed. Attached and Detached belong to the driver, which knows
// the wire.
type Watcher struct {
	R      *Reader
	Reader drivers.Reader
	// Read decodes a card, usually (*card.Engine).Read.
	Read func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error)
}

// presented is a card that lies there.
type presented interface {
	card.Channel
	open(context.Context) (card.Info, error)
}

// Run looks for cards until ctx ends, which returns nil, or the reader fails.
func (w *Watcher) Run(ctx context.Context, emit func(drivers.Event)) error {
	for {
		if err := w.look(ctx, emit); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // this is how a watcher is stopped
			}
			return err
		}
		if pause(ctx, PollInterval) != nil {
			return nil //nolint:nilerr // as above
		}
	}
}

// look handles the card that is there, if any, until it has left.
func (w *Watcher) look(ctx context.Context, emit func(drivers.Event)) error {
	there, err := w.R.Present(ctx)
	if err != nil {
		return err
	}
	if there {
		if err := w.presentation(ctx, &contact{r: w.R}, emit, w.R.Present); err != nil {
			return err
		}
		_, err := w.R.do(ctx, opPowerOff, userSlot)
		return unlessRefused(err)
	}
	c := &contactless{r: w.R}
	if there, err = w.inField(ctx, c); err != nil || !there {
		return err
	}
	first := *c
	return w.presentation(ctx, c, emit, func(ctx context.Context) (bool, error) {
		there, err := w.inField(ctx, c)
		return there && first.may(c.uid), err // another card in its place: this one has left
	})
}

// inField looks for a contactless card, unless the ID-card module has the field.
func (w *Watcher) inField(ctx context.Context, c *contactless) (bool, error) {
	w.R.field.Lock()
	defer w.R.field.Unlock()
	return c.find(ctx)
}

// presentation reads one card and waits until it has left.
func (w *Watcher) presentation(ctx context.Context, c presented, emit func(drivers.Event), there func(context.Context) (bool, error)) error {
	w.emit(emit, drivers.Event{Type: drivers.Presented})
	read, err := w.read(ctx, c)
	var wire *StatusError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && read.Medium == drivers.MediumUnknown && silent(c):
		w.fault(emit, drivers.FaultUnresponsive, errUpsideDown)
	case err == nil:
		w.emit(emit, drivers.Event{Type: drivers.Completed, Read: &read})
	case errors.Is(err, drivers.ErrCardRemoved):
	case errors.Is(err, errPort):
		return err
	case errors.As(err, &wire), errors.Is(err, ErrSilent), errors.Is(err, ErrAnswer):
		w.fault(emit, drivers.FaultUnresponsive, err)
	default:
		w.fault(emit, drivers.FaultReadFailed, err)
	}
	return w.awaitLift(ctx, emit, there)
}

var errUpsideDown = errors.New("card does not answer; it may be upside down or dirty, or a memory card without a profile")

// silent says whether a card has answered nothing, neither as a chip card nor as a
// memory card.
func silent(c presented) bool {
	t, ok := c.(*contact)
	return ok && t.silent && t.memory == 0
}

// read opens and reads a card. A contactless card keeps the field for that time.
func (w *Watcher) read(ctx context.Context, c presented) (drivers.Read, error) {
	if t, ok := c.(*contactless); ok {
		w.R.field.Lock()
		defer w.R.field.Unlock()
		// Since it was found the ID-card module may have had the field.
		if there, err := t.find(ctx); err != nil || !there {
			return drivers.Read{}, errorOr(err, drivers.ErrCardRemoved)
		}
	}
	info, err := c.open(ctx)
	if err != nil {
		return drivers.Read{}, err
	}
	read, err := w.Read(ctx, c, info)
	if err != nil {
		return drivers.Read{}, err
	}
	read.ID, read.Time = drivers.NewReadID(), time.Now()
	read.Reader, read.Simulated = w.Reader.Name, w.Reader.Simulated
	return read, nil
}

// liftLooks is how many looks in a row must miss the card before it counts as gone: a
// contactless card that was just read may miss one.
const liftLooks = 2

func (w *Watcher) awaitLift(ctx context.Context, emit func(drivers.Event), there func(context.Context) (bool, error)) error {
	for misses := 0; misses < liftLooks; {
		if err := pause(ctx, PollInterval/2); err != nil {
			return err
		}
		is, err := there(ctx)
		switch {
		case err != nil:
			return err
		case is:
			misses = 0
		default:
			misses++
		}
	}
	w.emit(emit, drivers.Event{Type: drivers.Removed})
	return nil
}

func (w *Watcher) fault(emit func(drivers.Event), code drivers.FaultCode, err error) {
	w.emit(emit, drivers.Event{Type: drivers.Faulted, Fault: &drivers.Fault{Code: code, Detail: err.Error()}})
}

func (w *Watcher) emit(emit func(drivers.Event), e drivers.Event) {
	e.Time, e.Reader = time.Now(), w.Reader
	emit(e)
}
