package mllp

import (
	"bytes"
	"maps"
	"sync"
	"sync/atomic"

	"cardferry/hl7"
)

// Cause is a stable name for why a connection ended or was refused.
type Cause string

// The causes.
const (
	PeerClosed         Cause = "peer_closed"           // at a message boundary
	PeerClosedMidFrame Cause = "peer_closed_mid_frame" // nothing was acknowledged for the fragment
	IdleTimeout        Cause = "idle_timeout"          // no message for the idle limit
	FrameTimeout       Cause = "frame_timeout"         // a frame began and did not go on
	TooLarge           Cause = "message_too_large"
	Overload           Cause = "too_much_unfinished" // MaxPartial; this connection held most of it
	Garbage            Cause = "not_mllp"
	Unframed           Cause = "unframed_hl7"
	HTTPRequest        Cause = "http_request"
	TLSOnPlainPort     Cause = "tls_on_plain_port"
	PlainOnTLSPort     Cause = "plain_on_tls_port"
	TLSHandshake       Cause = "tls_handshake_failed" // no client certificate among others
	CertificateRefused Cause = "client_certificate_refused"
	NotAllowed         Cause = "address_not_allowed"
	TooManyConnections Cause = "too_many_connections"
	HandlerClosed      Cause = "handler_closed"
	Withheld           Cause = "acknowledgement_withheld"
	HandlerPanicked    Cause = "handler_panicked"
	ReadFailed         Cause = "read_failed"
	WriteFailed        Cause = "write_failed" // the peer did not take the acknowledgement
	Draining           Cause = "draining"     // the server is stopping
)

// Fault says whether something went wrong that a person may want to know of. A
// sender that leaves or is silent between two messages does nothing wrong.
func (c Cause) Fault() bool { return c != PeerClosed && c != IdleTimeout && c != Draining }

// Stats are a server's counters since it was made. No label is taken from a
// message except the acknowledgement code.
type Stats struct {
	Open     int                    // connections now
	Accepted uint64                 // connections ever let in
	Messages uint64                 // frames handed to the handler
	Bytes    uint64                 // in those frames
	Answers  map[hl7.AckCode]uint64 // acknowledgements given, by MSA-1; "" when it has none
	Silent   uint64                 // messages that were not to be answered
	Ended    map[Cause]uint64       // connections ended or refused
	Faults   Faults                 // framing that was tolerated
}

// answerCodes are the values of HL7 table 0008, and "" for an answer without.
var answerCodes = [...]hl7.AckCode{"", hl7.AA, hl7.AE, hl7.AR, hl7.CA, hl7.CE, hl7.CR}

// counters are a Stats in the making. What every message counts takes no lock.
type counters struct {
	open                              atomic.Int64
	accepted, messages, bytes, silent atomic.Uint64
	answers                           [len(answerCodes)]atomic.Uint64

	mu     sync.Mutex
	causes map[Cause]uint64
	fault  Faults
}

func (c *counters) snapshot() Stats {
	s := Stats{
		Open: int(c.open.Load()), Accepted: c.accepted.Load(), Messages: c.messages.Load(), Bytes: c.bytes.Load(), Silent: c.silent.Load(),
		Answers: map[hl7.AckCode]uint64{},
	}
	for i := range c.answers {
		if n := c.answers[i].Load(); n > 0 {
			s.Answers[answerCodes[i]] = n
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Ended, s.Faults = maps.Clone(c.causes), c.fault
	return s
}

// enter counts a connection in, unless there are limit already. Only Serve's
// goroutine calls it.
func (c *counters) enter(limit int) bool {
	if c.open.Load() >= int64(limit) {
		return false
	}
	c.open.Add(1)
	c.accepted.Add(1)
	return true
}

func (c *counters) leave() { c.open.Add(-1) }

func (c *counters) ended(cause Cause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.causes == nil {
		c.causes = map[Cause]uint64{}
	}
	c.causes[cause]++
}

func (c *counters) received(size int) {
	c.messages.Add(1)
	c.bytes.Add(uint64(size))
}

// answered counts an answer by its MSA-1.
func (c *counters) answered(ack []byte) {
	c.answers[answerIndex(ack)].Add(1)
}

// answerIndex finds MSA-1 of an acknowledgement of our own making in answerCodes.
func answerIndex(ack []byte) int {
	j := bytes.Index(ack, []byte("\rMSA"))
	if j < 0 || len(ack) < j+7 {
		return 0
	}
	for i, code := range answerCodes {
		if string(code) == string(ack[j+5:j+7]) {
			return i
		}
	}
	return 0
}

// faults adds what a connection's framer has counted since last time.
func (c *counters) faults(now, before Faults) {
	if now == before {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.fault
	f.FillerBytes += now.FillerBytes - before.FillerBytes
	f.GarbageBytes += now.GarbageBytes - before.GarbageBytes
	f.NoCR += now.NoCR - before.NoCR
	f.InnerFS += now.InnerFS - before.InnerFS
	f.InnerVT += now.InnerVT - before.InnerVT
	f.DoubledStart += now.DoubledStart - before.DoubledStart
	f.Fragments += now.Fragments - before.Fragments
}
