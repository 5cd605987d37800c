//go:build cgo

package usb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cardferry/drivers/idcard"

	"github.com/google/gousb"
)

// betweenBytes is the longest pause inside one frame.
const betweenBytes = 500 * time.Millisecond

// framing is a way of carrying SAM frames over USB.
type framing struct {
	name string
	// open returns a transport over the link.
	open func(l *link) (idcard.Transport, error)
}

// framings returns what may be right for an interface, the likeliest first: a bulk
// pair carries whole frames; two pairs the header and the rest of each; HID the
// envelope of Miaxis readers.
func framings(in, out []gousb.EndpointDesc, class gousb.Class) []framing {
	switch {
	case class == gousb.ClassHID && len(in) > 0:
		return []framing{{"envelope", openEnvelope}, {"plain", openPlain}}
	case len(in) >= 2 && len(out) >= 2:
		return []framing{{"four pipes", openSplit}, {"plain", openPlain}}
	case len(in) > 0 && len(out) > 0:
		return []framing{{"plain", openPlain}}
	default:
		return nil
	}
}

// serveIDReader finds out how the reader wants its frames and watches it until the
// wire or the reader fails. Each session tries one framing, so that whatever a wrong
// one left behind in the reader goes with the session; the next tries the next.
func (k *keeper) serveIDReader(ctx context.Context, l *link) error {
	all := framings(l.endpoints(gousb.EndpointDirectionIn), l.endpoints(gousb.EndpointDirectionOut), l.intf.Setting.Class)
	if len(all) == 0 {
		return fmt.Errorf("no endpoints for SAM frames: %w", errNoData)
	}
	f := all[k.framing%len(all)]
	t, err := f.open(l)
	if err != nil {
		return err
	}
	session := idcard.NewSession(t)
	if err := check(ctx, session); err != nil {
		if idcard.WireError(err) {
			k.framing++
		}
		return fmt.Errorf("%s framing: %w", f.name, err)
	}
	sam, err := session.SAMNumber(ctx)
	if err != nil {
		sam = "not told"
	}
	k.log.Info("ID-card reader answers", "framing", f.name, "sam", sam)
	k.works()
	w := &idcard.Watcher{Session: session, Reader: k.reader, Options: k.d.cfg.Disclose}
	return w.Run(ctx, k.send)
}

// check asks for the SAM's self test. A SAM that fails it is reset once. The first
// answer may be one that waited since before the device was ours, so it asks twice.
func check(ctx context.Context, session *idcard.Session) error {
	err := session.Check(ctx, 2)
	var se *idcard.StatusError
	if errors.As(err, &se) {
		if err = session.Reset(ctx); err == nil {
			err = session.Check(ctx, 1)
		}
	}
	return err
}

// readError says why nothing more comes from a pipe, or out of it in time.
func readError(ctx context.Context, pending bool) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case pending:
		return idcard.ErrTorn
	default:
		return idcard.ErrNoAnswer
	}
}

// writeError is readError for a request that the reader does not take.
func writeError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (it does not take the request)", idcard.ErrNoAnswer)
	}
	return err
}

// within bounds the pause inside a frame, once one has begun.
func within(ctx context.Context, pending bool) (context.Context, context.CancelFunc) {
	if pending {
		return context.WithTimeout(ctx, betweenBytes)
	}
	return ctx, func() {}
}
