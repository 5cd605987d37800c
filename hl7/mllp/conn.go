package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/time/rate"

	"cardferry/hl7"
)

// grace is how long after an FS its CR is waited for before the message counts
// as ended. The two nearly always arrive together.
const grace = 20 * time.Millisecond

const (
	readSize   = 32 << 10
	lingerTime = 2 * time.Second
	maxLinger  = 64 << 20
)

// conn is one connection at the server. Everything happens in one goroutine.
type conn struct {
	server  *Server
	net     net.Conn
	peer    Peer
	limiter *rate.Limiter
	framer  Framer
	held    int64 // bytes of an unfinished message, as counted in server.partial
	out     []byte
}

// endedError carries a cause through the framer.
type endedError struct{ cause Cause }

func (e *endedError) Error() string { return "mllp: connection ends: " + string(e.cause) }

// run serves the connection until it ends and says why. ctx ends reading;
// handlers ends the handlers.
func (c *conn) run(ctx, handlers context.Context, config *tls.Config) (cause Cause) {
	defer func() { _ = c.net.Close() }() // the cause is known by then
	defer func() {
		if recover() != nil { // the message was not acknowledged; the sender will repeat it
			cause = HandlerPanicked
		}
	}()
	tcp := c.net // the handshake puts its own in place
	stopClose := context.AfterFunc(handlers, func() { _ = tcp.Close() })
	defer stopClose()
	if config != nil {
		if !c.handshake(ctx, config) {
			return TLSHandshake
		}
	}
	nc := c.net
	stopRead := context.AfterFunc(ctx, func() { _ = nc.SetReadDeadline(time.Unix(1, 0)) })
	defer stopRead()

	c.framer.Max = c.server.MaxMessage
	c.framer.OnFragment = c.fragment
	defer func() { c.server.partial.Add(-c.held) }()
	emit := func(msg []byte) error { return c.message(ctx, handlers, msg) }
	buf := make([]byte, readSize)
	for {
		before := c.framer.Faults()
		err := c.step(ctx, buf, emit)
		c.server.counters.faults(c.framer.Faults(), before)
		if err == nil && c.account() {
			continue
		}
		if err == nil {
			c.fragment(c.framer.Fragment())
			return Overload
		}
		if cause := c.cause(ctx, err, emit); cause != "" {
			return cause
		}
	}
}

// account keeps the sum of unfinished messages and says whether this connection
// may go on collecting its own. Small ones always may.
func (c *conn) account() bool {
	now := int64(len(c.framer.Fragment()))
	total := c.server.partial.Add(now - c.held)
	c.held = now
	return now <= readSize || total <= c.server.maxPartial()
}

func (c *conn) handshake(ctx context.Context, config *tls.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, positive(c.server.Frame, defaultFrame))
	defer cancel()
	t := tls.Server(c.net, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return false
	}
	state := t.ConnectionState()
	c.net, c.peer.TLS = t, &state
	return true
}

// step reads once and handles what became complete.
func (c *conn) step(ctx context.Context, buf []byte, emit func([]byte) error) error {
	if err := c.net.SetReadDeadline(c.deadline()); err != nil {
		return err
	}
	if ctx.Err() != nil { // the deadline just set may have undone the one of draining
		return &endedError{Draining}
	}
	n, err := c.net.Read(buf)
	if n > 0 {
		if ferr := c.framer.Feed(buf[:n], emit); ferr != nil {
			return ferr
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && c.framer.Pending() {
		return c.framer.Flush(emit)
	}
	return err
}

func (c *conn) deadline() time.Time {
	switch {
	case c.framer.Pending():
		return time.Now().Add(grace)
	case c.framer.Partial():
		return time.Now().Add(positive(c.server.Frame, defaultFrame))
	case c.server.Idle > 0:
		return time.Now().Add(c.server.Idle)
	}
	return time.Time{}
}

// cause names an error. "" means that reading goes on.
func (c *conn) cause(ctx context.Context, err error, emit func([]byte) error) Cause {
	var ended *endedError
	switch {
	case errors.As(err, &ended):
		return ended.cause
	case errors.Is(err, ErrTooLarge):
		c.tooLarge(ctx)
		return TooLarge
	case errors.Is(err, ErrGarbage):
		return Garbage
	case errors.Is(err, ErrUnframed):
		return Unframed
	case errors.Is(err, ErrHTTP):
		return HTTPRequest
	case errors.Is(err, ErrTLS):
		return TLSOnPlainPort
	case ctx.Err() != nil:
		return Draining
	}
	partial, pending := c.framer.Partial(), c.framer.Pending()
	before := c.framer.Faults()
	ferr := c.framer.Close(emit)
	c.server.counters.faults(c.framer.Faults(), before)
	switch {
	case errors.As(ferr, &ended):
		return ended.cause
	case errors.Is(err, os.ErrDeadlineExceeded) && partial:
		return FrameTimeout
	case errors.Is(err, os.ErrDeadlineExceeded):
		return IdleTimeout
	case errors.Is(err, io.EOF) && (!partial || pending):
		return PeerClosed
	case partial && !pending:
		return PeerClosedMidFrame
	}
	return ReadFailed
}

// message hands one message to the handler and its answer to the peer.
func (c *conn) message(ctx, handlers context.Context, msg []byte) error {
	if ctx.Err() != nil { // not taken in: the sender repeats it
		return &endedError{Draining}
	}
	if c.limiter != nil {
		if err := c.limiter.Wait(ctx); err != nil {
			return &endedError{Draining}
		}
	}
	c.server.counters.message(len(msg))
	reply := c.server.Handler(handlers, msg, c.peer)
	if reply.ACK == nil && len(reply.Also) == 0 {
		c.server.counters.silent()
	}
	if err := c.answer(reply); err != nil {
		return &endedError{WriteFailed}
	}
	switch reply.Then {
	case Withhold:
		c.hold(ctx)
		return &endedError{Withheld}
	case Close:
		return &endedError{HandlerClosed}
	}
	return nil
}

// answer sends a reply's frames, each in one write.
func (c *conn) answer(r Reply) error {
	if r.ACK != nil {
		if err := c.send(r.ACK); err != nil {
			return err
		}
	}
	for _, msg := range r.Also {
		if err := c.send(msg); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) send(msg []byte) error {
	c.out = AppendFrame(c.out[:0], msg)
	if err := c.net.SetWriteDeadline(time.Now().Add(positive(c.server.Write, defaultWrite))); err != nil {
		return err
	}
	if _, err := c.net.Write(c.out); err != nil {
		return err
	}
	c.server.counters.answered(answerCode(msg))
	return nil
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
	nak := hl7.NAK(head, hl7.ErrTooLarge, hl7.AckInfo{Now: time.Now()})
	if c.send(nak) == nil {
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

func (c *conn) fragment(fragment []byte) {
	if c.server.OnFragment != nil {
		c.server.OnFragment(c.peer, fragment[:min(len(fragment), maxFragment)])
	}
}
