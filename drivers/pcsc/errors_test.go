//go:build cgo || windows

package pcsc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want class
	}{
		{wrap("SCardTransmit", scard.ErrNoSmartcard), classRemoved},
		{wrap("SCardTransmit", scard.ErrRemovedCard), classRemoved},
		{wrap("SCardTransmit", scard.ErrNotTransacted), classTransport},
		{wrap("SCardTransmit", scard.ErrCommError), classTransport},
		{wrap("SCardTransmit", scard.ErrInvalidValue), classReaderGone}, // a pulled CCID reader says so
		{wrap("SCardTransmit", scard.ErrReaderUnavailable), classReaderGone},
		{wrap("SCardTransmit", scard.ErrResetCard), classReset},
		{wrap("SCardConnect", scard.ErrSharingViolation), classInUse},
		{wrap("SCardConnect", scard.ErrUnresponsiveCard), classUnready},
		{wrap("SCardConnect", scard.ErrUnpoweredCard), classUnready},
		{wrap("SCardConnect", scard.ErrProtoMismatch), classProtocol},
		{wrap("SCardConnect", scard.ErrSecurityViolation), classDenied},
		{wrap("SCardEstablishContext", scard.ErrNoService), classServiceDown},
		{wrap("SCardEstablishContext", scard.ErrServiceStopped), classServiceDown},
		{wrap("SCardTransmit", scard.Error(0x8010DEAD)), classTransport},
		{fmt.Errorf("profile x@1: %w", wrap("SCardTransmit", scard.ErrResetCard)), classReset},
		{drivers.ErrCardRemoved, classRemoved},
		{errSilent, classSilent},
		{errBusy, classBusy},
		{errNoAnswer, classTransport},
		{errNoProtocol, classProtocol},
		{context.DeadlineExceeded, classSilent},
		{errors.New("card answered 6A82"), classRead},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%v: class %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		code scard.Error
		want string
	}{
		{scard.ErrSharingViolation, "SCardConnect: 0x8010000B SCARD_E_SHARING_VIOLATION: another program holds the card exclusively; close it"},
		{scard.ErrNotTransacted, "SCardConnect: 0x80100016 SCARD_E_NOT_TRANSACTED"},
		{0x8010DEAD, "SCardConnect: 0x8010DEAD"},
	} {
		if got := wrap("SCardConnect", c.code).Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if text := wrap("SCardConnect", scard.ErrSecurityViolation).Error(); !strings.Contains(text, "org.debian.pcsc-lite.access_card") {
		t.Errorf("no polkit remedy in %q", text)
	}
	if wrap("SCardConnect", nil) != nil {
		t.Error("success is an error")
	}
	if !errors.Is(wrap("SCardTransmit", scard.ErrNoSmartcard), drivers.ErrCardRemoved) {
		t.Error("the decoder cannot tell that the card left")
	}
	if errors.Is(wrap("SCardTransmit", scard.ErrResetCard), drivers.ErrCardRemoved) {
		t.Error("a reset is no removal")
	}
}

// What the scard package or the decoder panics on is an error here, without what it held.
func TestPanics(t *testing.T) {
	const secret = "CHEN HSIAO-MING"
	for name, f := range map[string]func() error{
		"in the binding": func() error { return guarded(func() error { panic(secret) }) },
		"no card": func() error {
			return guarded(func() error { _, err := (&handle{}).transmit([]byte{0, 0, 0, 0}); return err })
		},
		"in the decoder": func() error {
			l := newLink(func(*link, *handle) (drivers.Read, error) { panic(secret) })
			defer func() { <-l.done }()
			_, err := l.wait(t.Context(), time.Minute)
			return err
		},
	} {
		if err := f(); err == nil || strings.Contains(err.Error(), "CHEN") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyAnExtendedCommandMayBeRefusedByTheReader(t *testing.T) {
	short := []byte{0x00, 0xB0, 0x81, 0x00, 0x00}
	extended := []byte{0x00, 0xB0, 0x81, 0x00, 0x00, 0x00, 0x00}
	lost := &pcscError{call: "SCardTransmit", code: scard.ErrNotTransacted}
	for _, tt := range []struct {
		name string
		cmd  []byte
		err  error
		want bool
	}{
		{"extended, not transacted", extended, lost, true},
		{"extended, a code of the driver's own", extended, &pcscError{call: "SCardTransmit", code: 0x80100004}, true},
		{"short, not transacted", short, lost, false},
		{"extended, card removed", extended, &pcscError{call: "SCardTransmit", code: scard.ErrRemovedCard}, false},
		{"extended, reader gone", extended, &pcscError{call: "SCardTransmit", code: scard.ErrReaderUnavailable}, false},
		{"extended, no answer", extended, errNoAnswer, false},
		{"extended, silent", extended, errSilent, false},
		{"extended, no error", extended, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := refusable(tt.cmd, tt.err); got != tt.want {
				t.Errorf("refusable %t, want %t", got, tt.want)
			}
		})
	}
}
