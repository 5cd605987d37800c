package hl7

import (
	"errors"
	"fmt"
)

// Why [Parse] refuses a byte string. They arrive wrapped in a [ParseError].
var (
	ErrEmpty         = errors.New("message is empty or only white space")
	ErrTooShort      = errors.New("message ends before its encoding characters (MSH-2)")
	ErrNoMSH         = errors.New("message does not start with an MSH segment")
	ErrBadDelimiters = errors.New("MSH-1 and MSH-2 must be one to five different punctuation characters after the field separator")
	ErrTooLarge      = errors.New("message is larger than the limit; raise the size limit if the sender is right (hl7.max_message)")
	ErrCharset       = errors.New("character set cannot be used")
)

// Why other calls fail.
var (
	// ErrBadPath is wrapped by every [PathError].
	ErrBadPath = errors.New("malformed HL7 path")
	// ErrNotEncodable says that a text holds a character the message's character
	// set does not have. The text is refused rather than sent with a "?" in it.
	ErrNotEncodable = errors.New("text has a character the message's character set cannot express; send the message as UTF-8 or change the text")
	// ErrNoEscape says that a text holds a delimiter and the message declares no
	// escape character (or not the delimiter an edit needs).
	ErrNoEscape = errors.New("text or position needs a delimiter that the message's MSH-2 does not declare")
	// ErrNoSegment says that an edit names a segment the message does not have.
	ErrNoSegment = errors.New("message has no such segment; add it before setting its fields")
	// ErrReadOnly says that MSH-1, MSH-2 or a whole segment cannot be set as text.
	ErrReadOnly = errors.New("position cannot be set: it defines the encoding or is a whole segment")
	// ErrContinuation says that a part of a continued message cannot be joined to
	// others; treat it on its own and let a person know.
	ErrContinuation = errors.New("part of a continued message does not fit; have the sender repeat all parts with MSH-14 and DSC-1 set")
	// ErrJoinerFull says that too many parts wait for their successors.
	ErrJoinerFull = errors.New("hl7: too many incomplete messages are waiting for their continuation")
	// ErrBadTime says that a value is not a valid HL7 date/time.
	ErrBadTime = errors.New("not a valid HL7 date/time (YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ])")
)

// ParseError says why a message was refused and where. It never holds bytes of
// the message.
type ParseError struct {
	Err    error  // one of the sentinels above
	Offset int    // byte offset from the start of what was handed in
	Detail string // a cause without message content, may be empty
}

// Error implements error.
func (e *ParseError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("hl7: %v (offset %d)", e.Err, e.Offset)
	}
	return fmt.Sprintf("hl7: %v: %s (offset %d)", e.Err, e.Detail, e.Offset)
}

// Unwrap gives the sentinel.
func (e *ParseError) Unwrap() error { return e.Err }
