// Package pcsc reads smart cards in PC/SC readers: pcscd with libpcsclite on
// Linux, the Smart Card service on Windows. It knows readers, presence and
// transport; what a card says is decoded by the function in [Config].
//
// Who runs what, and what flows between them:
//
//	watch (service.go)   one goroutine, one PC/SC context: waits for changes, never touches a card
//	  │ snapshots        the list of readers with their states; or why the service is lost
//	  ▼
//	Run (run.go)         owns the readers: starts and ends them
//	  │ reader states    the latest one counts: it carries an insertion counter
//	  ▼
//	reader (reader.go)   one goroutine per reader: Attached, Presented, Removed, Detached
//	  │
//	  ▼
//	session (session.go) one goroutine per presented card: tries until it is read or given up (policy.go)
//	  │ a try
//	  ▼
//	link (link.go)       one goroutine and one PC/SC context per try, decoder included: the only place
//	                     that can be stuck
//
// PC/SC calls on a card cannot be cancelled (SCardCancel ends SCardGetStatusChange
// only). A link therefore does all work on a card in a goroutine of its own; the session
// waits with a context and limits. A link that is stuck with a mute card is left
// behind; it ends by itself when the card leaves or the service ends, and no
// further card is tried in that reader before it has, which a fault says. Other readers
// have contexts of their own and go on. [Driver.Run] waits a
// short while for such a link and then returns without it.
//
// A suspended machine forgets PC/SC contexts: the watcher notices the gap between wall
// clock and monotonic clock and takes a new one (suspend.go). Contacts that make and
// break are waited out (bounce.go). A service that lost sight of a card is made to look again
// (blind.go); one that hangs is a fault, since only its restart helps.
//
// On Windows the process does not start without winscard.dll, which Windows has
// wherever there can be a reader.
//
// Standards: PC/SC Workgroup specification, part 5 (resource manager) and part 3
// (contactless ATR); ISO/IEC 7816-3 and 7816-4.
package pcsc

import (
	"context"
	"log/slog"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// Name is the driver's name in configuration and events.
const Name = "pcsc"

// Config says how the driver reads.
type Config struct {
	// Read decodes one presented card, usually (*card.Engine).Read. It runs
	// inside a PC/SC transaction, starts from a selected nothing, and may be
	// called again for the same card when another program reset it. The channel
	// also has SetTransport and Yield (see package card). Once its context has ended Read
	// is not waited for; it should return soon. A card it does not know is a Read
	// with drivers.MediumUnknown, not an error. The driver sets ID, Time, Reader
	// and Simulated of what it returns.
	Read func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error)
	// Logger receives what hospital IT may want to see, never card contents;
	// nil discards it.
	Logger *slog.Logger
}

// Driver watches all PC/SC readers of the machine. It implements
// [drivers.Driver].
type Driver struct {
	read   func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error)
	log    *slog.Logger
	limits limits
	now    func() moment
}

// limits bound what cannot be cancelled. They are fields so that tests need not
// wait as long as a hospital does.
type limits struct {
	apdu    time.Duration // one SCardTransmit; slow cards need 2 to 3 s for a signature, readers give up after about 10
	connect time.Duration // SCardConnect, which may reset the card, and SCardBeginTransaction
	stable  time.Duration // presence without a break that ends bouncing
	settle  time.Duration // from a failed command to the event that says the card left
	grace   time.Duration // for stuck calls when Run ends
	watch   time.Duration // longest wait of the watcher, which then shows that the service answers
	hung    time.Duration // silence of the watcher that means that the service hangs
}

// New returns a driver that is not running yet.
func New(cfg Config) *Driver {
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{
		read: cfg.Read,
		log:  log.With("driver", Name),
		now:  now,
		limits: limits{
			apdu:    10 * time.Second,
			connect: 3 * time.Second,
			stable:  300 * time.Millisecond,
			settle:  600 * time.Millisecond, // vpcd is polled every 400 ms
			grace:   2 * time.Second,
			watch:   30 * time.Second,
			hung:    time.Minute,
		},
	}
}

// Name returns "pcsc".
func (d *Driver) Name() string { return Name }
