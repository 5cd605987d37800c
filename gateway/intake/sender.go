package intake

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"golang.org/x/time/rate"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// ReusedID says what happens to a message that bears the control id of another
// one of its sender.
type ReusedID uint8

// The policies for reused control ids.
const (
	Refuse ReusedID = iota // AE, CE with condition 205
	Keep                   // it is taken as a new message, and counted
)

// OnFull says what a sender hears when its message could not be stored.
type OnFull uint8

// The policies for messages that could not be stored.
const (
	Answer   OnFull = iota // AR, CR: not because of its content, send again later
	Withhold               // nothing: it runs into its own time limit and sends again
)

// Sender is one of the hospital's systems and how it wants to be treated.
type Sender struct {
	// Name appears in the queue, in counters and logs: letters, digits, '.', '_'
	// and '-', at most 64. "hl7" for a Default without one.
	Name string
	// Application and Facility are MSH-3.1 and MSH-4.1 of its messages; empty
	// matches any.
	Application, Facility string
	// Allow are the networks it sends from; empty allows all.
	Allow []netip.Prefix
	// Certificate is a name its client certificate must bear (common name, DNS or
	// URI name). Messages that claim to be its own from any other connection are
	// refused. Empty asks for none.
	Certificate string
	// Charset is used when MSH-18 is empty or names a set nobody knows, and the
	// bytes are not UTF-8; see [hl7.Options].
	Charset string
	// ForceCharset reads all its messages in Charset, whatever MSH-18 says.
	ForceCharset bool
	// Sequence keeps the sequence number protocol (MSH-13, HL7 v2.9, 2.10.1). The
	// sender is then one application with one stream of messages.
	Sequence bool
	ReusedID ReusedID
	OnFull   OnFull
	// ReplyTo names the destination of the application acknowledgements (MSH-16)
	// that its messages ask for: they are made when the message was delivered, see
	// [Intake.Deferred]. Empty makes this gateway the receiving application: what
	// is safe on disk is accepted, on the same connection at once.
	ReplyTo string
}

// sender is a Sender at work.
type sender struct {
	Sender
	listed   bool
	reading  hl7.Options
	sequence *sequence // nil without the protocol
	counts   counters
	warn     rate.Sometimes // so that a broken sender does not fill the log
}

func (i *Intake) addSenders() error {
	names := map[string]bool{}
	for n := range i.o.Senders {
		s, err := i.newSender(i.o.Senders[n], names)
		if err != nil {
			return fmt.Errorf("intake: sender %d: %w", n+1, err)
		}
		s.listed = true
		i.senders = append(i.senders, s)
	}
	var err error
	if i.fallback, err = i.newSender(i.o.Default, names); err != nil {
		return fmt.Errorf("intake: default sender: %w", err)
	}
	return nil
}

func (i *Intake) newSender(c Sender, names map[string]bool) (*sender, error) {
	switch {
	case !validName(c.Name):
		return nil, errors.New("a name is 1 to 64 letters, digits, dots, underscores and hyphens")
	case names[c.Name]:
		return nil, fmt.Errorf("another sender is called %s too; %s is who is not listed, unless the default has a name", c.Name, defaultName)
	case c.Charset != "" && !hl7.KnownCharset(c.Charset):
		return nil, errors.New("the character set is not known; write UTF-8, GB18030, Big5 or 8859/1, for example")
	case c.Charset == "" && c.ForceCharset:
		return nil, errors.New("there is no character set to force")
	}
	names[c.Name] = true
	s := &sender{Sender: c, reading: hl7.Options{DefaultCharset: c.Charset, MaxSize: i.o.MaxMessage}}
	if c.ForceCharset {
		s.reading.Charset = c.Charset
	}
	s.warn.Interval = time.Minute
	if c.Sequence {
		var err error
		if s.sequence, err = openSequence(filepath.Join(i.o.StateDir, "sequence-"+c.Name)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (i *Intake) closeSequences() error {
	var errs []error
	for _, s := range i.all() {
		if s.sequence != nil {
			errs = append(errs, s.sequence.close())
		}
	}
	return errors.Join(errs...)
}

// all are the senders and the one for everyone else.
func (i *Intake) all() []*sender {
	if i.fallback == nil {
		return i.senders
	}
	return append(i.senders[:len(i.senders):len(i.senders)], i.fallback)
}

func validName(name string) bool {
	for k := range len(name) {
		switch c := name[k]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return 0 < len(name) && len(name) <= queue.MaxNameBytes
}

// senderOf finds who sent m.
func (i *Intake) senderOf(m *hl7.Message) *sender {
	if len(i.senders) == 0 {
		return i.fallback
	}
	application, facility := m.At(pathApplication), m.At(pathFacilityName)
	for _, s := range i.senders {
		if named(application, s.Application) && named(facility, s.Facility) {
			return s
		}
	}
	return i.fallback
}

// byName finds a sender by its configured name.
func (i *Intake) byName(name string) (*sender, bool) {
	for _, s := range i.all() {
		if s.Name == name {
			return s, true
		}
	}
	return nil, false
}

// named says whether v is the name that is wanted, if one is.
func named(v hl7.Value, want string) bool {
	raw := v.Raw()
	if want == "" || string(raw) == want {
		return true
	}
	for _, c := range raw {
		if c >= 0x80 || c != ' ' && !validName(string(rune(c))) {
			return v.Text() == want // escapes or another character set
		}
	}
	return false
}

// admits says whether a sender may send from where this message came, and why
// not.
func (s *sender) admits(peer mllp.Peer) (Event, string) {
	switch {
	case len(s.Allow) > 0 && !within(peer.Addr.Addr(), s.Allow):
		return NotAllowed, "this sender does not send from this address; see hl7.senders"
	case s.Certificate != "" && !shows(peer, s.Certificate):
		return WrongCertificate, "this sender must show its own client certificate; see hl7.senders"
	}
	return 0, ""
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, p := range networks {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

// shows says whether the peer proved by a verified client certificate that it
// bears the name.
func shows(peer mllp.Peer, name string) bool {
	if peer.TLS == nil || len(peer.TLS.VerifiedChains) == 0 || len(peer.TLS.VerifiedChains[0]) == 0 {
		return false
	}
	cert := peer.TLS.VerifiedChains[0][0]
	if cert.Subject.CommonName == name {
		return true
	}
	for _, dns := range cert.DNSNames {
		if dns == name {
			return true
		}
	}
	for _, uri := range cert.URIs {
		if uri.String() == name {
			return true
		}
	}
	return false
}
