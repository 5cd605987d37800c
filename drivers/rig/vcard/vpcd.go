// Package vcard puts a virtual smart card into a reader of the real PC/SC
// service: it speaks the card side of the wire protocol of "vpcd", the virtual
// reader driver of the vsmartcard project, which pcscd loads like any other
// reader driver.
//
// The protocol (https://frankmorgner.github.io/vsmartcard/virtualsmartcard/README.html)
// runs over TCP; vpcd is the server. A connection is an inserted card, its end
// is the card's removal. Both sides send a length, two bytes big endian, and
// that many bytes:
//
//	reader to card   1 byte: power off (0), power on (1), reset (2), get ATR (4)
//	                 more:   a command APDU
//	card to reader   the ATR after "get ATR", the response APDU after an APDU,
//	                 nothing after the other three
package vcard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The control bytes of the vpcd protocol.
const (
	ctrlPowerOff = 0
	ctrlPowerOn  = 1
	ctrlReset    = 2
	ctrlATR      = 4
)

// maxMessage is the most a two-byte length can announce.
const maxMessage = 1<<16 - 1

// ErrPulled says that the card itself ended the link by answering nothing: it
// was pulled in the middle of a command.
var ErrPulled = errors.New("virtual card pulled during a command")

// Card is the chip: it answers what the reader asks. One goroutine at a time
// calls it.
type Card interface {
	// ATR returns the answer to reset (ISO 7816-3, 8.2), 1 to 33 bytes. vpcd
	// asks for it at every poll, two and a half times a second, to see whether
	// the card is still there.
	ATR() []byte
	// Reset forgets everything since power on: selection, security state.
	Reset()
	// APDU answers one command APDU (ISO 7816-4, 5) with data and status word.
	// An answer of no bytes pulls the card. A card that never returns is mute
	// and keeps its reader, and Slot.Remove, waiting.
	APDU(cmd []byte) []byte
}

// serve speaks the card side of the protocol on rw until the link ends. It
// calls answered after every response APDU that was sent.
func serve(rw io.ReadWriter, card Card, answered func()) error {
	var head [2]byte
	buf := make([]byte, maxMessage)
	// vpcd sends length and body in two segments with Nagle's algorithm on: the
	// body waits for the acknowledgement of the length, 40 ms with delayed
	// ACKs. TCP_QUICKACK does not stick, so it is set before every read.
	ackNow := quickAcker(rw)
	for {
		ackNow()
		if _, err := io.ReadFull(rw, head[:]); err != nil {
			return fmt.Errorf("read vpcd length: %w", err)
		}
		msg := buf[:binary.BigEndian.Uint16(head[:])]
		if _, err := io.ReadFull(rw, msg); err != nil {
			return fmt.Errorf("read vpcd message: %w", err)
		}
		switch {
		case len(msg) == 0:
		case len(msg) > 1:
			rsp := card.APDU(msg)
			if len(rsp) == 0 {
				return ErrPulled
			}
			if err := send(rw, rsp); err != nil {
				return err
			}
			answered()
		case msg[0] == ctrlATR:
			if err := send(rw, card.ATR()); err != nil {
				return err
			}
		case msg[0] == ctrlPowerOff, msg[0] == ctrlPowerOn, msg[0] == ctrlReset:
			card.Reset()
		default:
			return fmt.Errorf("vpcd control byte %#02x is unknown", msg[0])
		}
	}
}

// send writes one message. It refuses an empty one: vpcd would wait in recv
// for zero bytes for ever, and with it pcscd's polling thread and every client
// of the reader.
func send(w io.Writer, b []byte) error {
	if len(b) == 0 || len(b) > maxMessage {
		return fmt.Errorf("virtual card answered %d bytes, vpcd takes 1 to %d", len(b), maxMessage)
	}
	out := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(b)), uint16(len(b)))
	// One write: no Nagle delay between length and body.
	if _, err := w.Write(append(out, b...)); err != nil {
		return fmt.Errorf("write to vpcd: %w", err)
	}
	return nil
}
