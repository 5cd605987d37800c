// Package outbound sends HL7 v2 messages back into the hospital: results,
// referrals, appointments, application acknowledgements.
//
// Each destination has a queue of its own on disk and a sender of its own, so a
// dead one never delays another. [Outbound.Send] returns when the message is
// durable. From then on it is sent over MLLP, one message at a time and in order,
// until the destination has acknowledged it; after silence the same bytes go out
// again with the same MSH-10. What a destination will not take is parked for a
// person, and what follows waits behind it or goes on, as the site chose.
//
// Delivery is at least once: a receiver knows a repeat by its MSH-10. Nothing
// here logs content, and of an acknowledgement only its codes and positions are
// kept, for its texts may quote the patient.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cardferry/hl7"
	"cardferry/sync/forward"
	"cardferry/sync/queue"
	"cardferry/sync/upstream"
)

// Options configure an Outbound. Dir, Keys, ItemID and Lane are required.
type Options struct {
	Dir  string // one store per destination is kept below it
	Keys queue.Keyring
	// ItemID and Lane are keyed hashes of names, as gateway/keys makes them.
	ItemID, Lane func(parts ...string) string
	Destinations []Destination
	// QuotaBytes and ReserveBytes bound each destination's store as in
	// queue.Options.
	QuotaBytes, ReserveBytes int64
	Logger                   *slog.Logger // codes and names only; discarded when nil

	backoffFirst, backoffMost time.Duration // 1 s and 5 min when zero
	drain                     time.Duration // for the acknowledgement under way at the end; 5 s when zero
}

const (
	defaultBackoffMost = 5 * time.Minute
	defaultDrain       = 5 * time.Second
	// Segments and windows are small: there may be many stores, and one message of
	// each is under way.
	segmentBytes = 4 << 20
	window       = 2048
)

// The errors of Send that a caller decides on, besides those of queue.Enqueue.
// None of them is worth a repeat of the same call.
var (
	ErrUnknownDestination = errors.New("no such destination; add it to hl7.destinations")
	ErrNoControlID        = errors.New("message has no MSH-10, without which no acknowledgement can be told to be its own")
	ErrAckMode            = errors.New("message asks in MSH-15 or MSH-16 for an acknowledgement only sometimes (ER, SU), so that silence says nothing; ask for AL, or leave both empty")
	ErrNotFrameable       = errors.New("message holds a byte that MLLP keeps for its frames (VT, FS); escape it, or recode UTF-16 to UTF-8")
)

// Outbound is all destinations. Its methods are safe for concurrent use.
type Outbound struct {
	o      Options
	byName map[string]*lane
	order  []*lane // as configured
}

// lane is one destination with its queue. All its messages share one ordering
// key.
type lane struct {
	d         Destination
	key       queue.Lane
	store     *queue.Store
	sender    *sender
	forwarder *forward.Forwarder
}

// StoreDir is where the queue of a destination is kept below Options.Dir.
func StoreDir(dir, destination string) string { return filepath.Join(dir, destination) }

// New opens the queue of every destination. Nothing is sent before Run. It warns
// of queues in Dir that belong to no destination any more.
func New(o Options) (*Outbound, error) {
	switch {
	case o.Dir == "" || o.Keys == nil:
		return nil, errors.New("outbound: no directory or no keyring given")
	case o.ItemID == nil || o.Lane == nil:
		return nil, errors.New("outbound: no keyed hashes given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.backoffMost <= 0 {
		o.backoffMost = defaultBackoffMost
	}
	if o.drain <= 0 {
		o.drain = defaultDrain
	}
	out := &Outbound{o: o, byName: map[string]*lane{}}
	for _, d := range o.Destinations {
		if err := out.add(d); err != nil {
			return nil, errors.Join(err, out.Close())
		}
	}
	out.warnOfOthers()
	return out, nil
}

func (out *Outbound) add(d Destination) error {
	if err := d.check(); err != nil {
		return err
	}
	if out.byName[d.Name] != nil {
		return fmt.Errorf("outbound: destination %s is given twice", d.Name)
	}
	log := out.o.Logger.With("destination", d.Name)
	store, err := queue.Open(StoreDir(out.o.Dir, d.Name), queue.Options{
		Keys: out.o.Keys, SegmentBytes: segmentBytes, Window: window,
		QuotaBytes: out.o.QuotaBytes, ReserveBytes: out.o.ReserveBytes, Logger: log,
	})
	if err != nil {
		return fmt.Errorf("outbound: destination %s: %w", d.Name, err)
	}
	l := &lane{d: d, key: queue.Lane(out.o.Lane("outbound", d.Name)), store: store, sender: newSender(d, out.o.drain)}
	l.forwarder = forward.New(store, l.sender, request, forward.Options{
		Workers: 1, Policy: d.policy, Responder: d.Name,
		BackoffFirst: out.o.backoffFirst, BackoffMost: out.o.backoffMost, Logger: log,
	})
	out.byName[d.Name], out.order = l, append(out.order, l)
	return nil
}

// warnOfOthers says which queues nobody drains.
func (out *Outbound) warnOfOthers() {
	dirs, err := os.ReadDir(out.o.Dir)
	if err != nil {
		return // without destinations there may be no directory
	}
	for _, d := range dirs {
		if d.IsDir() && out.byName[d.Name()] == nil {
			out.o.Logger.Warn("outbound: a queue belongs to no configured destination; configure it again to have it sent, or remove the folder", "destination", d.Name())
		}
	}
}

// Run sends until ctx ends, lets the acknowledgements under way arrive for up to
// 5 s and returns nil. It returns queue.ErrClosed when Close came first. It must not
// run twice at the same time.
func (out *Outbound) Run(ctx context.Context) error {
	errs := make([]error, len(out.order))
	var running sync.WaitGroup
	for i, l := range out.order {
		running.Go(func() {
			errs[i] = l.forwarder.Run(ctx)
			_ = l.sender.client.Close() // nothing is under way
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// Close closes the queues; messages in them wait for the next New. End Run before
// it.
func (out *Outbound) Close() error {
	var errs []error
	for _, l := range out.order {
		if err := l.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("outbound: destination %s: %w", l.d.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Send puts msg, one HL7 v2 message with an MSH-10, into the destination's queue
// and returns its id once it is on disk. Messages are sent in the order in which
// their Sends returned. The same bytes for the same destination are one message:
// a repeat gets the same id and is not sent twice, as far back as the queue
// remembers (65,536 messages).
//
// Here the message is recoded as the destination wants it, and an acknowledgement
// that does not say so is marked as wanting none (MSH-15 NE), for nobody answers
// it. A message that wants none counts as delivered when it is written to a
// connection that stands.
//
// Errors: ErrUnknownDestination, ErrNoControlID, ErrAckMode, ErrNotFrameable, an
// hl7.ParseError, those of hl7.Message.Recode, and those of queue.Enqueue, of
// which ErrFull and ErrSuspect say to try again later.
func (out *Outbound) Send(ctx context.Context, destination string, msg []byte) (id string, err error) {
	l := out.byName[destination]
	if l == nil {
		return "", fmt.Errorf("outbound: %w", ErrUnknownDestination)
	}
	m, err := hl7.Parse(msg, hl7.Options{})
	if err != nil {
		return "", fmt.Errorf("outbound: %w", err)
	}
	id = out.o.ItemID("outbound", destination, string(m.ControlID()), string(msg))
	body, err := l.d.wire(m)
	if err != nil {
		return "", fmt.Errorf("outbound: destination %s: %w", destination, err)
	}
	_, err = l.store.Enqueue(ctx, queue.Item{
		ID: id, Lanes: []queue.Lane{l.key}, Class: queue.Live, Kind: queue.KindHL7v2, Source: "outbound", Payload: body,
	})
	if err != nil {
		return "", fmt.Errorf("outbound: destination %s: %w", destination, err)
	}
	return id, nil
}

// Store is the queue of a destination, in which a person lists messages and
// retries or drops parked ones. Close closes it.
func (out *Outbound) Store(destination string) (*queue.Store, bool) {
	l := out.byName[destination]
	if l == nil {
		return nil, false
	}
	return l.store, true
}

// request makes what the sender gets of an item: the bytes as they were stored.
func request(it queue.Item) (upstream.Request, error) {
	return upstream.Request{Key: it.ID, Kind: it.Kind, Class: it.Class.String(), Body: it.Payload, ContentType: "x-application/hl7-v2+er7"}, nil
}
