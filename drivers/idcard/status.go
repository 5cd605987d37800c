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

// Error names the command, the status byte and what to do.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: SAM status %02X", e.Command, byte(e.Status))
	if remedy := e.Status.remedy(); remedy != "" {
		text += "; " + remedy
	}
	return text
}

// remedy says what a person can do about a status; "" when there is nothing to do.
func (s Status) remedy() string {
	switch s.Fault() {
	case drivers.FaultRepresent:
		return "lift the card and put it back"
	case drivers.FaultUnresponsive:
		return "the reader does not know this type of card"
	case drivers.FaultReaderHardware:
		return "the reader's security module is broken or not authorised; power the reader off and on, then have it replaced"
	case drivers.FaultFrame:
		return "the reader received a damaged request; check the cable and the baud rate"
	default:
		return ""
	}
}

// answers says whether a response with this status can belong to a command at all.
// Responses do not repeat the command, so one that came too late for its own request
// is only known by what it says: nothing but find answers that a card was found, and
// only the commands that read have much to say.
func (s Status) answers(cmd Command, data int) bool {
	const most = 32 // bytes of any short response: card body number 28, SAM number 16
	switch s {
	case StatusFound:
		return cmd == CmdFind
	case StatusNoCard, StatusSelectFailed:
		return cmd == CmdFind || cmd == CmdSelect || cmd == CmdNewestAddress
	case StatusNoContent:
		return cmd == CmdNewestAddress
	case StatusOK:
		switch cmd {
		case CmdRead, CmdReadAll:
			return data > most
		case CmdNewestAddress:
			return data <= maxAddresses*addressSize
		case CmdFind, CmdSelect, CmdStatus, CmdReset, CmdSAMNumber, CmdCardNumber:
			return data <= most
		}
	}
	return true
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
	case errors.Is(err, ErrOutOfStep):
		code = drivers.FaultFrame
	case errors.As(err, &se):
		code = se.Status.Fault()
	case errors.Is(err, ErrChecksum), errors.Is(err, ErrTorn):
		code = drivers.FaultFrame
	case errors.Is(err, ErrLength):
		code = drivers.FaultFrameTooLong
	}
	return &drivers.Fault{Code: code, Detail: err.Error()}
}
