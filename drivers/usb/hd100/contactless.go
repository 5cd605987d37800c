package hd100

import (
	"bytes"
	"context"
	"fmt"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// contactless is a card in the field, ISO/IEC 14443 type A. It implements
// [card.Channel]: commands of class FF are for the reader as in PC/SC part 3, section
// 3.2.2, and read MIFARE Classic cards.
type contactless struct {
	r   *Reader
	uid []byte
	ats []byte // nil: a storage card
	key []byte // loaded with FF 82
}

// find activates the card in the field and says whether there is one: field type,
// request, anticollision, select.
func (c *contactless) find(ctx context.Context) (bool, error) {
	if _, err := c.r.do(ctx, opFieldType, fieldA); err != nil {
		return false, unlessRefused(err)
	}
	if _, err := c.r.do(ctx, opRequestA); err != nil {
		return false, unlessRefused(err)
	}
	uid, err := c.r.do(ctx, opAnticoll)
	if err != nil {
		return false, unlessRefused(err)
	}
	if c.uid = bytes.Clone(uid); len(c.uid) == 0 {
		return false, nil
	}
	if _, err := c.r.do(ctx, opSelectA); err != nil {
		return false, unlessRefused(err)
	}
	return true, nil
}

// may says whether uid may be of this card. A card of four bytes that begin with 08 makes
// another one up whenever it is found (ISO/IEC 14443-3 section 6.5.4).
func (c *contactless) may(uid []byte) bool {
	random := func(uid []byte) bool { return len(uid) == 4 && uid[0] == 0x08 }
	return bytes.Equal(uid, c.uid) || random(uid) && random(c.uid)
}

// unlessRefused drops a refusal: nothing is there.
func unlessRefused(err error) error {
	if refused(err) {
		return nil
	}
	return err
}

// open says what the card that was found is. One that does not take ISO/IEC 14443-4 is
// a storage card, and has to be found once more.
func (c *contactless) open(ctx context.Context) (card.Info, error) {
	ats, err := c.r.do(ctx, opActivateA)
	if err == nil {
		c.ats = bytes.Clone(ats)
		return card.Info{ATR: contactlessATR(historical(c.ats)), Protocol: card.T1, Contactless: true}, nil
	}
	if !refused(err) {
		return card.Info{}, err
	}
	there, err := c.find(ctx)
	if err == nil && !there {
		err = drivers.ErrCardRemoved
	}
	return card.Info{ATR: mifareATR(), Protocol: card.T1, Contactless: true}, err
}

// historical returns the historical bytes of an ATS (ISO/IEC 14443-4 section 5.2): what
// follows TL, T0 and the interface bytes that T0 announces.
func historical(ats []byte) []byte {
	if len(ats) < 2 || int(ats[0]) != len(ats) {
		return nil
	}
	at := 2
	for _, bit := range []byte{0x10, 0x20, 0x40} {
		if ats[1]&bit != 0 {
			at++
		}
	}
	if at > len(ats) {
		return nil
	}
	return ats[at:]
}

// contactlessATR is the ATR that PC/SC readers make up for an ISO/IEC 14443-4 card
// (PC/SC part 3, section 3.1.3.2.3.1).
func contactlessATR(historical []byte) []byte {
	h := historical[:min(len(historical), 15)]
	atr := append([]byte{0x3B, 0x80 | byte(len(h)), 0x80, 0x01}, h...)
	return append(atr, xor(atr[1:]))
}

// mifareATR is the one for a MIFARE Classic 1K (section 3.1.3.2.3.2); the reader does
// not tell what storage card it is.
func mifareATR() []byte {
	atr := []byte{0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06, 0x03, 0x00, 0x01, 0, 0, 0, 0}
	return append(atr, xor(atr[1:]))
}

// Transmit sends one command; see [card.Channel].
func (c *contactless) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if len(cmd) < 4 {
		return nil, fmt.Errorf("command APDU of %d bytes is shorter than its header", len(cmd))
	}
	if cmd[0] == 0xFF {
		return c.reader(ctx, cmd)
	}
	if c.ats == nil {
		return swUnsupported, nil
	}
	rsp, err := c.apdu(ctx, cmd)
	if refused(err) {
		// The reader does not say why; a card that left is by far the likeliest.
		err = fmt.Errorf("%w (%w)", drivers.ErrCardRemoved, err)
	}
	return rsp, err
}

// maxWaits bounds the waiting time extensions of one command.
const maxWaits = 32

// apdu sends a command. Two bytes come before the response, block header and card
// number; a header of Fx asks for more time and is sent back (ISO/IEC 14443-4 section
// 7.3).
func (c *contactless) apdu(ctx context.Context, cmd []byte) ([]byte, error) {
	const before = 2
	payload := append([]byte{0, 0}, cmd...)
	for range maxWaits {
		rsp, err := c.r.do(ctx, opContactless, payload...)
		if err != nil {
			return nil, err
		}
		if len(rsp) >= before+1 && rsp[1]>>4 == 0x0F {
			payload = []byte{0, rsp[1], rsp[2]}
			continue
		}
		if len(rsp) < before+2 {
			return nil, fmt.Errorf("%w: response APDU of %d bytes", ErrAnswer, len(rsp)-before)
		}
		return bytes.Clone(rsp[before:]), nil
	}
	return nil, fmt.Errorf("%w: the card asks for more time again and again", ErrAnswer)
}

// reader answers a command for the reader.
func (c *contactless) reader(ctx context.Context, cmd []byte) ([]byte, error) {
	switch {
	case cmd[1] == 0xCA && cmd[2] == 0:
		return append(bytes.Clone(c.uid), swOK...), nil
	case cmd[1] == 0xCA && cmd[2] == 1 && c.ats != nil:
		return append(bytes.Clone(historical(c.ats)), swOK...), nil
	case cmd[1] == 0x82 && len(cmd) == 11 && cmd[4] == 6:
		c.key = bytes.Clone(cmd[5:])
		return swOK, nil
	case cmd[1] == 0x86 && len(cmd) == 10 && cmd[4] == 5 && c.key != nil:
		return c.authenticate(ctx, cmd[7], cmd[8])
	case cmd[1] == 0xB0 && len(cmd) == 5:
		return c.block(ctx, cmd[3], cmd[4])
	default:
		return swUnsupported, nil
	}
}

// authenticate opens the sector of a block; kind is 60 or 61, key A or B (assumed: the
// vendor's library takes the same).
func (c *contactless) authenticate(ctx context.Context, block, kind byte) ([]byte, error) {
	_, err := c.r.do(ctx, opAuthMifare, append([]byte{kind, sector(block)}, c.key...)...)
	if refused(err) {
		// A failed try halts the card.
		if there, err := c.find(ctx); err != nil || !there {
			return nil, errorOr(err, drivers.ErrCardRemoved)
		}
		return swFailed, nil
	}
	return swOK, err
}

// sector is the sector of a block: 4 blocks each, from block 128 on 16.
func sector(block byte) byte {
	if block < 128 {
		return block / 4
	}
	return 32 + (block-128)/16
}

func (c *contactless) block(ctx context.Context, number, le byte) ([]byte, error) {
	const size = 16
	if le != size {
		return swLength, nil
	}
	data, err := c.r.do(ctx, opReadMifare, number)
	switch {
	case refused(err):
		return swFailed, nil
	case err != nil:
		return nil, err
	case len(data) != size:
		return nil, fmt.Errorf("%w: block of %d bytes", ErrAnswer, len(data))
	}
	return append(bytes.Clone(data), swOK...), nil
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
