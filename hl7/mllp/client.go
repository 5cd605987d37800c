package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"cardferry/hl7"
)

// Why a message was not acknowledged. None of them says that the receiver does
// not have it: send it again with the same MSH-10. Only after [ErrConnect] it was
// never sent, unless the receiver refused a TLS 1.3 certificate, which shows late.
var (
	ErrConnect    = errors.New("no connection to the receiver; check its address, that it listens, and the TLS settings of both sides")
	ErrAckTimeout = errors.New("no acknowledgement in time; the connection was closed so that a late one cannot be taken for the next message's")
	ErrPeerClosed = errors.New("the receiver closed the connection without an acknowledgement")
	ErrAckCode    = errors.New("the receiver's acknowledgement has no code of HL7 table 0008 in MSA-1; its vendor has to correct that")
	// ErrApplicationAckTimeout comes with the accept acknowledgement (CA): the
	// receiver has the message but did not say in time what became of it.
	ErrApplicationAckTimeout = errors.New("the receiver accepted the message and sent no application acknowledgement in time")
)

// Ack is a receiver's answer.
type Ack struct {
	Code      hl7.AckCode // MSA-1
	ControlID []byte      // MSA-2 as sent
	Text      string      // MSA-3; a receiver may have put patient data in it
	Raw       []byte      // the whole message
	Ignored   int         // other messages that came before it
	// Application is the application acknowledgement (AA, AE, AR), if one was
	// awaited besides the accept acknowledgement and came.
	Application *Ack
}

// Client sends messages to one receiver over one connection that it keeps. It is
// safe for concurrent use; messages go one at a time, in the order of the calls.
type Client struct {
	Addr string      // host:port
	TLS  *tls.Config // nil is plain TCP; TLS 1.2 is the minimum whatever it says

	Dial   time.Duration // to connect, TLS included; 10 s
	AckFor time.Duration // to wait for the acknowledgement; 30 s
	// ApplicationAckFor is how long to wait for the application acknowledgement that
	// a message asks for in MSH-16, on the same connection and from the accept
	// acknowledgement on. 0 does not wait: it comes another way.
	ApplicationAckFor time.Duration
	MaxAck            int // bytes; 1 MB

	mu     sync.Mutex
	conn   net.Conn
	in     reader
	framer Framer
	inbox  [][]byte
	buf    []byte // for reading
	frame  []byte // for writing

	dials, roundTrips, ignored, timeouts atomic.Uint64
}

// ClientStats are a client's counters since it was made.
type ClientStats struct {
	RoundTrips uint64 // messages sent whose answers, as far as awaited, all came
	Reconnects uint64 // connections made after the first
	Ignored    uint64 // late, repeated and foreign answers
	Timeouts   uint64 // messages given up for want of an answer
}

const (
	defaultDial = 10 * time.Second
	defaultAck  = 30 * time.Second
	defaultSize = 1 << 20
	clientRead  = 4 << 10
	// glance is how long to look whether a kept connection is still there.
	glance = time.Millisecond
)

// Send sends msg over a connection of its own and waits for the acknowledgement.
func Send(ctx context.Context, addr string, config *tls.Config, msg []byte) (Ack, error) {
	c := Client{Addr: addr, TLS: config}
	ack, err := c.Send(ctx, msg)
	return ack, errors.Join(err, c.Close())
}

// Send sends one message and waits for the acknowledgement whose MSA-2 is its
// MSH-10, byte for byte; what else arrives is ignored and counted. Negative
// answers are answers, not errors. After an error the connection is closed and
// the next call dials again; the Ack that comes with the error is what did arrive.
//
// In enhanced mode (HL7 v2.9, 2.9.3) MSH-15 says whether an accept
// acknowledgement is awaited, and MSH-16 together with ApplicationAckFor whether
// an application acknowledgement is. Where nothing is, Send returns at once with
// an empty Code; where one is wanted only for an error (ER), silence is success.
// A receiver that answers with an application acknowledgement alone has said all.
//
// If a kept connection turns out to have been closed by the receiver before it
// said anything, the message is sent once more over a new one.
func (c *Client) Send(ctx context.Context, msg []byte) (Ack, error) {
	m, err := hl7.Parse(msg, hl7.Options{})
	if err != nil {
		return Ack{}, fmt.Errorf("mllp: refusing to send: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.awaited(m.AckMode())
	kept := c.conn != nil
	if kept && !w.any() && !c.stillThere(ctx) {
		_ = c.hangUp() // its end was the receiver's
		kept = false
	}
	ack, err := c.exchange(ctx, m, w)
	if errors.Is(err, ErrPeerClosed) && kept && ack.Ignored == 0 && ack.Code == "" && ctx.Err() == nil {
		ack, err = c.exchange(ctx, m, w)
	}
	return ack, err
}

// Stats is a snapshot of the counters. It is safe for concurrent use.
func (c *Client) Stats() ClientStats {
	return ClientStats{
		RoundTrips: c.roundTrips.Load(), Reconnects: max(c.dials.Load(), 1) - 1,
		Ignored: c.ignored.Load(), Timeouts: c.timeouts.Load(),
	}
}

// Close closes the connection. The client can be used again.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hangUp()
}

func (c *Client) hangUp() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn, c.inbox = nil, nil
	return err
}

// exchange writes m and waits for its answers. The connection survives only a
// full exchange.
func (c *Client) exchange(ctx context.Context, m *hl7.Message, w awaited) (Ack, error) {
	if err := c.dial(ctx); err != nil {
		return Ack{}, err
	}
	conn := c.conn // hangUp takes it away while the function below may still run
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	ack, err := c.roundTrip(ctx, m, w)
	// If ctx ended meanwhile, its deadline may be about to hit the connection.
	if ended := !stop(); err != nil || ended {
		_ = c.hangUp() // the reason for hanging up is the error to report
	}
	c.ignored.Add(uint64(ack.Ignored))
	switch {
	case err == nil:
		c.roundTrips.Add(1)
	case ctx.Err() != nil:
		err = fmt.Errorf("mllp: sending to %s: %w", c.Addr, ctx.Err())
	case errors.Is(err, ErrAckTimeout), errors.Is(err, ErrApplicationAckTimeout):
		c.timeouts.Add(1)
	}
	return ack, err
}

func (c *Client) dial(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, positive(c.Dial, defaultDial))
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("mllp: %w: %w", ErrConnect, err)
	}
	if c.TLS != nil {
		if conn, err = c.secure(ctx, conn); err != nil {
			return fmt.Errorf("mllp: %w: TLS with %s: %w", ErrConnect, c.Addr, err)
		}
	}
	c.dials.Add(1)
	c.conn, c.in, c.inbox = conn, reader{conn: conn}, nil
	c.framer = Framer{Max: positive(c.MaxAck, defaultSize)}
	return nil
}

// secure makes a TLS connection of conn, or closes it.
func (c *Client) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := c.TLS.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if config.ServerName == "" && !config.InsecureSkipVerify {
		var err error
		if config.ServerName, _, err = net.SplitHostPort(c.Addr); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	t := tls.Client(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return t, nil
}
