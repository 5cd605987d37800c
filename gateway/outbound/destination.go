package outbound

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"time"

	"cardferry/hl7"
	"cardferry/sync/queue"
)

// Reaction is what happens to a message that was not accepted.
type Reaction uint8

// The reactions.
const (
	// Default is Retry after AE and CE, and Park after AR and CR.
	Default Reaction = iota
	// Retry sends the same bytes again, waiting longer each time, and parks the
	// message after MaxRetries.
	Retry
	// Park sets the message aside for a person at once.
	Park
)

// Destination is one system that takes messages in. Only Name and Addr are
// required.
type Destination struct {
	// Name is 1 to 32 lower-case letters, digits and hyphens, the first not a
	// hyphen. It is the folder of the queue and appears in logs.
	Name string
	Addr string      // host:port
	TLS  *tls.Config // nil is plain TCP; TLS 1.2 is the minimum whatever it says

	// AckTimeout is how long the acknowledgement is waited for, and
	// ApplicationAckTimeout how long the application acknowledgement that MSH-16
	// asks for besides; 30 s each when zero. After that the connection is closed,
	// so that a late one is never taken for the next message's, and the same bytes
	// are sent again: without limit while nothing was acknowledged, MaxRetries
	// times when only the second is missing.
	AckTimeout, ApplicationAckTimeout time.Duration

	OnError    Reaction // after AE, CE, and answers that do not say yes or no
	OnReject   Reaction // after AR and CR
	MaxRetries int      // of one message after such answers; 10 when zero
	// WhileParked says whether the messages behind a parked one wait (queue.Hold,
	// the zero value) or go on. Behind an acknowledgement they always go on.
	WhileParked queue.Policy

	// Gap is the least time between the end of one exchange and the next message.
	Gap time.Duration

	// Charset (HL7 table 0211 or IANA name) and Delimiters are what messages are
	// recoded to; zero values leave them as they are.
	Charset    string
	Delimiters hl7.Delimiters
}

const (
	defaultAckTimeout = 30 * time.Second
	defaultRetries    = 10
)

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// check sets the defaults and says what cannot be.
func (d *Destination) check() error {
	switch {
	case !nameForm.MatchString(d.Name):
		return errors.New("outbound: a destination's name is 1 to 32 lower-case letters, digits and hyphens")
	case d.Addr == "":
		return fmt.Errorf("outbound: destination %s has no address", d.Name)
	case d.MaxRetries < 0 || d.Gap < 0:
		return fmt.Errorf("outbound: destination %s: retries and the gap cannot be negative", d.Name)
	}
	probe, err := hl7.Parse([]byte(`MSH|^~\&|||||||ACK|1|P|2.5`+"\r"), hl7.Options{})
	if err == nil {
		_, err = probe.Recode(d.Charset, d.Delimiters)
	}
	if err != nil {
		return fmt.Errorf("outbound: destination %s: character set or delimiters: %w", d.Name, err)
	}
	if d.AckTimeout <= 0 {
		d.AckTimeout = defaultAckTimeout
	}
	if d.ApplicationAckTimeout <= 0 {
		d.ApplicationAckTimeout = defaultAckTimeout
	}
	if d.OnError == Default {
		d.OnError = Retry
	}
	if d.OnReject == Default {
		d.OnReject = Park
	}
	if d.MaxRetries == 0 {
		d.MaxRetries = defaultRetries
	}
	return nil
}

// policy says what becomes of the messages behind a parked one.
func (d *Destination) policy(it queue.Item) queue.Policy {
	if m, err := hl7.Parse(it.Payload, hl7.Options{}); err == nil && m.IsAck() {
		return queue.Continue // nothing builds on an acknowledgement
	}
	return d.WhileParked
}

// wire is the message as the destination gets it, decided once so that every
// attempt sends the same bytes.
func (d *Destination) wire(m *hl7.Message) ([]byte, error) {
	if len(m.ControlID()) == 0 {
		return nil, ErrNoControlID
	}
	mode := m.AckMode()
	switch {
	case mode.Accept == hl7.OnError, mode.Accept == hl7.OnSuccess:
		return nil, ErrAckMode
	case mode.Accept == hl7.Always:
	case mode.Application == hl7.OnError, mode.Application == hl7.OnSuccess:
		return nil, ErrAckMode
	case mode.Accept == hl7.Unspecified && (m.IsAck() || mode.Enhanced()):
		// Empty besides a filled MSH-16 means never (HL7 v2.9, 2.9.2).
		if err := m.Set("MSH-15", string(hl7.Never)); err != nil {
			return nil, err
		}
	}
	body := m.Bytes()
	if d.Charset != "" || d.Delimiters != (hl7.Delimiters{}) {
		var err error
		if body, err = m.Recode(d.Charset, d.Delimiters); err != nil {
			return nil, err
		}
	}
	if bytes.ContainsAny(body, "\x0B\x1C") {
		return nil, ErrNotFrameable
	}
	return body, nil
}
