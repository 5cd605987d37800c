package hd100

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// Status words that the channels make up (ISO/IEC 7816-4 section 5.6; PC/SC part 3).
var (
	swOK          = []byte{0x90, 0x00}
	swFailed      = []byte{0x63, 0x00}
	swUnsupported = []byte{0x6A, 0x81}
	swLength      = []byte{0x67, 0x00}
)

// maxPart is the largest block that is read from a memory card at once.
const maxPart = 0xFF

// contact is a card in the slot. It implements [card.Channel]: commands of class FF
// are for the reader, as PC/SC readers have them (ACS manuals), and read memory cards.
type contact struct {
	r      *Reader
	silent bool // it has no ATR
	memory byte // opcode that reads the memory card; 0 until FF A4 chose one
	c24    byte // type of an AT24C card
}

// open powers the card and says what it is. A card without ATR is a memory card, or
// lies upside down: a profile's FF A4 finds out.
func (c *contact) open(ctx context.Context) (card.Info, error) {
	atr, err := c.r.do(ctx, opColdReset, userSlot)
	if err != nil && !refused(err) {
		return card.Info{}, err
	}
	c.silent = len(atr) == 0
	return card.Info{ATR: bytes.Clone(atr), Protocol: protocolOf(atr)}, nil
}

// protocolOf returns the first protocol that an ATR offers (ISO/IEC 7816-3 section
// 8.2.3); T=0 when it offers none.
func protocolOf(atr []byte) card.Protocol {
	if len(atr) < 2 {
		return card.T0
	}
	at := 1 // T0, whose high nibble says which of TA1 to TD1 follow
	for _, bit := range []byte{0x10, 0x20, 0x40} {
		if atr[1]&bit != 0 {
			at++
		}
	}
	if atr[1]&0x80 == 0 || at+1 >= len(atr) || atr[at+1]&0x0F != 1 {
		return card.T0
	}
	return card.T1
}

// Transmit sends one command; see [card.Channel].
func (c *contact) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if len(cmd) < 4 {
		return nil, fmt.Errorf("command APDU of %d bytes is shorter than its header", len(cmd))
	}
	if cmd[0] == 0xFF {
		rsp, err := c.reader(ctx, cmd)
		return rsp, c.left(ctx, err)
	}
	rsp, err := c.r.do(ctx, opAPDU, append([]byte{userSlot, 0}, cmd...)...)
	if err != nil {
		return nil, c.left(ctx, err)
	}
	if len(rsp) < 2 {
		return nil, fmt.Errorf("%w: response APDU of %d bytes", ErrAnswer, len(rsp))
	}
	return rsp, nil
}

// left turns the refusal of a card that was pulled into [drivers.ErrCardRemoved].
func (c *contact) left(ctx context.Context, err error) error {
	if !refused(err) {
		return err
	}
	if there, e := c.r.Present(ctx); e == nil && !there {
		return fmt.Errorf("%w (%w)", drivers.ErrCardRemoved, err)
	}
	return err
}

// The card types of FF A4 (ACS manuals of ACR38 and ACR39).
const (
	type24CSmall = 0x01 // AT24C01 to 16
	type24CLarge = 0x02 // AT24C32 to 1024
	type4428     = 0x05
	type4442     = 0x06
)

// reader answers a command for the reader.
func (c *contact) reader(ctx context.Context, cmd []byte) ([]byte, error) {
	switch {
	case cmd[1] == 0xA4 && len(cmd) >= 6 && cmd[4] == 1:
		return c.selectMemory(ctx, cmd[5])
	case cmd[1] == 0xB0 && len(cmd) == 5:
		return c.readMemory(ctx, int(cmd[2])<<8|int(cmd[3]), cmd[4])
	default:
		return swUnsupported, nil
	}
}

func (c *contact) selectMemory(ctx context.Context, kind byte) ([]byte, error) {
	var err error
	c.memory = 0
	switch kind {
	case type4442:
		_, err = c.r.do(ctx, opPower4442)
		c.memory = opRead4442
	case type4428:
		_, err = c.r.do(ctx, opPower4428)
		c.memory = opRead4428
	case type24CSmall, type24CLarge:
		// Assumed: the flag of the vendor's library counts the types as ACS does.
		_, err = c.r.do(ctx, opPower24C, kind)
		c.memory, c.c24 = opRead24C, kind
	default:
		return swUnsupported, nil
	}
	if refused(err) {
		c.memory = 0
		if err := c.left(ctx, err); errors.Is(err, drivers.ErrCardRemoved) {
			return nil, err
		}
		return swFailed, nil
	}
	return swOK, err
}

func (c *contact) readMemory(ctx context.Context, address int, le byte) ([]byte, error) {
	n := int(le)
	if n == 0 {
		n = maxPart
	}
	lo, hi := byte(address), byte(address>>8)
	var payload []byte
	switch c.memory {
	case opRead4442:
		if address > 0xFF {
			return []byte{0x6B, 0x00}, nil // behind the end
		}
		payload = []byte{lo, byte(n), 0}
	case opRead4428:
		payload = []byte{lo, hi, byte(n), 0}
	case opRead24C:
		payload = []byte{c.c24, lo, hi, byte(n), 0}
	default:
		return []byte{0x69, 0x85}, nil // no FF A4 before
	}
	data, err := c.r.do(ctx, c.memory, payload...)
	if refused(err) {
		if err := c.left(ctx, err); errors.Is(err, drivers.ErrCardRemoved) {
			return nil, err
		}
		return swFailed, nil
	}
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(data[:min(len(data), n)]), swOK...), nil
}
