package card

import "context"

// Disconnect is what becomes of a card when its reader lets it go (PC/SC part 5,
// SCardDisconnect).
type Disconnect int

// The ways to let a card go.
const (
	Leave   Disconnect = iota // as it is: polite to other programs
	Reset                     // warm reset: what the card opened is closed again
	Unpower                   // power off
)

// Transport is what a profile wants of the reader, beside commands. A zero
// Transport wants nothing.
type Transport struct {
	// Exclusive keeps other programs away from the card until it is let go.
	Exclusive bool
	// Disconnect is what becomes of the card afterwards.
	Disconnect Disconnect
	// ColdReset asks that a try after a failed read begins with power off and on.
	ColdReset bool
}

// A Channel may do more than Transmit. What it has of these methods, the engine uses:
//
//	SetTransport(Transport)                                    once, right after the card was recognised
//	Yield(ctx context.Context, f func(context.Context) error) error
//
// Yield lets other programs at the card while f runs (SCardEndTransaction), takes the
// card again and returns f's error; the engine selects anew what it needs. When the
// card leaves meanwhile, the context of f ends and Yield returns an error that wraps
// drivers.ErrCardRemoved. A channel around another one has Unwrap() Channel.

// method finds a method that a channel has, or one that it wraps.
func method[T any](ch Channel) (T, bool) {
	for {
		if found, ok := ch.(T); ok {
			return found, true
		}
		outer, ok := ch.(interface{ Unwrap() Channel })
		if !ok {
			var none T
			return none, false
		}
		ch = outer.Unwrap()
	}
}

// setTransport tells the channel what the profile wants.
func setTransport(ch Channel, t Transport) {
	if c, ok := method[interface{ SetTransport(Transport) }](ch); ok {
		c.SetTransport(t)
	}
}

// yield runs f while the card is not held.
func yield(ctx context.Context, ch Channel, f func(context.Context) error) error {
	if c, ok := method[interface {
		Yield(context.Context, func(context.Context) error) error
	}](ch); ok {
		return c.Yield(ctx, f)
	}
	return f(ctx)
}

// wanted is what the transport keys of a profile say to the reader.
func (t transport) wanted() Transport {
	return Transport{Exclusive: t.Exclusive, Disconnect: disconnects[t.Disconnect], ColdReset: t.ColdReset == "on-fail"}
}

var disconnects = map[disconnectWord]Disconnect{"": Leave, "leave": Leave, "reset": Reset, "unpower": Unpower}
