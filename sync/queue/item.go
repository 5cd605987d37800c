package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Class says how urgent an item is. Each class has its own segments and a
// guaranteed share of deliveries, so that a card never waits behind a backlog.
type Class uint8

// The classes, most urgent first.
const (
	Express  Class = iota // desk reads and lookups
	Live                  // events as they happen
	Backfill              // replays and salvaged items
	numClasses
)

// String returns the class's name as used in file names and headers.
func (c Class) String() string {
	switch c {
	case Express:
		return "express"
	case Live:
		return "live"
	case Backfill:
		return "backfill"
	}
	return "unknown"
}

// Lane is an ordering key: items that share one are delivered in the order they
// were enqueued. It is the hex text of a keyed hash, never patient data.
type Lane string

// The kinds of item the gateway enqueues. The queue itself does not look inside.
const (
	KindHL7v2      = "hl7v2"
	KindCardRead   = "card-read"
	KindFHIRBundle = "fhir-bundle"
)

// Limits of an item.
const (
	MaxIDBytes      = 128      // Item.ID
	MaxLaneBytes    = 64       // each of Item.Lanes
	MaxLanes        = 4        // a merge has two
	MaxNameBytes    = 64       // Item.Kind and Item.Source
	MaxPayloadBytes = 16 << 20 // Item.Payload
)

// Item is one thing to deliver. It masks its payload in logs.
type Item struct {
	// Seq is the store's sequence number; Enqueue ignores what the caller sets.
	Seq uint64
	// ID is the idempotency key all the way up: 1 to 128 printable ASCII
	// characters, no patient data.
	ID string
	// Lanes are one to four different ordering keys; a merge belongs to two.
	Lanes []Lane
	Class Class
	// Kind says what Payload is: "hl7v2", "card-read", "fhir-bundle".
	Kind string
	// Source is the configured name of the sender or reader.
	Source   string
	Received time.Time
	// Payload is patient data, up to 16 MiB; on disk it is compressed and sealed.
	Payload []byte
}

// Header is an item without its payload.
type Header struct {
	Seq      uint64
	ID       string
	Lanes    []Lane
	Class    Class
	Kind     string
	Source   string
	Received time.Time
	Size     int // bytes on disk, sealed
}

// LogValue keeps the payload out of logs.
func (it Item) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Uint64("seq", it.Seq),
		slog.String("id", it.ID),
		slog.String("class", it.Class.String()),
		slog.String("kind", it.Kind),
		slog.Int("bytes", len(it.Payload)),
	)
}

// String masks the payload for fmt.
func (it Item) String() string {
	return fmt.Sprintf("item %d %s (%s, %d bytes, masked)", it.Seq, it.ID, it.Kind, len(it.Payload))
}

// GoString masks the payload for %#v.
func (it Item) GoString() string { return it.String() }

// ErrInvalid says that an item breaks a limit; the message names the field. A
// caller must not retry it unchanged.
var ErrInvalid = errors.New("invalid item")

// validate checks the limits that Item documents.
func (it *Item) validate() error {
	switch {
	case len(it.ID) == 0 || len(it.ID) > MaxIDBytes || !printable(it.ID):
		return fmt.Errorf("%w: ID must be 1..%d printable ASCII characters", ErrInvalid, MaxIDBytes)
	case len(it.Lanes) == 0 || len(it.Lanes) > MaxLanes:
		return fmt.Errorf("%w: %d lanes, want 1..%d", ErrInvalid, len(it.Lanes), MaxLanes)
	case it.Class >= numClasses:
		return fmt.Errorf("%w: class %d", ErrInvalid, it.Class)
	case len(it.Kind) == 0 || len(it.Kind) > MaxNameBytes || !printable(it.Kind):
		return fmt.Errorf("%w: kind must be 1..%d printable ASCII characters", ErrInvalid, MaxNameBytes)
	case len(it.Source) > MaxNameBytes:
		return fmt.Errorf("%w: source name longer than %d bytes", ErrInvalid, MaxNameBytes)
	case len(it.Payload) > MaxPayloadBytes:
		return fmt.Errorf("%w: payload of %d bytes, limit %d", ErrInvalid, len(it.Payload), MaxPayloadBytes)
	}
	for i, l := range it.Lanes {
		if len(l) == 0 || len(l) > MaxLaneBytes || !printable(string(l)) {
			return fmt.Errorf("%w: lane %d must be 1..%d printable ASCII characters", ErrInvalid, i, MaxLaneBytes)
		}
		for _, m := range it.Lanes[:i] {
			if l == m {
				return fmt.Errorf("%w: lane %d is given twice", ErrInvalid, i)
			}
		}
	}
	return nil
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
