// Package upstream is the vocabulary between the forwarder and whatever stands
// above: what is delivered, and the two ways in which it can fail.
package upstream

import (
	"fmt"
	"log/slog"
	"time"
)

// Request is one item on its way up. Body is patient data; Request masks itself
// in logs.
type Request struct {
	// Key is the idempotency key, the same on every attempt and every tier.
	Key string
	// Lanes are the item's ordering keys, never patient data.
	Lanes []string
	// Class and Kind are those of the queue item, by name.
	Class, Kind string
	// Body is a FHIR transaction Bundle as JSON unless ContentType says
	// otherwise.
	Body        []byte
	ContentType string
	// Gaps say which earlier items of Lanes the receiver will not get, or not
	// before this one. Accepting the request means to have taken note of them.
	Gaps []Gap
}

// Gap is a notice that a lane went on although items of it are missing: they are
// parked at the sender or were given up there. It holds no patient data.
type Gap struct {
	Lane        string
	Count       uint32 // items missing
	First, Last uint64 // the sender's sequence numbers of the first and last
}

// LogValue keeps the body out of logs.
func (r Request) LogValue() slog.Value {
	return slog.GroupValue(slog.String("key", r.Key), slog.String("kind", r.Kind), slog.Int("bytes", len(r.Body)))
}

// String masks the body for fmt.
func (r Request) String() string { return fmt.Sprintf("request %s (%s, masked)", r.Key, r.Kind) }

// GoString masks the body for %#v.
func (r Request) GoString() string { return r.String() }

// Unavailable is the error of an upstream that cannot take anything now: no
// connection, a time-out, overload, a missing permission. The same request is
// tried again, without limit.
type Unavailable struct {
	// Code is a stable name for the reason: "connect", "timeout", "http_503", …
	Code string
	// RetryAfter is how long the upstream asked to be left alone; 0 when it did
	// not say.
	RetryAfter time.Duration
	Err        error
}

// Error names the reason and never holds patient data.
func (e *Unavailable) Error() string {
	return fmt.Sprintf("upstream is unavailable (%s): %v", e.Code, e.Err)
}

// Unwrap returns the cause.
func (e *Unavailable) Unwrap() error { return e.Err }

// Refused is the error of an upstream that will never take this request as it
// is. The item is parked for a person.
type Refused struct {
	Status int    // HTTP status, 0 when there was none
	Code   string // stable: an issue type of OperationOutcome, or a name
	Detail string // positions and codes, never patient data
}

// Error names the reason.
func (e *Refused) Error() string {
	return fmt.Sprintf("upstream refused the item (status %d, %s): %s", e.Status, e.Code, e.Detail)
}
