// Package fromfhir turns FHIR R4 resources that come back from the platform into
// HL7 v2.5.1 messages for the systems of the hospital: a DiagnosticReport with its
// Observations into ORU^R01, a referral (ServiceRequest, with or without its Task)
// into REF^I12, an Appointment into SIU^S12 and its relatives.
//
// Each function takes a Bundle of any type that holds the resource and what it
// refers to, or the resource alone with contained ones, and is pure: the same bytes
// and options give the same message. Nothing is invented: where HL7 v2 requires
// what the resource does not say, or a code has no counterpart, the result is an
// [Error] with the path, never a guess. Errors hold paths and reasons, no values.
//
// What a message of that type has no place for stays behind; the platform remains
// the place where the resource is whole.
//
// All functions are safe for concurrent use.
package fromfhir

import (
	"errors"
	"time"

	"cardferry/hl7"
)

// Options say who speaks to whom and by which names the receiver knows things.
type Options struct {
	SendingApplication   hl7.HD // MSH-3
	SendingFacility      hl7.HD // MSH-4
	ReceivingApplication hl7.HD // MSH-5
	ReceivingFacility    hl7.HD // MSH-6
	ProcessingID         string // MSH-11; "" is P
	Charset              string // MSH-18, as in [hl7.Header]; "" is UTF-8

	// Time is MSH-7. Zero takes it from the resource (meta.lastUpdated, or issued,
	// authoredOn, created), so that a repeat has the same bytes.
	Time time.Time

	// PatientIdentifierSystem is the system of the identifier by which the receiver
	// knows its patients. It goes first in PID-3; a patient without one is refused
	// with [ErrPatient]. "" takes all identifiers as they come.
	PatientIdentifierSystem string

	// Authorities gives assigning authorities by identifier system, CodingSystems the
	// names of HL7 table 0396 by code system; both go before what is built in. A
	// system that nobody names is written as the URI it is.
	Authorities   map[string]hl7.HD
	CodingSystems map[string]string

	// Scheduler is who the receiver asks about an appointment. SIU requires it
	// (SCH-16 and SCH-20, HL7 v2.5.1 10.6.1), and an Appointment does not say.
	Scheduler hl7.XCN

	// Event replaces the trigger event that follows from the resource, for what only
	// the caller knows: "S13" for an appointment that was moved. "" derives it.
	Event string
}

// MaxSize is the largest input in bytes.
const MaxSize = 64 << 20

// Why a resource does not become a message; each arrives wrapped in an [Error].
var (
	// ErrInput says that the input is no FHIR JSON, too large, or not about one
	// resource of the kind wanted.
	ErrInput = errors.New("input cannot be read as the wanted FHIR resource")
	// ErrMissing says that HL7 v2 requires what the resource does not say.
	ErrMissing = errors.New("the message requires a value that the resource does not have")
	// ErrUnsupported says that HL7 v2.5.1 cannot express a value or code.
	ErrUnsupported = errors.New("value has no form in HL7 v2.5.1")
	// ErrReference says that a resource that the message needs is not in the input.
	ErrReference = errors.New("reference leads to nothing in the input; fetch it with _include")
	// ErrPatient says that the receiver does not know the patient, or that there is
	// more than one.
	ErrPatient = errors.New("no single patient that the receiver knows")
)

// Error says what keeps a resource from becoming a message, and where.
type Error struct {
	Path   string // FHIR path with positions from 0: "DiagnosticReport.result[2]"; "" for the input as a whole
	Err    error  // one of the sentinels above
	Detail string // more about it without content, may be empty
}

// Error implements error.
func (e *Error) Error() string {
	s := "fromfhir: "
	if e.Path != "" {
		s += e.Path + ": "
	}
	s += e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap gives the sentinel.
func (e *Error) Unwrap() error { return e.Err }
