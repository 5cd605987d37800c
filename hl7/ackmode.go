package hl7

// AckCondition is when a sender wants an acknowledgement (HL7 table 0155).
type AckCondition string

// The conditions of MSH-15 (accept) and MSH-16 (application).
const (
	Unspecified AckCondition = ""   // original acknowledgement mode when both are
	Always      AckCondition = "AL" // every message
	Never       AckCondition = "NE"
	OnError     AckCondition = "ER" // only when something is wrong
	OnSuccess   AckCondition = "SU" // only when all is well
)

// AckMode is what a message asks for in MSH-15 and MSH-16 (HL7 v2.9, 2.9).
type AckMode struct {
	Accept, Application AckCondition
}

// AckMode reads MSH-15 and MSH-16. A value outside table 0155 counts as empty.
func (m *Message) AckMode() AckMode {
	msh := m.segs[0]
	return AckMode{ackCondition(msh.Field(15).Value), ackCondition(msh.Field(16).Value)}
}

// Enhanced says whether either condition was given.
func (a AckMode) Enhanced() bool { return a.Accept != Unspecified || a.Application != Unspecified }

// Outcome is what became of a message at the receiver.
type Outcome uint8

// The outcomes an acknowledgement can tell.
const (
	Accepted Outcome = iota // safe on disk
	Failed                  // will not do as it is: AE or CE
	Rejected                // not now, or not for us: AR or CR
)

// Immediate is the code of the acknowledgement to send at once, and whether one
// is wanted at all: AA, AE, AR in original mode, CA, CE, CR as MSH-15 asks in
// enhanced mode.
func (a AckMode) Immediate(o Outcome) (AckCode, bool) {
	if !a.Enhanced() {
		return [...]AckCode{AA, AE, AR}[o], true
	}
	return [...]AckCode{CA, CE, CR}[o], a.Accept.wants(o)
}

// Deferred is the code of the application acknowledgement that MSH-16 asks for
// besides the immediate one, a message of its own; false when none is wanted.
func (a AckMode) Deferred(o Outcome) (AckCode, bool) {
	return [...]AckCode{AA, AE, AR}[o], a.Enhanced() && a.Application.wants(o)
}

func (c AckCondition) wants(o Outcome) bool {
	switch c {
	case Always:
		return true
	case OnError:
		return o != Accepted
	case OnSuccess:
		return o == Accepted
	}
	return false
}

func ackCondition(v Value) AckCondition {
	switch c := AckCondition(v.Text()); c {
	case Always, Never, OnError, OnSuccess:
		return c
	}
	return Unspecified
}

// IsAck says whether the message answers another one. Such a message must never
// be acknowledged itself in original mode, or two systems greet each other for
// ever.
func (m *Message) IsAck() bool {
	code, _, _ := m.Type()
	if code == "ACK" || code == "MCF" {
		return true
	}
	_, ok := m.Segment("MSA", 1)
	return ok
}
