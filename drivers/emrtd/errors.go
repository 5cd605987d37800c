package emrtd

import (
	"errors"
	"fmt"
)

// ErrAnswer says that what was typed is neither a machine readable zone, nor its key
// part, nor a card access number. The document has not been tried.
var ErrAnswer = errors.New("not the key of a travel document: give the machine readable zone, NUMBER,YYMMDD,YYMMDD (birth, expiry) or the six digits of the card access number")

// ErrKey says that the document did not open with the key. Trying again makes many
// documents slower, and some close; it is for a person to decide.
var ErrKey = errors.New("the document does not open with this key; compare with what is printed and present it again")

// ErrUnsupported says that the document offers no way in that this reader knows:
// neither BAC nor PACE with generic mapping over a known curve, or with a card access
// number no PACE at all.
var ErrUnsupported = errors.New("the document offers no access protocol that is supported with this key; use what is printed on it")

// ErrMessaging says that a protected response was not the document's own, or that the
// document left secure messaging. The read cannot go on.
var ErrMessaging = errors.New("secure messaging with the document failed; present it again")

// ErrMalformed says that a file or an answer does not have the form that Doc 9303
// gives it.
var ErrMalformed = errors.New("the document's data are not as Doc 9303 wants them")

// ErrAltered says that a data group is not what the issuer signed, or not of the
// document that the key is printed on: the data are forged or damaged and must not be
// used.
var ErrAltered = errors.New("the chip's data are not what the issuer signed for this document; do not use the document")

// StatusError says that the document refused a command.
type StatusError struct {
	Step string // "select EF.COM"
	SW   uint16 // ISO/IEC 7816-4 status word
}

// Error names step and status word.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: document answered %04X", e.Step, e.SW)
}
