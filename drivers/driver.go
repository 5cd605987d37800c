// Package drivers says what every card and code reader is to the rest of the
// gateway: a [Driver] that watches one way of attaching hardware and reports
// [Event] values, and the [Read] a card, a scan or an ID document becomes.
// The package itself touches no hardware.
package drivers

import (
	"context"
	"log/slog"
	"time"
)

// Driver watches one way of attaching readers (PC/SC, a serial port, …).
//
// Run blocks until ctx ends and then returns nil. Everything short of that
// (unplug, re-plug, a restarted service, suspend) is survived inside Run and
// reported as events; Run returns an error only when the driver can never work
// here, for example because it was left out of this build ([ErrNotBuilt]).
//
// Events are handed to emit one at a time per reader, in the order they
// happened. emit does not block for long and is safe for concurrent use.
type Driver interface {
	// Name is the driver's short name as used in configuration: "pcsc".
	Name() string
	Run(ctx context.Context, emit func(Event)) error
}

// EventType says what happened at a reader.
type EventType string

// The events a reader can report.
const (
	Attached  EventType = "attached"  // the reader can be used
	Detached  EventType = "detached"  // the reader was unplugged or its service ended
	Presented EventType = "presented" // a card is in the field or slot; reading starts
	Completed EventType = "read"      // Read holds what was read (also for an unknown card)
	Removed   EventType = "removed"   // the card left
	Faulted   EventType = "fault"     // Fault says why; the driver goes on
)

// Event is one thing that happened at one reader.
type Event struct {
	Type   EventType
	Time   time.Time
	Reader Reader
	Read   *Read  // only with Completed
	Fault  *Fault // only with Faulted
}

// LogValue keeps patient data out of logs: a handler that writes JSON would write out
// all of Read.
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("type", string(e.Type)), slog.Time("time", e.Time), slog.String("reader", e.Reader.Name)}
	if e.Read != nil {
		attrs = append(attrs, slog.Any("read", *e.Read))
	}
	if e.Fault != nil {
		attrs = append(attrs, slog.String("code", string(e.Fault.Code)), slog.String("detail", e.Fault.Detail))
	}
	return slog.GroupValue(attrs...)
}

// Reader identifies a reader.
type Reader struct {
	// Name is stable across re-plug and restart: bus path, VID:PID and serial
	// number where the operating system tells them, never "the first one".
	Name string `json:"name"`
	// Driver is the name of the driver that owns the reader.
	Driver string `json:"driver"`
	// Kind is what the reader reads: "smartcard", "scanner" or "idcard".
	Kind string `json:"kind"`
	// Simulated readers are for demo and training; everything they yield says so.
	Simulated bool `json:"simulated"`
}

// The kinds of reader.
const (
	KindSmartcard = "smartcard"
	KindScanner   = "scanner"
	KindIDCard    = "idcard"
)
