package intake

import (
	"sync/atomic"

	"cardferry/hl7"
)

// Event is something that happened to a message or frame.
type Event uint8

// The events.
const (
	_ Event = iota
	// What became of messages.
	Stored           // on disk, new
	Repeated         // on disk since an earlier time: same sender, control id and bytes
	ReusedControlID  // a control id of another message, other bytes
	Unreadable       // not HL7, or nothing this listener can take apart
	NoControlID      // MSH-10 is empty
	UnknownCharset   // MSH-18 names an unknown set and the text cannot be read without
	Refused          // by validation
	NotListed        // no configured sender
	NotAllowed       // from another network than the sender's
	WrongCertificate // without the sender's client certificate
	QueueFull        // nothing could be stored for want of space
	StoreFailed      // nothing could be stored for another reason
	OverLimit        // breaks a limit of the queue
	PartKept         // of a continued message, waiting for the next
	PartAlone        // of a continued message that was never completed, stored as it is
	Joined           // a continued message whose parts have all come
	AckReceived      // an acknowledgement or response; never answered
	QueryAnswered    // by the responder
	QueryNotServed   // answered, with "not served here"
	SequenceGap      // MSH-13 is ahead of what is expected
	SequenceRepeat   // MSH-13 was accepted before
	SequenceReset    // MSH-13 0 or -1
	SequenceInvalid  // MSH-13 is no number
	BatchTooLarge    // more messages than the limit; none was stored
	BadBatch         // nothing in it could be read
	Fragment         // a frame that was begun and never ended
	// What was tolerated.
	AckConditionIgnored // MSH-15 or MSH-16 outside table 0155, read as empty
	CharsetMismatch     // another set is declared, but the bytes are UTF-8
	CharsetInvalid      // UTF-8 is declared, but the bytes are not
	CharsetGuessed      // MSH-18 is empty and no default configured
	BatchCount          // BTS-1 or FTS-1 does not hold
	OutsideMessage      // a line of a batch that belongs to no message
	numEvents
)

// String is the event's stable name, for metrics.
func (e Event) String() string {
	if e == 0 || e >= numEvents {
		return "unknown"
	}
	return [...]string{
		Stored: "stored", Repeated: "repeated", ReusedControlID: "reused_control_id", Unreadable: "unreadable",
		NoControlID: "no_control_id", UnknownCharset: "unknown_charset", Refused: "refused", NotListed: "not_listed",
		NotAllowed: "not_allowed", WrongCertificate: "wrong_certificate", QueueFull: "queue_full",
		StoreFailed: "store_failed", OverLimit: "over_limit", AckReceived: "ack_received",
		PartKept: "part_kept", PartAlone: "part_alone", Joined: "joined",
		QueryAnswered: "query_answered", QueryNotServed: "query_not_served", SequenceGap: "sequence_gap",
		SequenceRepeat: "sequence_repeat", SequenceReset: "sequence_reset", SequenceInvalid: "sequence_invalid",
		BatchTooLarge: "batch_too_large", BadBatch: "bad_batch", Fragment: "fragment",
		AckConditionIgnored: "ack_condition_ignored", CharsetMismatch: "charset_mismatch",
		CharsetInvalid: "charset_invalid", CharsetGuessed: "charset_guessed", BatchCount: "batch_count",
		OutsideMessage: "outside_message",
	}[e]
}

// MessageCount is how many messages of a type got an acknowledgement.
type MessageCount struct {
	// Type is MSH-9.1, "other" for what is not common and "unreadable" for what has
	// none, so that no sender can make up label values.
	Type string
	// Code is the first acknowledgement, "" where none was sent.
	Code  hl7.AckCode
	Count uint64
}

// Stats are counts since New, except where they say now.
type Stats struct {
	// Events by the configured name of the sender; only what happened.
	Events   map[string]map[Event]uint64
	Messages []MessageCount
	// Unfinished is how many continued messages wait for a part now, and how many
	// bytes of them are kept.
	Unfinished, UnfinishedBytes int
}

// Stats reads the counters.
func (i *Intake) Stats() Stats {
	s := Stats{Events: map[string]map[Event]uint64{}, Messages: i.types.snapshot()}
	for _, sender := range i.all() {
		events := map[Event]uint64{}
		for e := range numEvents {
			if n := sender.counts[e].Load(); n > 0 {
				events[e] = n
			}
		}
		s.Events[sender.Name] = events
	}
	if i.parts != nil {
		s.Unfinished, s.UnfinishedBytes = i.parts.joiner.Waiting()
	}
	return s
}

type counters [numEvents]atomic.Uint64

func (s *sender) count(e Event) { s.counts[e].Add(1) }

// messageTypes bounds what becomes a label.
var messageTypes = [...]string{
	"other", "unreadable", "ACK", "ADT", "ORU", "ORM", "OML", "OMG", "OUL", "SIU", "MDM", "DFT", "VXU", "RDE", "RAS", "RDS",
	"BAR", "MFN", "REF", "QBP",
}

const (
	otherType = iota
	unreadableType
)

var ackCodes = [...]hl7.AckCode{"", hl7.AA, hl7.AE, hl7.AR, hl7.CA, hl7.CE, hl7.CR}

type typeCounters [len(messageTypes)][len(ackCodes)]atomic.Uint64

func (t *typeCounters) snapshot() []MessageCount {
	var all []MessageCount
	for k := range t {
		for c := range t[k] {
			if n := t[k][c].Load(); n > 0 {
				all = append(all, MessageCount{messageTypes[k], ackCodes[c], n})
			}
		}
	}
	return all
}

// add counts a message of the type at that index.
func (t *typeCounters) add(index int, code hl7.AckCode) {
	for c, known := range ackCodes {
		if known == code {
			t[index][c].Add(1)
			return
		}
	}
}

// typeIndex finds MSH-9.1 in messageTypes.
func typeIndex(code []byte) int {
	for k, known := range messageTypes[unreadableType+1:] {
		if string(code) == known {
			return unreadableType + 1 + k
		}
	}
	return otherType
}
