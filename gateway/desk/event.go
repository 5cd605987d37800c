package desk

import (
	"encoding/hex"
	"time"

	"cardferry/drivers"
)

// Event is one thing that happened at a reader of this desk, without patient
// data: safe in a log, a proxy or another tab.
type Event struct {
	// Seq is the event's place in the log and its cursor. It only grows, also
	// across a restart of the daemon (it starts at the start time in Unix
	// milliseconds), and stays below 2^53.
	Seq  uint64    `json:"seq"`
	Type EventType `json:"type"`
	Time time.Time `json:"time"`
	Desk string    `json:"desk,omitempty"`
	// Reader is the reader's stable name; empty for a fault of a whole driver.
	Reader string `json:"reader"`
	// Driver is the name of the driver that owns the reader.
	Driver string `json:"driver"`
	// Simulated marks everything that came from a simulated reader.
	Simulated bool `json:"simulated"`

	// ID is the read's id for GET /v1/reads/{id}; it and the fields down to ATR
	// belong to card.read and code.read.
	ID        string            `json:"id,omitempty"`
	Medium    string            `json:"medium,omitempty"`
	Assurance drivers.Assurance `json:"assurance,omitempty"`
	Partial   bool              `json:"partial,omitempty"`
	Subject   *Subject          `json:"subject,omitempty"`
	Warnings  []drivers.Warning `json:"warnings,omitempty"`
	// ATR is the answer to reset of a card that nothing recognised, in
	// hexadecimal (ISO 7816-3 section 8: at most 33 bytes). It tells the kind of
	// card, not whose.
	ATR string `json:"atr,omitempty"`

	// Prompt belongs to prompt.opened and prompt.closed.
	Prompt *Prompt `json:"prompt,omitempty"`
	// Fault belongs to reader.fault.
	Fault *drivers.Fault `json:"fault,omitempty"`
}

// EventType says what happened, in the words of the desk API.
type EventType string

// The types of event.
const (
	ReaderAttached EventType = "reader.attached"
	ReaderDetached EventType = "reader.detached"
	ReaderFault    EventType = "reader.fault"
	CardPresented  EventType = "card.presented"
	CardRead       EventType = "card.read"
	CodeRead       EventType = "code.read"
	CardRemoved    EventType = "card.removed"
	PromptOpened   EventType = "prompt.opened"
	PromptClosed   EventType = "prompt.closed" // answered, declined, or the card is gone
)

// eventTypes maps what a driver reports; a completed read is told apart by the
// kind of reader.
var eventTypes = map[drivers.EventType]EventType{
	drivers.Attached:  ReaderAttached,
	drivers.Detached:  ReaderDetached,
	drivers.Presented: CardPresented,
	drivers.Completed: CardRead,
	drivers.Removed:   CardRemoved,
	drivers.Faulted:   ReaderFault,
}

// newEvent returns the masked event for e, and for a completed read also the
// read itself, with an id and the reader's simulated mark.
func newEvent(desk string, e drivers.Event) (Event, *drivers.Read) {
	event := Event{
		Type:      eventTypes[e.Type],
		Time:      e.Time,
		Desk:      desk,
		Reader:    e.Reader.Name,
		Driver:    e.Reader.Driver,
		Simulated: e.Reader.Simulated,
	}
	if e.Reader.Name == e.Reader.Driver { // drivers call themselves so
		event.Reader = ""
	}
	if event.Time.IsZero() {
		event.Time = time.Now()
	}
	switch {
	case e.Type == drivers.Faulted && e.Fault != nil:
		fault := *e.Fault
		event.Fault = &fault
	case e.Type == drivers.Completed && e.Read != nil:
		if e.Reader.Kind == drivers.KindScanner {
			event.Type = CodeRead
		}
		read := *e.Read
		if read.ID == "" {
			read.ID = drivers.NewReadID()
		}
		read.Simulated = read.Simulated || e.Reader.Simulated
		event.ID = read.ID
		event.Medium = read.Medium
		event.Assurance = read.Assurance
		event.Partial = read.Partial
		event.Simulated = read.Simulated
		event.Subject = maskedSubject(read.Patient)
		event.Warnings = read.Warnings
		event.ATR = unknownATR(read)
		return event, &read
	}
	return event, nil
}

// unknownATR returns the ATR of an unknown card when it looks like one: extras
// of a read are not trusted to be free of patient data.
func unknownATR(r drivers.Read) string {
	const maxATR = 33 // bytes, ISO 7816-3 section 8.2
	text, ok := r.Extras["atr"].(string)
	if !ok || r.Medium != drivers.MediumUnknown || len(text) > 2*maxATR {
		return ""
	}
	if _, err := hex.DecodeString(text); err != nil {
		return ""
	}
	return text
}
