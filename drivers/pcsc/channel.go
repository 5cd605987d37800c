//go:build cgo || windows

package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// minAPDU is the length of a command header, CLA INS P1 P2 (ISO/IEC 7816-4, 5.1).
const minAPDU = 4

// channel is a [card.Channel] on a link. After the first failure every further
// command fails the same way: a profile may pass over a command that failed, but
// what was lost with it (the selected file, the card) does not come back. The one
// exception is a command that the reader itself would not carry, see refusable.
type channel struct {
	link  *link
	limit time.Duration // for one APDU
	lost  error         // why the channel cannot be used any more
}

// Transmit sends one command APDU; see [card.Channel].
func (c *channel) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if c.lost != nil {
		return nil, c.lost
	}
	if len(cmd) < minAPDU {
		return nil, fmt.Errorf("command APDU of %d bytes is shorter than its header", len(cmd))
	}
	cmd = bytes.Clone(cmd) // a call that is left behind goes on reading it
	rsp, err := do(ctx, c.link, c.limit, errSilent, func(h *handle) ([]byte, error) { return h.transmit(cmd) })
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
