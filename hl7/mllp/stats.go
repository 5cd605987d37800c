package mllp

import (
	"bytes"
	"maps"
	"sync"

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
	Overload           Cause = "too_much_unfinished" // MaxPartial; this connection crossed it
	Garbage            Cause = "not_mllp"
	Unframed           Cause = "unframed_hl7"
	HTTPRequest        Cause = "http_request"
	TLSOnPlainPort     Cause = "tls_on_plain_port"
	TLSHandshake       Cause = "tls_handshake_failed" // wrong or no client certificate among others
	NotAllowed         Cause = "address_not_allowed"
	TooManyConnections Cause = "too_many_connections"
	HandlerClosed      Cause = "handler_closed"
	Withheld           Cause = "acknowledgement_withheld"
	HandlerPanicked    Cause = "handler_panicked"
	ReadFailed         Cause = "read_failed"
	WriteFailed        Cause = "write_failed" // the peer did not take the acknowledgement
	Draining           Cause = "draining"     // the server is stopping
)

// Stats are a server's counters since it was made. No label is taken from a
// message except the acknowledgement code.
type Stats struct {
	Open     int                    // connections now
	Accepted uint64                 // connections ever let in
	Messages uint64                 // frames handed to the handler
	Bytes    uint64                 // in those frames
	Answers  map[hl7.AckCode]uint64 // acknowledgements written, by MSA-1; "" when it has none
	Silent   uint64                 // messages that were not to be answered
	Ended    map[Cause]uint64       // connections ended or refused
	Faults   Faults                 // framing that was tolerated
}

// counters guards a Stats.
type counters struct {
	mu sync.Mutex
	s  Stats
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	s.Answers, s.Ended = maps.Clone(s.Answers), maps.Clone(s.Ended)
	return s
}

// open counts a connection in, unless there are limit already.
func (c *counters) open(limit int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s.Open >= limit {
		return false
	}
	c.s.Open++
	c.s.Accepted++
	return true
}

func (c *counters) closed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Open--
}

func (c *counters) ended(cause Cause) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s.Ended == nil {
		c.s.Ended = map[Cause]uint64{}
	}
	c.s.Ended[cause]++
}

func (c *counters) message(size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Messages++
	c.s.Bytes += uint64(size)
}

func (c *counters) silent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Silent++
}

func (c *counters) answered(code hl7.AckCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s.Answers == nil {
		c.s.Answers = map[hl7.AckCode]uint64{}
	}
	c.s.Answers[code]++
}

// faults adds what a connection's framer has counted since last time.
func (c *counters) faults(now, before Faults) {
	if now == before {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.s.Faults
	f.FillerBytes += now.FillerBytes - before.FillerBytes
	f.GarbageBytes += now.GarbageBytes - before.GarbageBytes
	f.NoCR += now.NoCR - before.NoCR
	f.InnerFS += now.InnerFS - before.InnerFS
	f.DoubledStart += now.DoubledStart - before.DoubledStart
	f.Fragments += now.Fragments - before.Fragments
}

// answerCode finds MSA-1 in an acknowledgement of our own making.
func answerCode(ack []byte) hl7.AckCode {
	j := bytes.Index(ack, []byte("\rMSA"))
	if j < 0 || len(ack) < j+7 {
		return ""
	}
	switch code := hl7.AckCode(ack[j+5 : j+7]); code {
	case hl7.AA, hl7.AE, hl7.AR, hl7.CA, hl7.CE, hl7.CR:
		return code
	}
	return ""
}
