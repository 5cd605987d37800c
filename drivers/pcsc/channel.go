//go:build cgo || windows

package pcsc

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebfe/scard"

	"cardferry/drivers/card"
)

// minAPDU is the length of a command header, CLA INS P1 P2 (ISO/IEC 7816-4, 5.1).
const minAPDU = 4

// channel is a [card.Channel] on a link. After the first failure every further
// command fails the same way: a profile may pass over a command that failed, but
// what was lost with it (the selected file, the card) does not come back. The one
// exception is a command that the reader itself would not carry, see refusable.
//
// It is used in the link's goroutine and by nobody else.
type channel struct {
	link      *link
	h         *handle
	limits    limits
	exclusive bool
	lost      error // why the channel cannot be used any more
}

// Transmit sends one command APDU; see [card.Channel]. A command that is under way when
// ctx ends is waited for: whoever waits for the link does not.
func (c *channel) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if c.lost != nil {
		return nil, c.lost
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(cmd) < minAPDU {
		return nil, fmt.Errorf("command APDU of %d bytes is shorter than its header", len(cmd))
	}
	var rsp []byte
	err := c.link.call(c.limits.apdu, errSilent, func() (err error) {
		rsp, err = c.h.transmit(cmd)
		return err
	})
	if err == nil && len(rsp) < 2 {
		err = errNoAnswer
	}
	if err != nil && !refusable(cmd, err) {
		c.lost = err
	}
	return rsp, err
}

// refusable reports whether err may only mean that the reader has no extended
// length: short and TPDU level CCID readers (CCID 1.1, 5.1 dwFeatures) make
// SCardTransmit fail and never send the command. Whether the card is still
// there, the next command tells.
func refusable(cmd []byte, err error) bool {
	const shortest = 7 // header, 00, two bytes of Lc or Le (ISO/IEC 7816-4, 5.1)
	var code *pcscError
	return len(cmd) >= shortest && cmd[minAPDU] == 0 && errors.As(err, &code) && classify(err) == classTransport
}

// SetTransport does what the recognised card's profile wants. A card that is wanted
// exclusively and that another program is connected to fails at the next command, as one
// that is held by another program does, and is tried again.
func (c *channel) SetTransport(t card.Transport) {
	c.exclusive = t.Exclusive
	c.link.cold.Store(t.ColdReset)
	switch t.Disconnect {
	case card.Leave:
		c.h.farewell = scard.LeaveCard
	case card.Reset:
		c.h.farewell = scard.ResetCard
	case card.Unpower:
		c.h.farewell = scard.UnpowerCard
	}
	if !t.Exclusive || c.lost != nil {
		return
	}
	// Within the transaction, so that nobody comes between.
	c.lost = c.link.call(c.limits.connect, errBusy, func() error {
		return c.h.reconnect(scard.ShareExclusive, scard.LeaveCard)
	})
}

// Yield lets other programs at the card while f runs and then takes it again; it returns
// f's error, or why the card cannot be used any more, which wraps drivers.ErrCardRemoved if it
// left. When the card leaves while f runs, f's context ends. How long f takes does not
// count for any limit. Other programs may have selected other files or reset the card
// meanwhile. A profile that wants the card exclusively keeps it even then.
func (c *channel) Yield(ctx context.Context, f func(context.Context) error) error {
	if c.lost != nil {
		return c.lost
	}
	if c.lost = c.link.call(c.limits.connect, errBusy, c.h.end); c.lost != nil {
		return c.lost
	}
	answer := f(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	c.lost = c.link.call(c.limits.connect, errBusy, func() error {
		err := c.h.begin()
		if !is(err, scard.ErrResetCard) {
			return err
		}
		// Still the same card; another one would be SCARD_W_REMOVED_CARD.
		mode := scard.ShareShared
		if c.exclusive {
			mode = scard.ShareExclusive
		}
		if err := c.h.reconnect(mode, scard.LeaveCard); err != nil {
			return err
		}
		return c.h.begin()
	})
	if c.lost != nil {
		return c.lost
	}
	return answer
}
