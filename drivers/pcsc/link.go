//go:build cgo || windows

package pcsc

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers/card"
)

// link is one connection to one card. All PC/SC calls of the connection are made
// by the link's goroutine, one after the other, because they cannot be
// cancelled: a caller waits with a context and a limit and walks away from a
// call that is stuck. A link is used by one goroutine, and not after a call that
// did not return.
type link struct {
	calls   chan func(*handle)
	done    chan struct{} // closed when the goroutine has ended and everything is released
	reading bool          // the card was the link's: a call that is stuck is stuck with it
}

// handle is what the link's goroutine owns.
type handle struct {
	context       *scard.Context
	card          *scard.Card
	inTransaction bool
}

func newLink() *link {
	l := &link{calls: make(chan func(*handle), 1), done: make(chan struct{})}
	go l.run()
	return l
}

// close ends the link once the call it is busy with has returned. It does not wait.
func (l *link) close() { close(l.calls) }

// run makes the calls and then lets go of the card.
func (l *link) run() {
	defer close(l.done)
	h := &handle{}
	for f := range l.calls {
		f(h)
	}
	_, _ = guarded(h, (*handle).release)
}

// do has the link's goroutine make a call and waits for its result, for ctx, or
// for the limit, which is the error late.
func do[T any](ctx context.Context, l *link, limit time.Duration, late error, f func(*handle) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	reply := make(chan result, 1) // has room: nobody may be waiting any more
	// Never blocks: there is one caller, who has the answer to every earlier call.
	l.calls <- func(h *handle) {
		v, err := guarded(h, f)
		reply <- result{v, err}
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var none T
	select {
	case r := <-reply:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-timer.C:
		return none, late
	}
}

// guarded makes one call. The scard package panics on what it does not expect
// (a protocol other than T=0 and T=1, a reply without a reader name); here that is
// an error. The panic's value is not repeated, it may hold card contents.
func guarded[T any](h *handle, f func(*handle) (T, error)) (value T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("PC/SC binding panicked (%T); please report this with the reader's model", v)
		}
	}()
	return f(h)
}

// connect opens a context and connects to the card in shared mode with T=0 or
// T=1, so that other programs at the desk go on working. cold powers the card
// off and on first.
func (h *handle) connect(reader string, cold bool) error {
	var err error
	if h.context, err = scard.EstablishContext(); err != nil {
		return wrap("SCardEstablishContext", err)
	}
	mode := scard.ShareShared
	if cold {
		mode = scard.ShareDirect // needs no answer from the card
	}
	if h.card, err = h.context.Connect(reader, mode, scard.ProtocolAny); err != nil {
		return wrap("SCardConnect", err)
	}
	if cold {
		return wrap("SCardReconnect", h.card.Reconnect(scard.ShareShared, scard.ProtocolAny, scard.UnpowerCard))
	}
	return nil
}

// begin keeps other programs away until the link is closed and says what card
// there is. A known ATR saves a round trip to the service, a tenth of a short read; nil
// asks.
func (h *handle) begin(reader string, atr []byte) (card.Info, error) {
	if err := h.card.BeginTransaction(); err != nil {
		return card.Info{}, wrap("SCardBeginTransaction", err)
	}
	h.inTransaction = true
	if len(atr) == 0 {
		status, err := h.card.Status()
		if err != nil {
			return card.Info{}, wrap("SCardStatus", err)
		}
		atr = status.Atr
	}
	info := card.Info{ATR: bytes.Clone(atr), Contactless: contactless(reader, atr)}
	switch h.card.ActiveProtocol() {
	case scard.ProtocolT0:
		info.Protocol = card.T0
	case scard.ProtocolT1:
		info.Protocol = card.T1
	default:
		return card.Info{}, errNoProtocol
	}
	return info, nil
}

// transmit sends one APDU. The caller has made sure that it is not empty.
func (h *handle) transmit(cmd []byte) ([]byte, error) {
	rsp, err := h.card.Transmit(cmd)
	return rsp, wrap("SCardTransmit", err)
}

// release lets go of card and context, leaving the card powered and as it is for
// other programs. Errors are of no use: the card may be gone, the service too.
func (h *handle) release() (struct{}, error) {
	if h.card != nil {
		if h.inTransaction {
			_ = h.card.EndTransaction(scard.LeaveCard)
		}
		_ = h.card.Disconnect(scard.LeaveCard)
	}
	if h.context != nil {
		_ = h.context.Release()
	}
	return struct{}{}, nil
}
