package intake

import (
	"context"
	"crypto/rand"
	"strings"

	"cardferry/hl7"
)

// UnknownKeyIdentifier is the condition of HL7 table 0357 for an identifier that
// names nobody, as IHE asks for in PIX queries (ITI TF-2: 3.9).
const UnknownKeyIdentifier hl7.ErrorCode = 204

// QueryStatus is QAK-2 (HL7 table 0208).
type QueryStatus string

// The statuses.
const (
	Found        QueryStatus = "OK"
	NotFound     QueryStatus = "NF" // no data, no error: a demographics query that matches nobody
	QueryError   QueryStatus = "AE" // for example an identifier or domain that is not known
	QueryRefused QueryStatus = "AR"
)

// QueryAnswer is what a responder found.
type QueryAnswer struct {
	Status QueryStatus
	// ErrorCode, Location and Text say why not, for QueryError and QueryRefused:
	// PIX wants UnknownKeyIdentifier at QPD-3, component 1 for an identifier nobody
	// knows and component 4 for an unknown domain.
	ErrorCode hl7.ErrorCode
	Location  hl7.Path
	Text      string
	// Segments are what was found (PID, QRI), in the request's delimiters and
	// character set, without terminators.
	Segments [][]byte
	Info     hl7.AckInfo // Now, Options and, if wanted, ControlID; the rest is not looked at
}

// Response builds the response to a query of HL7 v2.9 chapter 3 or 5 (QBP): MSH,
// MSA, ERR, QAK, the QPD of the query byte for byte, then the segments. False
// when the message is no QBP that has a response of its own (see
// [ResponseType]).
func Response(query *hl7.Message, a QueryAnswer) ([]byte, bool) {
	trigger, structure, ok := ResponseType(query)
	if !ok {
		return nil, false
	}
	info := a.Info
	info.Code, info.ErrorCode, info.Location, info.Text = hl7.AA, a.ErrorCode, a.Location, a.Text
	switch a.Status {
	case QueryError:
		info.Code = hl7.AE
	case QueryRefused:
		info.Code = hl7.AR
	}
	b := set(hl7.ACK(query.Bytes(), info), info.Options,
		[2]string{"MSH-9.1", "RSP"}, [2]string{"MSH-9.2", trigger}, [2]string{"MSH-9.3", structure})
	d := query.Delimiters()
	qpd, _ := query.Segment("QPD", 1)
	b = append(b, "QAK"...)
	for _, f := range [][]byte{qpd.Field(2).Raw(), []byte(a.Status), qpd.Field(1).Raw()} {
		b = append(append(b, d.Field), f...)
	}
	b = append(b, '\r')
	if raw := qpd.Raw(); raw != nil {
		b = append(append(b, raw...), '\r')
	}
	for _, s := range a.Segments {
		b = append(append(b, s...), '\r')
	}
	return b, true
}

// ResponseType names the trigger event and structure of the response to a query:
// K22 and RSP_K21 for QBP^Q22, as IHE PDQ wants it. False for anything but the
// queries of chapter 3, Q21 to Q25.
func ResponseType(query *hl7.Message) (trigger, structure string, ok bool) {
	code, event, _ := query.Type()
	if code != "QBP" {
		return "", "", false
	}
	switch event {
	case "Q21", "Q22":
		return "K" + event[1:], "RSP_K21", true
	case "Q23", "Q24", "Q25":
		return "K" + event[1:], "RSP_K" + event[1:], true
	}
	return "", "", false
}

// isQuery says whether MSH-9.1 is a query's. Queries are answered, never queued:
// by the time they were delivered nobody would wait for the answer.
func isQuery(code []byte) bool {
	switch string(code) {
	case "QBP", "QRY", "QSB", "QVR", "QCN", "SPQ", "VQQ", "EQQ", "RQQ", "OSQ":
		return true
	}
	return false
}

// query answers a query.
func (i *Intake) query(ctx context.Context, m *hl7.Message, s *sender) decision {
	if i.o.Respond != nil {
		if response, ok := i.o.Respond(ctx, m); ok && response != nil {
			s.count(QueryAnswered)
			return decision{response: response}
		}
	}
	s.count(QueryNotServed)
	if _, _, ok := ResponseType(m); !ok {
		code, at := hl7.UnsupportedMessageType, pathType
		if string(m.At(pathType).Raw()) == "QBP" {
			code, at = hl7.UnsupportedEventCode, hl7.Path{Segment: "MSH", Field: 9, Repetition: 1, Component: 2}
		}
		return rejected(code, at, "this query is not served here")
	}
	a := QueryAnswer{Status: QueryError, ErrorCode: hl7.ApplicationError, Text: "queries are not served here yet",
		Info: hl7.AckInfo{Now: i.now(), Options: s.reading}}
	if _, ok := m.Segment("QPD", 1); !ok {
		a.ErrorCode, a.Location = hl7.SegmentSequenceError, hl7.Path{Segment: "QPD"}
		a.Text = "the query has no QPD segment"
	}
	response, _ := Response(m, a) // there is one for this type
	return decision{response: response}
}

// newControlID makes an MSH-10 of our own: 20 characters, the most that was
// allowed before v2.7.
func newControlID() string { return strings.ToUpper(rand.Text()[:20]) }
