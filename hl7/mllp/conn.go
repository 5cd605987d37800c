package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// grace is how long after an FS its CR is waited for before the message counts
// as ended, if it does not look whole. The two nearly always arrive together.
const grace = 20 * time.Millisecond

const (
	smallRead = 4 << 10 // of every connection, idle ones too; most messages fit
	readSize  = 32 << 10
)

// bigBuffers are for connections that are in the middle of a longer message.
var bigBuffers = sync.Pool{New: func() any { b := make([]byte, readSize); return &b }}

// conn is one connection at the server. Everything happens in one goroutine,
// except that the outbox may write from a timer.
type conn struct {
	server  *Server
	net     net.Conn
	peer    Peer
	limiter *rate.Limiter
	in      reader
	small   []byte
	more    bool // the last read was full: more is probably waiting
	framer  Framer
	held    partial
	out     outbox
}

// endedError carries a cause through the framer.
type endedError struct{ cause Cause }

func (e *endedError) Error() string { return "mllp: connection ends: " + string(e.cause) }

// run serves the connection until it ends and says why. ctx ends reading;
// handlers ends the handlers.
func (c *conn) run(ctx, handlers context.Context, config *tls.Config) (cause Cause) {
	defer func() { _ = c.net.Close() }() // the cause is known by then
	tcp := c.net                         // the handshake puts its own in place
	stopClose := context.AfterFunc(handlers, func() { _ = tcp.Close() })
	defer stopClose()
	if config != nil {
		if cause := c.handshake(ctx, config); cause != "" {
			c.linger(ctx) // so that the peer reads the alert and can say why
			return cause
		}
	}
	ctx, c.held.end = context.WithCancelCause(ctx)
	defer c.held.end(nil)
	nc := c.net
	stopRead := context.AfterFunc(ctx, func() { _ = nc.SetReadDeadline(time.Unix(1, 0)) })
	defer stopRead()

	c.in.conn, c.small = nc, make([]byte, smallRead)
	c.out.conn, c.out.write = nc, positive(c.server.Write, defaultWrite)
	c.framer.Max = c.server.MaxMessage
	c.framer.OnFragment = c.fragment
	c.held.all = &c.server.partials
	defer c.held.set(0, 0)
	defer func() {
		if recover() != nil { // the message was not acknowledged; the sender will repeat it
			cause = HandlerPanicked
		}
		if c.out.end() != nil && cause != HandlerPanicked {
			cause = WriteFailed
		}
	}()
	return c.serve(ctx, handlers)
}

// serve reads, hands over and answers until something ends the connection.
func (c *conn) serve(ctx, handlers context.Context) Cause {
	emit := func(msg []byte) error { return c.message(ctx, handlers, msg) }
	for {
		before := c.framer.Faults()
		err := c.step(ctx, emit)
		c.server.counters.faults(c.framer.Faults(), before)
		if err != nil {
			return c.cause(ctx, err, emit)
		}
		if c.out.flush() != nil {
			return WriteFailed
		}
		c.held.set(int64(len(c.framer.Fragment())), c.server.maxPartial())
	}
}

// handshake makes the connection a TLS one. Whatever configuration was used for
// it, a version below 1.2 or a certificate that nobody verified ends it.
func (c *conn) handshake(ctx context.Context, config *tls.Config) Cause {
	ctx, cancel := context.WithTimeout(ctx, positive(c.server.Frame, defaultFrame))
	defer cancel()
	t := tls.Server(c.net, config)
	if err := t.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		var refused *tls.CertificateVerificationError
		switch {
		case errors.As(err, &plain):
			return PlainOnTLSPort
		case errors.As(err, &refused):
			return CertificateRefused
		}
		return TLSHandshake
	}
	state := t.ConnectionState()
	if state.Version < tls.VersionTLS12 {
		return TLSHandshake
	}
	if len(state.PeerCertificates) > 0 && len(state.VerifiedChains) == 0 {
		return CertificateRefused
	}
	c.net, c.peer.TLS = t, &state
	return ""
}

// step reads once and handles what became complete.
func (c *conn) step(ctx context.Context, emit func([]byte) error) error {
	buf := c.small
	if c.more || len(c.framer.Fragment()) >= smallRead {
		big := bigBuffers.Get().(*[]byte)
		defer bigBuffers.Put(big)
		buf = *big
	}
	n, err := c.in.read(ctx, buf, c.limit())
	c.more = n == len(buf)
	if n > 0 {
		if ferr := c.framer.Feed(buf[:n], emit); ferr != nil {
			return ferr
		}
	}
	switch {
	case err == nil && !c.more && c.framer.Whole(),
		errors.Is(err, os.ErrDeadlineExceeded) && c.framer.Pending() && ctx.Err() == nil:
		return c.framer.Flush(emit)
	}
	return err
}

// limit is how long to wait for the next bytes, 0 for ever.
func (c *conn) limit() time.Duration {
	switch {
	case c.framer.Pending():
		return grace
	case c.framer.Partial():
		return positive(c.server.Frame, defaultFrame)
	}
	return c.server.Idle
}

// cause names an error.
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
		return c.stopped(ctx)
	}
	var reset *os.SyscallError // as good as a close between messages; probes of load balancers do it
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
	case partial && !pending:
		return PeerClosedMidFrame
	case errors.Is(err, io.EOF), errors.As(err, &reset):
		return PeerClosed
	}
	return ReadFailed
}

// stopped is the cause for the end of ctx.
func (c *conn) stopped(ctx context.Context) Cause {
	if !errors.Is(context.Cause(ctx), errOverload) {
		return Draining
	}
	c.fragment(c.framer.Fragment())
	return Overload
}

// message hands one message to the handler and its answer to the peer.
func (c *conn) message(ctx, handlers context.Context, msg []byte) error {
	if ctx.Err() != nil { // not taken in: the sender repeats it
		return &endedError{c.stopped(ctx)}
	}
	c.out.soon() // the handler may take its time
	if c.limiter != nil {
		if err := c.limiter.Wait(ctx); err != nil {
			return &endedError{c.stopped(ctx)}
		}
	}
	c.server.counters.received(len(msg))
	c.held.handling(true)
	reply := c.server.Handler(handlers, msg, c.peer)
	c.held.handling(false)
	return c.answer(ctx, reply)
}

func (c *conn) fragment(fragment []byte) {
	if c.server.OnFragment != nil {
		c.server.OnFragment(c.peer, fragment[:min(len(fragment), maxFragment)])
	}
}
