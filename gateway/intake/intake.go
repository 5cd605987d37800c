// Package intake is what the MLLP listener says to a hospital's systems. It
// takes HL7 v2 messages in, puts them into the queue and acknowledges them the
// way their sender asked for: original mode (AA, AE, AR) and enhanced mode
// (MSH-15, MSH-16; CA, CE, CR), batches, sequence numbers, queries (HL7 v2.9
// chapter 2, 2.9 and 2.10).
//
// A message is accepted only after the queue has it on disk. What is kept beside
// the queue, under Options.StateDir, only ever makes an answer more precise:
// without it a message counts as new and is stored.
//
// Nothing of a message reaches a log, an error or a counter; acknowledgement
// texts hold positions and remedies.
package intake

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// Options are what an Intake works with. Required are Enqueue, ItemID, Lane and
// StateDir.
type Options struct {
	// Enqueue stores an item and returns when it is on disk: [queue.Store.Enqueue].
	Enqueue func(context.Context, queue.Item) (queue.Receipt, error)
	// ItemID and Lane are keyed hashes of what parts name, in hex, at least 16
	// digits: the ones of gateway/keys. They must stay the same over restarts.
	ItemID, Lane func(parts ...string) string

	Senders []Sender // the first that matches a message counts
	Default Sender   // for everyone not in Senders; its Application and Facility are not looked at
	// OnlyListed refuses (AR) messages that no one of Senders matches.
	OnlyListed bool

	MaxMessage int            // bytes of one message; hl7.DefaultMaxSize when zero
	MaxBatch   int            // messages in one batch; 10,000 when zero
	Zone       *time.Location // of the times written in acknowledgements; UTC when nil
	// ReuseWindow is how long a control id stands for one message only; 12 h when
	// zero. A sender that counts anew every day uses its ids again after less than 24
	// h whenever a day is busier than the one before.
	ReuseWindow time.Duration
	// StateDir holds sequence numbers, the memory of control ids and unfinished
	// messages. It is made if need be and belongs to this Intake alone.
	StateDir string
	// Seal protects the parts of continued messages (MSH-14, DSC) until the last
	// one has come. It takes nonces of its own (the one of gateway/keys) and stays
	// the same over restarts. nil stores every part as a message of its own.
	Seal cipher.AEAD
	// PartWait is how long the next part may take before those that came are stored
	// one by one; 1 h when zero.
	PartWait time.Duration

	// Respond answers a query with a message of its own, built by [Response] for
	// example; false says that it does not know this query. nil answers every
	// query of chapter 3 with "not served here yet".
	Respond func(context.Context, *hl7.Message) ([]byte, bool)
	// Validate, if set, returns why a message is refused (AE, CE), nil to take it.
	// Code and Now of what it returns are not looked at.
	Validate func(*hl7.Message) *hl7.AckInfo

	Now    func() time.Time // time.Now when nil
	Logger *slog.Logger     // discarded when nil
}

const (
	defaultMaxBatch    = 10_000
	defaultReuseWindow = 12 * time.Hour
	defaultPartWait    = time.Hour
	defaultName        = "hl7"
)

// Intake takes messages in. Its methods are safe for concurrent use; messages of
// one sender's connection keep their order because [mllp.Server] hands them over
// one by one.
type Intake struct {
	o        Options
	log      *slog.Logger
	senders  []*sender
	fallback *sender
	first    hl7.Options // how to read a message before its sender is known
	ids      *controlIDs
	parts    *parts // nil without Options.Seal
	types    typeCounters
	full     atomic.Bool    // messages are refused for want of space
	trouble  rate.Sometimes // so that a broken disk does not fill the log

	watching sync.WaitGroup
	stop     context.CancelFunc // ends what is in watching
}

// New makes an Intake and reads what an earlier one left in Options.StateDir.
func New(o Options) (*Intake, error) {
	if o.Enqueue == nil || o.ItemID == nil || o.Lane == nil || o.StateDir == "" {
		return nil, errors.New("intake: Enqueue, ItemID, Lane and StateDir are required")
	}
	if _, err := hashed(o.ItemID("check")); err != nil {
		return nil, fmt.Errorf("intake: ItemID must return hex: %w", err)
	}
	o.MaxBatch = orDefault(o.MaxBatch, defaultMaxBatch)
	o.ReuseWindow = orDefault(o.ReuseWindow, defaultReuseWindow)
	o.PartWait = orDefault(o.PartWait, defaultPartWait)
	if o.Default.Name == "" {
		o.Default.Name = defaultName
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("intake: %w", err)
	}
	i := &Intake{o: o, log: o.Logger, stop: func() {}, trouble: rate.Sometimes{Interval: time.Minute}}
	if err := i.addSenders(); err != nil {
		return nil, errors.Join(err, i.closeSequences())
	}
	i.first = i.fallback.reading
	i.first.Charset = ""
	var err error
	if o.Seal != nil {
		if i.parts, err = i.openParts(); err != nil {
			return nil, errors.Join(fmt.Errorf("intake: %w", err), i.closeSequences())
		}
	}
	if i.ids, err = openControlIDs(o.StateDir, o.ReuseWindow, o.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("intake: %w", err), i.closeSequences())
	}
	// A sequence number must not lose its file to a power cut.
	if err := errors.Join(syncDir(o.StateDir), syncDir(filepath.Dir(o.StateDir))); err != nil {
		return nil, errors.Join(fmt.Errorf("intake: %w", err), i.Close())
	}
	if i.parts != nil {
		ctx, stop := context.WithCancel(context.Background())
		i.stop = stop
		i.watching.Go(func() { i.watchParts(ctx) })
	}
	return i, nil
}

// Close writes down what is still in memory and ends what New has started.
// Handle must not be called any more.
func (i *Intake) Close() error {
	i.stop()
	i.watching.Wait()
	return errors.Join(i.ids.close(), i.closeSequences())
}

// Handle takes one frame in, a message or a batch of them, and answers it. It is
// an [mllp.Handler].
func (i *Intake) Handle(ctx context.Context, raw []byte, peer mllp.Peer) mllp.Reply {
	if looksLikeBatch(raw) {
		return i.batch(ctx, raw, peer).reply()
	}
	return i.message(ctx, raw, peer).reply()
}

// Fragment counts a frame that was begun and never ended. Nothing of it is kept:
// its sender got no acknowledgement and sends it again.
func (i *Intake) Fragment(mllp.Peer, []byte) { i.fallback.count(Fragment) }

func (i *Intake) now() time.Time { return i.o.Now().In(i.o.Zone) }

// hashed is the first 64 bits of a hash in hex.
func hashed(hex string) (uint64, error) {
	if len(hex) < 16 {
		return 0, errors.New("fewer than 16 digits")
	}
	return strconv.ParseUint(hex[:16], 16, 64)
}

func orDefault[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}
