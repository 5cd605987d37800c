//go:build cgo

package usb

import (
	"context"

	"cardferry/drivers/idcard"

	"github.com/google/gousb"
)

// plain carries whole frames over one pair of endpoints. It implements
// [idcard.Transport].
type plain struct {
	l   *link
	out gousb.EndpointDesc
	in  *pipe
	dec idcard.Decoder
}

func openPlain(l *link) (idcard.Transport, error) {
	in, err := l.pump(l.endpoints(gousb.EndpointDirectionIn)[0])
	if err != nil {
		return nil, err
	}
	out := l.endpoints(gousb.EndpointDirectionOut)
	if len(out) == 0 {
		return nil, errNoData
	}
	return &plain{l: l, out: out[0], in: in}, nil
}

// Exchange implements [idcard.Transport]. A damaged frame need not be the answer: noise
// may have come before it, so for a moment a whole one is still waited for.
func (p *plain) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	p.in.drain()
	p.dec.Reset()
	if err := p.l.write(ctx, p.out, frame); err != nil {
		return nil, writeError(err)
	}
	var damaged error
	for {
		answer, err := p.dec.Next()
		if answer != nil {
			return answer, nil
		}
		if err != nil {
			if damaged == nil {
				damaged = err
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, betweenBytes)
				defer cancel()
			}
			continue
		}
		packet, err := p.in.next(ctx, p.dec.Pending())
		switch {
		case damaged != nil && idcard.WireError(err):
			return nil, damaged
		case err != nil:
			return nil, err
		}
		_, _ = p.dec.Write(packet)
	}
}

// next returns the next packet. Pending says that a frame has begun.
func (p *pipe) next(ctx context.Context, pending bool) ([]byte, error) {
	ctx, cancel := within(ctx, pending)
	defer cancel()
	select {
	case packet, ok := <-p.packets:
		if !ok {
			return nil, p.why
		}
		return packet, nil
	case <-ctx.Done():
		return nil, readError(ctx, pending)
	}
}
