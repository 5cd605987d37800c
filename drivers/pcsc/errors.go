//go:build cgo || windows

package pcsc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebfe/scard"

	"cardferry/drivers"
)

// class groups errors by what the driver does about them.
type class int

const (
	classRead        class = iota // the card answered, the decoder gave up
	classRemoved                  // the card left
	classReset                    // somebody reset the card: start over
	classTransport                // a command got lost: card leaving, contact, USB
	classInUse                    // another program holds the card exclusively
	classBusy                     // another program is in a transaction; the call waits with it
	classSilent                   // no answer within the limit; the call is still stuck
	classUnready                  // no ATR, or none yet: bounce, wrong way round, memory card
	classProtocol                 // neither T=0 nor T=1
	classReaderGone               // the reader left
	classServiceDown              // the service left, or never was
	classDenied                   // the service refuses this user
	classHardware                 // the reader says it is broken
)

var (
	// errSilent is a PC/SC call that did not return in time.
	errSilent = errors.New("no answer within the limit; remove the card, re-plug the reader if that does not help")
	// errBusy is SCardConnect or SCardBeginTransaction not returning in time.
	errBusy = errors.New("another program is in a transaction with the card; close it")
	// errHung is a service that takes calls and does not answer them.
	errHung = errors.New("the PC/SC service hangs; restart it: systemctl restart pcscd, or the Windows service SCardSvr")
	// errStuck is a reader whose last card left it in a call that does not end.
	errStuck = errors.New("the reader has not finished with the last card; re-plug it, or restart the PC/SC service")
	// errNoAnswer is a response without a status word (ISO 7816-4, 5.1), which
	// vpcd and some readers pass on as success when the card is pulled.
	errNoAnswer = errors.New("response without status word; present the card again")
	// errSwapped is another card than the one that was presented.
	errSwapped = errors.New("another card was put in")
	// errNoProtocol is a connection that cannot carry APDUs.
	errNoProtocol = errors.New("card speaks neither T=0 nor T=1; it may be a memory card or the wrong way round")
)

// polkitRemedy is for pcsc-lite, which lets active local sessions in and nobody else: a
// daemon has none.
const polkitRemedy = "polkit refuses this user; reinstall the packaged rule /usr/share/polkit-1/rules.d/60-cardferry-pcsc.rules, " +
	"or put one in /etc/polkit-1/rules.d that returns polkit.Result.YES to the service's user for the actions " +
	"org.debian.pcsc-lite.access_pcsc and org.debian.pcsc-lite.access_card"

// codes are the PC/SC error codes a reader driver meets (PC/SC part 5; pcsclite.h
// and winerror.h agree on the values).
var codes = map[scard.Error]struct {
	name  string
	class class
	hint  string
}{
	scard.ErrInternalError:      {"SCARD_F_INTERNAL_ERROR", classServiceDown, ""},
	scard.ErrInvalidHandle:      {"SCARD_E_INVALID_HANDLE", classServiceDown, ""},
	scard.ErrNoMemory:           {"SCARD_E_NO_MEMORY", classServiceDown, "the service has no context left; restart it"},
	scard.ErrInsufficientBuffer: {"SCARD_E_INSUFFICIENT_BUFFER", classTransport, ""},
	scard.ErrUnknownReader:      {"SCARD_E_UNKNOWN_READER", classReaderGone, ""},
	scard.ErrTimeout:            {"SCARD_E_TIMEOUT", classTransport, ""},
	scard.ErrSharingViolation:   {"SCARD_E_SHARING_VIOLATION", classInUse, "another program holds the card exclusively; close it"},
	scard.ErrNoSmartcard:        {"SCARD_E_NO_SMARTCARD", classRemoved, ""},
	scard.ErrProtoMismatch:      {"SCARD_E_PROTO_MISMATCH", classProtocol, "card speaks neither T=0 nor T=1; it may be a memory card or the wrong way round"},
	scard.ErrNotReady:           {"SCARD_E_NOT_READY", classUnready, ""},
	scard.ErrInvalidValue:       {"SCARD_E_INVALID_VALUE", classReaderGone, ""},
	scard.ErrCommError:          {"SCARD_F_COMM_ERROR", classTransport, ""},
	scard.ErrInvalidAtr:         {"SCARD_E_INVALID_ATR", classUnready, "clean the card's contacts"},
	scard.ErrNotTransacted:      {"SCARD_E_NOT_TRANSACTED", classTransport, ""},
	scard.ErrReaderUnavailable:  {"SCARD_E_READER_UNAVAILABLE", classReaderGone, ""},
	scard.ErrShutdown:           {"SCARD_P_SHUTDOWN", classServiceDown, ""},
	scard.ErrReaderUnsupported:  {"SCARD_E_READER_UNSUPPORTED", classHardware, "update the reader's driver"},
	scard.ErrCardUnsupported:    {"SCARD_E_CARD_UNSUPPORTED", classProtocol, ""},
	scard.ErrNoService:          {"SCARD_E_NO_SERVICE", classServiceDown, "start it: systemctl start pcscd.socket, or the Windows service SCardSvr (which ends without a reader)"},
	scard.ErrServiceStopped:     {"SCARD_E_SERVICE_STOPPED", classServiceDown, "client library and service may differ in version; restart both"},
	scard.ErrUnexpected:         {"SCARD_E_UNEXPECTED", classTransport, ""},
	scard.ErrNoReadersAvailable: {"SCARD_E_NO_READERS_AVAILABLE", classReaderGone, ""},
	scard.ErrCommDataLost:       {"SCARD_E_COMM_DATA_LOST", classTransport, ""},
	scard.ErrServerTooBusy:      {"SCARD_E_SERVER_TOO_BUSY", classServiceDown, ""},
	scard.ErrUnsupportedCard:    {"SCARD_W_UNSUPPORTED_CARD", classProtocol, ""},
	scard.ErrUnresponsiveCard:   {"SCARD_W_UNRESPONSIVE_CARD", classUnready, "card upside down, contacts dirty, or a memory card"},
	scard.ErrUnpoweredCard:      {"SCARD_W_UNPOWERED_CARD", classUnready, "card upside down, contacts dirty, or a memory card"},
	scard.ErrResetCard:          {"SCARD_W_RESET_CARD", classReset, "another program keeps resetting the card; close it"},
	scard.ErrRemovedCard:        {"SCARD_W_REMOVED_CARD", classRemoved, ""},
	scard.ErrSecurityViolation:  {"SCARD_W_SECURITY_VIOLATION", classDenied, polkitRemedy},
}

// pcscError is a PC/SC code with the call that returned it. Its text is the same
// on every system: scard.Error speaks the language of the Windows installation.
type pcscError struct {
	call string // "SCardConnect"
	code scard.Error
}

// wrap names the call an error of the scard package came from.
func wrap(call string, err error) error {
	var code scard.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &code):
		return &pcscError{call: call, code: code}
	default:
		return fmt.Errorf("%s: %w", call, err)
	}
}

func (e *pcscError) Error() string {
	c := codes[e.code]
	text := fmt.Sprintf("%s: 0x%08X", e.call, uint32(e.code))
	if c.name != "" {
		text += " " + c.name
	}
	if c.hint != "" {
		text += ": " + c.hint
	}
	return text
}

// Unwrap lets a caller ask for drivers.ErrCardRemoved.
func (e *pcscError) Unwrap() error {
	if codes[e.code].class == classRemoved {
		return drivers.ErrCardRemoved
	}
	return nil
}

// is says whether err carries the PC/SC code.
func is(err error, code scard.Error) bool {
	var e *pcscError
	return errors.As(err, &e) && e.code == code
}

// classify sorts an error of a session or of the service.
func classify(err error) class {
	var e *pcscError
	if errors.As(err, &e) {
		if c, known := codes[e.code]; known {
			return c.class
		}
		return classTransport
	}
	switch {
	case errors.Is(err, drivers.ErrCardRemoved):
		return classRemoved
	case errors.Is(err, errSilent):
		return classSilent
	case errors.Is(err, errBusy):
		return classBusy
	case errors.Is(err, errHung):
		return classServiceDown
	case errors.Is(err, errStuck):
		return classHardware
	case errors.Is(err, errNoAnswer):
		return classTransport
	case errors.Is(err, errNoProtocol):
		return classProtocol
	case errors.Is(err, context.DeadlineExceeded):
		return classSilent
	default:
		return classRead
	}
}
