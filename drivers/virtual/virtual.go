// Package virtual is the driver of simulated readers, for demo and training. A
// simulated card answers APDUs and is read by the same profile engine as a real
// one; what it yields is always marked as simulated and never looks like a read
// from hardware.
package virtual

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/card/isocard"
)

var (
	// ErrUnknown says that no such simulated reader or card exists.
	ErrUnknown = errors.New("no such simulated reader or card")
	// ErrStopped says that the driver is not running.
	ErrStopped = errors.New("the simulated readers are not running")
)

// Config is what the simulated readers need.
type Config struct {
	// Deck is what can be presented.
	Deck []Card
	// ReadCard decodes a chip card; DecodeID the text block of a resident
	// identity card; Recognise a scanned code.
	ReadCard  func(context.Context, card.Channel, card.Info) (drivers.Read, error)
	DecodeID  func(block []byte) (drivers.Read, error)
	Recognise func(scan []byte) drivers.Read
}

// The simulated readers there are.
const (
	CardReader = "simulated-card-reader"
	IDReader   = "simulated-id-reader"
	Scanner    = "simulated-scanner"
)

var readers = []drivers.Reader{
	{Name: CardReader, Driver: "virtual", Kind: drivers.KindSmartcard, Simulated: true},
	{Name: IDReader, Driver: "virtual", Kind: drivers.KindIDCard, Simulated: true},
	{Name: Scanner, Driver: "virtual", Kind: drivers.KindScanner, Simulated: true},
}

// Driver implements [drivers.Driver]. Its methods are safe for concurrent use.
type Driver struct {
	c        Config
	commands map[string]chan command
	stopped  chan struct{}
}

type command struct {
	present *Card // nil removes
	done    chan struct{}
}

// New returns the driver; its readers exist once Run runs.
func New(c Config) *Driver {
	d := &Driver{c: c, commands: map[string]chan command{}, stopped: make(chan struct{})}
	for _, r := range readers {
		d.commands[r.Name] = make(chan command)
	}
	return d
}

// Name implements [drivers.Driver].
func (d *Driver) Name() string { return "virtual" }

// Run attaches the simulated readers until ctx ends. It can run once.
func (d *Driver) Run(ctx context.Context, emit func(drivers.Event)) error {
	done := make(chan struct{})
	for _, r := range readers {
		go func() {
			d.serve(ctx, r, emit)
			done <- struct{}{}
		}()
	}
	for range readers {
		<-done
	}
	close(d.stopped)
	return nil
}

// Cards lists what can be presented.
func (d *Driver) Cards() []Card { return slices.Clone(d.c.Deck) }

// Present puts the named card of the deck into the reader it is made for, in
// place of one that is there, or scans it. What is read from it, or why not, arrives as
// an event.
func (d *Driver) Present(name string) error {
	i := slices.IndexFunc(d.c.Deck, func(c Card) bool { return c.Name == name })
	if i < 0 {
		return fmt.Errorf("%w: card %q", ErrUnknown, name)
	}
	c := d.c.Deck[i]
	return d.send(c.Reader(), &c)
}

// Remove takes the card out of a reader; an empty reader stays empty.
func (d *Driver) Remove(reader string) error { return d.send(reader, nil) }

// Scan shows text to the simulated scanner.
func (d *Driver) Scan(text string) error { return d.send(Scanner, &Card{Scan: text}) }

func (d *Driver) send(reader string, present *Card) error {
	ch, ok := d.commands[reader]
	if !ok {
		return fmt.Errorf("%w: reader %q", ErrUnknown, reader)
	}
	cmd := command{present: present, done: make(chan struct{})}
	select {
	case ch <- cmd:
		<-cmd.done
		return nil
	case <-d.stopped:
		return ErrStopped
	}
}

// serve is one reader's goroutine.
func (d *Driver) serve(ctx context.Context, r drivers.Reader, emit func(drivers.Event)) {
	event := func(t drivers.EventType) {
		emit(drivers.Event{Type: t, Time: time.Now(), Reader: r})
	}
	event(drivers.Attached)
	defer event(drivers.Detached)
	occupied := false
	takeOut := func() {} // ends the read under way
	defer func() { takeOut() }()
	for {
		select {
		case <-ctx.Done():
			return
		case cmd := <-d.commands[r.Name]:
			takeOut()
			takeOut = func() {}
			if occupied {
				event(drivers.Removed)
			}
			occupied = cmd.present != nil && r.Kind != drivers.KindScanner
			switch {
			case occupied:
				event(drivers.Presented)
				takeOut = d.start(ctx, r, *cmd.present, emit)
			case cmd.present != nil: // a scan is over when it is made
				d.read(ctx, r, *cmd.present, emit)
			}
			close(cmd.done)
		}
	}
}

// start reads a card beside the reader's goroutine: a card may ask the clerk something. The
// returned function takes it out and waits for the end of the read.
func (d *Driver) start(ctx context.Context, r drivers.Reader, c Card, emit func(drivers.Event)) (takeOut func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.read(ctx, r, c, emit)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// read decodes the card as its real reader would and reports the outcome, unless the card
// was taken out meanwhile.
func (d *Driver) read(ctx context.Context, r drivers.Reader, c Card, emit func(drivers.Event)) {
	read, err := d.decode(ctx, r, c)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		emit(drivers.Event{Type: drivers.Faulted, Time: time.Now(), Reader: r,
			Fault: &drivers.Fault{Code: drivers.FaultReadFailed, Detail: err.Error()}})
	default:
		read.ID, read.Time, read.Reader, read.Simulated = drivers.NewReadID(), time.Now(), r.Name, true
		emit(drivers.Event{Type: drivers.Completed, Time: read.Time, Reader: r, Read: &read})
	}
}

func (d *Driver) decode(ctx context.Context, r drivers.Reader, c Card) (drivers.Read, error) {
	switch {
	case c.Scan != "":
		return d.c.Recognise([]byte(c.Scan)), nil
	case len(c.IDText) > 0:
		return d.c.DecodeID(c.IDText)
	}
	chip, err := isocard.Parse(c.Chip)
	if err != nil {
		return drivers.Read{}, fmt.Errorf("simulated card %q: %w", c.Name, err)
	}
	ch, info := card.Emulate(chip)
	info.Reader = r.Name
	return d.c.ReadCard(ctx, ch, info)
}
