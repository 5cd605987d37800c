package card

import "context"

// Protocol is the transmission protocol negotiated with the card
// (ISO/IEC 7816-3). Contactless cards (ISO/IEC 14443-4) present themselves as T1.
type Protocol int

// The transmission protocols.
const (
	T0 Protocol = iota // byte oriented: no case 4, no extended length
	T1                 // block oriented
)

// String returns "T=0" or "T=1".
func (p Protocol) String() string {
	if p == T0 {
		return "T=0"
	}
	return "T=1"
}

// Info is what the reader knows about a card before the first command.
type Info struct {
	// ATR is the answer to reset, raw; for a contactless card the one the
	// reader made up (PC/SC part 3, section 3.1.3.2.3).
	ATR         []byte
	Protocol    Protocol
	Contactless bool
	// Reader is the name of the reader (drivers.Reader), where its driver says it.
	Reader string
}

// Channel is one card in a reader. Transmit sends one raw command APDU and
// returns the response APDU with its status word in the last two bytes. It
// returns an error that wraps drivers.ErrCardRemoved when the card left, and it
// returns when ctx ends. The engine calls it from one goroutine at a time. What else a
// channel may have is in transport.go.
type Channel interface {
	Transmit(ctx context.Context, cmd []byte) ([]byte, error)
}
