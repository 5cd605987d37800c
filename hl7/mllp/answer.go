package mllp

import (
	"context"
	"io"
	"time"

	"cardferry/hl7"
)

const (
	lingerTime = 2 * time.Second
	maxLinger  = 64 << 20
)

// answer queues a reply's frames and does what the reply wants done then.
func (c *conn) answer(ctx context.Context, r Reply) error {
	if r.ACK == nil && len(r.Also) == 0 {
		c.server.counters.silent.Add(1)
	}
	if r.ACK != nil && c.send(r.ACK) != nil {
		return &endedError{WriteFailed}
	}
	for _, msg := range r.Also {
		if c.send(msg) != nil {
			return &endedError{WriteFailed}
		}
	}
	switch r.Then {
	case Withhold:
		if c.out.flush() != nil {
			return &endedError{WriteFailed}
		}
		c.hold(ctx)
		return &endedError{Withheld}
	case Close:
		return &endedError{HandlerClosed}
	}
	return nil
}

func (c *conn) send(msg []byte) error {
	c.server.counters.answered(msg)
	return c.out.add(msg)
}

// hold keeps the connection open without reading, so that the sender neither
// gets an answer nor a reason to reconnect at once.
func (c *conn) hold(ctx context.Context) {
	pause(ctx, positive(c.server.Withhold, defaultHold))
}

// tooLarge refuses a message over the limit, if its header can be read; the
// connection ends because the rest of the frame is not worth waiting for.
func (c *conn) tooLarge(ctx context.Context) {
	head := c.framer.Fragment()
	c.fragment(head)
	head = head[:min(len(head), maxFragment)]
	if _, err := hl7.Parse(head, hl7.Options{}); err != nil {
		return
	}
	if c.send(hl7.NAK(head, hl7.ErrTooLarge, hl7.AckInfo{Now: time.Now()})) == nil && c.out.flush() == nil {
		c.linger(ctx)
	}
}

// linger lets the peer read the last answer: closing with unread bytes would
// reset the connection and take the answer with it.
func (c *conn) linger(ctx context.Context) {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.net.SetReadDeadline(time.Now().Add(lingerTime)) != nil || ctx.Err() != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c.net, maxLinger) // what arrives is refused already
}
