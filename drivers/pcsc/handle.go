//go:build cgo || windows

package pcsc

import (
	"bytes"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers/card"
)

// handle is a connection to a card. It belongs to its link's goroutine.
type handle struct {
	context       *scard.Context
	card          *scard.Card
	inTransaction bool
	spent         time.Duration     // in SCardTransmit: what service, reader and card took
	farewell      scard.Disposition // what becomes of the card; SCARD_LEAVE_CARD is 0
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
		return h.reconnect(scard.ShareShared, scard.UnpowerCard)
	}
	return nil
}

func (h *handle) reconnect(mode scard.ShareMode, first scard.Disposition) error {
	return wrap("SCardReconnect", h.card.Reconnect(mode, scard.ProtocolAny, first))
}

// begin keeps other programs away until end or release.
func (h *handle) begin() error {
	if err := h.card.BeginTransaction(); err != nil {
		return wrap("SCardBeginTransaction", err)
	}
	h.inTransaction = true
	return nil
}

// end lets other programs at the card.
func (h *handle) end() error {
	h.inTransaction = false
	return wrap("SCardEndTransaction", h.card.EndTransaction(scard.LeaveCard))
}

// info says what card there is. A known ATR saves a round trip to the service, a tenth of
// a short read; nil asks.
func (h *handle) info(reader string, atr []byte) (card.Info, error) {
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
	began := time.Now()
	rsp, err := h.card.Transmit(cmd)
	h.spent += time.Since(began)
	return rsp, wrap("SCardTransmit", err)
}

// iccPresence is SCARD_ATTR_ICC_PRESENCE (PC/SC part 3, 3.1.4.3): one byte, 0 for no card.
const iccPresence scard.Attrib = 0x90300

// revive makes the service look for a card: pcsc-lite does when its only client lets go of
// a reader. power also powers what is there, unless the reader says that its slot is empty.
func (h *handle) revive(reader string, power bool) error {
	var err error
	if h.context, err = scard.EstablishContext(); err != nil {
		return wrap("SCardEstablishContext", err)
	}
	if h.card, err = h.context.Connect(reader, scard.ShareDirect, scard.ProtocolAny); err != nil {
		return wrap("SCardConnect", err)
	}
	if !power {
		return nil
	}
	// Not every reader driver knows the attribute.
	if there, err := h.card.GetAttrib(iccPresence); err == nil && len(there) == 1 && there[0] == 0 {
		return nil
	}
	return h.reconnect(scard.ShareShared, scard.UnpowerCard)
}

// release lets go of card and context, leaving the card powered and as it is for
// other programs unless its profile wants something else. Errors are of no use: the card
// may be gone, the service too.
func (h *handle) release() {
	if h.card != nil {
		last := h.farewell
		if h.inTransaction && last == scard.LeaveCard {
			_ = h.card.EndTransaction(scard.LeaveCard)
		} else if h.inTransaction {
			_ = h.card.EndTransaction(scard.ResetCard) // nobody gets at the card before it is closed
			if last == scard.ResetCard {
				last = scard.LeaveCard
			}
		}
		_ = h.card.Disconnect(last)
	}
	if h.context != nil {
		_ = h.context.Release()
	}
}
