package outbound

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/upstream"
)

// The codes that State and parked messages carry. They are stable.
const (
	CodeAE      = "ack_ae"      // application error
	CodeAR      = "ack_ar"      // application reject
	CodeCE      = "ack_ce"      // commit error
	CodeCR      = "ack_cr"      // commit reject
	CodeUnknown = "ack_unknown" // MSA-1 says neither yes nor no
	CodeHalf    = "ack_half"    // accepted, but no application acknowledgement in time

	CodeSilence = "ack_timeout" // no acknowledgement in time
	CodeClosed  = "peer_closed" // the connection ended before one came
	CodeNotMLLP = "not_mllp"    // something else answered
	CodeDNS     = "dns"         // the host name cannot be resolved
	CodeTLS     = "tls"         // the handshake failed on either side
	CodeConnect = "connect"     // no connection
)

// verdict is what an acknowledgement says.
type verdict struct {
	code    string // empty: accepted
	detail  string // where and why, in codes
	rejects bool   // not because of the content
}

// read reads an acknowledgement. One without a code is none: the message asked for
// none, or only for one in case of an error.
func read(ack mllp.Ack) (v verdict) {
	switch ack.Code {
	case hl7.AE:
		v.code = CodeAE
	case hl7.CE:
		v.code = CodeCE
	case hl7.AR:
		v.code, v.rejects = CodeAR, true
	case hl7.CR:
		v.code, v.rejects = CodeCR, true
	default:
		return verdict{}
	}
	v.detail = complaints(ack.Raw)
	return v
}

const noReason = "no reason in an ERR segment; look into the destination's own log"

// maxComplaints bounds how many ERR segments are kept of one acknowledgement.
const maxComplaints = 3

// complaints are the positions and error conditions of the ERR segments, such as
// "PID-5 101 Required field missing". Only what cannot hold patient data is taken:
// segment names, small numbers, and our own words for conditions of table 0357.
func complaints(raw []byte) string {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil { // the client has read it already
		return noReason
	}
	var list []string
	for n := 1; n <= maxComplaints; n++ {
		s, ok := m.Segment("ERR", n)
		if !ok {
			break
		}
		// From v2.5 on ERR-2 has the position and ERR-3 the condition; before, ERR-1
		// had both (HL7 v2.9, 2.14.5).
		at, condition := s.Field(2), s.Field(3).Component(1).Value
		if at.Kind() == hl7.Absent && condition.Kind() == hl7.Absent {
			at = s.Field(1)
			condition = at.Component(4).Subcomponent(1)
		}
		if c := strings.TrimSpace(place(at) + " " + named(condition.Text())); c != "" {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return noReason
	}
	return strings.Join(list, "; ")
}

// place writes an error location (ERL) as a path.
func place(at hl7.Field) string {
	segment := at.Component(1).Text()
	if len(segment) != 3 || strings.Trim(segment, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return ""
	}
	if n := small(at.Component(2).Text()); n > 1 {
		segment += "(" + strconv.Itoa(n) + ")"
	}
	if n := small(at.Component(3).Text()); n > 0 {
		segment += "-" + strconv.Itoa(n)
	}
	return segment
}

// named is an error condition with its name.
func named(code string) string {
	n := small(code)
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + " " + hl7.ErrorCode(n).String()
}

// small reads a number of up to three digits; 0 is anything else.
func small(s string) int {
	if len(s) > 3 {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// unanswered names why no acknowledgement came.
func unanswered(err error) *upstream.Unavailable {
	return &upstream.Unavailable{Code: failure(err), Err: err}
}

func failure(err error) string {
	for _, foreign := range []error{mllp.ErrTooLarge, mllp.ErrGarbage, mllp.ErrUnframed, mllp.ErrHTTP, mllp.ErrTLS} {
		if errors.Is(err, foreign) {
			return CodeNotMLLP
		}
	}
	var (
		dns *net.DNSError
		op  *net.OpError
	)
	switch {
	case errors.Is(err, mllp.ErrAckTimeout):
		return CodeSilence
	case errors.Is(err, mllp.ErrPeerClosed):
		return CodeClosed
	case errors.As(err, &dns):
		return CodeDNS
	case errors.As(err, &op) && op.Op == "dial":
		return CodeConnect
	}
	return CodeTLS // only the handshake and alerts are left
}
