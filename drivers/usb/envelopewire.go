//go:build cgo

package usb

import (
	"context"

	"cardferry/drivers/idcard"

	"github.com/google/gousb"
)

// envelope carries frames in HID reports. It implements [idcard.Transport].
type envelope struct {
	l   *link
	out *gousb.EndpointDesc // nil: by SET_REPORT
	in  *pipe
}

func openEnvelope(l *link) (idcard.Transport, error) {
	in, err := l.pump(l.endpoints(gousb.EndpointDirectionIn)[0])
	if err != nil {
		return nil, err
	}
	e := &envelope{l: l, in: in}
	if out := l.endpoints(gousb.EndpointDirectionOut); len(out) > 0 {
		e.out = &out[0]
	}
	return e, nil
}

// Exchange implements [idcard.Transport].
func (e *envelope) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	e.in.drain()
	for _, report := range wrap(frame) {
		if err := e.write(ctx, report); err != nil {
			return nil, writeError(err)
		}
	}
	var o opener
	for {
		packet, err := e.in.next(ctx, o.pending())
		if err != nil {
			return nil, err
		}
		if answer, err := o.add(packet); answer != nil || err != nil {
			return answer, err
		}
	}
}

func (e *envelope) write(ctx context.Context, report []byte) error {
	if e.out != nil {
		return e.l.write(ctx, *e.out, report)
	}
	return e.l.classRequest(hidSetReport, outputReport<<8, report)
}
