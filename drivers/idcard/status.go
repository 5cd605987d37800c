package idcard

import (
	"errors"
	"fmt"

	"cardferry/drivers"
)

// Status is the third status byte of a response (SW3), which says how the
// command ended; SW1 and SW2 are normally zero.
type Status byte

// The status bytes of the SAM. 90, 9F, 80, 81 and 41 are told alike by all
// vendors, the others by one or two.
const (
	StatusOK            Status = 0x90
	StatusFound         Status = 0x9F
	StatusBadChecksum   Status = 0x10 // of the request
	StatusBadLength     Status = 0x11 // of the request
	StatusBadCommand    Status = 0x21 // unknown command, parameter or order
	StatusNoAuthority   Status = 0x23
	StatusUnknownError  Status = 0x24
	StatusSAMRefused    Status = 0x31 // the card does not accept the SAM
	StatusCardRefused   Status = 0x32 // the SAM does not accept the card
	StatusMAC           Status = 0x33
	StatusCardType      Status = 0x40
	StatusReadFailed    Status = 0x41
	StatusRandomFailed  Status = 0x47
	StatusSelfTest      Status = 0x60
	StatusNotAuthorised Status = 0x66
	StatusNoCard        Status = 0x80
	StatusSelectFailed  Status = 0x81
	StatusNoContent     Status = 0x91
)

// Fault returns the class of fault that a status means, or "" when it is none.
func (s Status) Fault() drivers.FaultCode {
	switch s {
	case StatusOK, StatusFound, StatusNoCard, StatusNoContent:
		return ""
	case StatusBadChecksum, StatusBadLength:
		return drivers.FaultFrame
	case StatusSAMRefused, StatusCardRefused, StatusMAC, StatusReadFailed, StatusRandomFailed, StatusSelectFailed:
		return drivers.FaultRepresent
	case StatusCardType:
		return drivers.FaultUnresponsive
	case StatusNoAuthority, StatusSelfTest, StatusNotAuthorised:
		return drivers.FaultReaderHardware
	default:
		return drivers.FaultReadFailed
	}
}

// StatusError is a response that says the command did not succeed.
type StatusError struct {
	Command Command
	Status  Status
}

// Error names the command and the status byte.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s: SAM status %02X", e.Command, byte(e.Status))
}

// hasStatus says whether err is a [StatusError] with status s.
func hasStatus(err error, s Status) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == s
}

// FaultOf returns the fault a reader should report for an error of a [Session].
// Errors of the wire itself are [drivers.FaultReaderHardware].
func FaultOf(err error) *drivers.Fault {
	var se *StatusError
	code := drivers.FaultReaderHardware
	switch {
	case errors.As(err, &se):
		code = se.Status.Fault()
	case errors.Is(err, ErrChecksum), errors.Is(err, ErrTorn):
		code = drivers.FaultFrame
	case errors.Is(err, ErrLength):
		code = drivers.FaultFrameTooLong
	}
	return &drivers.Fault{Code: code, Detail: err.Error()}
}
