package outbound

import (
	"strings"
	"time"

	"cardferry/sync/queue"
)

// DestinationState is what a destination looks like at one moment. It holds no
// patient data.
type DestinationState struct {
	Name string `json:"name"`
	// Up says that the destination answered the last attempt, whatever it said. It is
	// false with no LastError before the first.
	Up          bool      `json:"up"`
	LastSuccess time.Time `json:"last_success,omitzero"` // acceptance since the start
	LastError   string    `json:"last_error,omitempty"`  // code of the last attempt; empty when it was accepted or parked

	Backlog int       `json:"backlog"`           // messages that wait, without parked ones
	Oldest  time.Time `json:"oldest,omitzero"`   // when the oldest of these was put in
	Parked  int       `json:"parked"`            // messages that wait for a person
	Held    bool      `json:"held"`              // the backlog waits behind one of them
	Breaker bool      `json:"breaker_open"`      // one message at a time probes a failing destination
	NextTry time.Time `json:"next_try,omitzero"` // while the last attempt failed

	Delivered  uint64 `json:"delivered"`  // these five since the start
	GivenUp    uint64 `json:"given_up"`   // how often a message was parked
	Failed     uint64 `json:"failed"`     // attempts that are or will be repeated
	Ignored    uint64 `json:"ignored"`    // acknowledgements that were nobody's: late or foreign
	Reconnects uint64 `json:"reconnects"` // connections after the first

	Conditions []queue.Condition `json:"conditions"` // of the queue; empty when all is well
}

// State describes every destination, in the order of the options. It is cheap.
func (out *Outbound) State() []DestinationState {
	list := make([]DestinationState, 0, len(out.order))
	for _, l := range out.order {
		list = append(list, l.state())
	}
	return list
}

func (l *lane) state() DestinationState {
	f, q, c := l.forwarder.State(), l.store.Stat(), l.sender.client.Stats()
	s := DestinationState{
		Name: l.d.Name,
		// A negative acknowledgement fails the attempt, but it is an answer.
		Up:          f.Up || strings.HasPrefix(f.LastError, "ack_") && f.LastError != CodeSilence,
		LastSuccess: f.LastSuccess, LastError: f.LastError,
		Parked: q.Parked, Held: q.HeldLanes > 0, Breaker: f.BreakerOpen, NextTry: f.NextTry,
		Delivered: f.Delivered, GivenUp: f.Parked, Failed: f.Failed, Ignored: c.Ignored, Reconnects: c.Reconnects,
		Conditions: q.Conditions,
	}
	for _, class := range q.Classes {
		s.Backlog += class.Items
		if !class.Oldest.IsZero() && (s.Oldest.IsZero() || class.Oldest.Before(s.Oldest)) {
			s.Oldest = class.Oldest
		}
	}
	if s.Backlog > 0 && s.Oldest.IsZero() { // all wait on disk, behind a parked one
		if first, err := l.store.List(queue.Filter{Limit: 1}); err == nil && len(first) > 0 {
			s.Oldest = first[0].Received
		}
	}
	return s
}
