package mllp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"cardferry/hl7"
)

// Why a message was not acknowledged. None of them says that the receiver does
// not have it: send it again with the same MSH-10.
var (
	ErrAckTimeout = errors.New("no acknowledgement in time; the connection was closed so that a late one cannot be taken for the next message's")
	ErrPeerClosed = errors.New("the receiver closed the connection without an acknowledgement")
)

// Ack is a receiver's answer.
type Ack struct {
	Code      hl7.AckCode // MSA-1
	ControlID []byte      // MSA-2 as sent
	Text      string      // MSA-3; a receiver may have put patient data in it
	Raw       []byte      // the whole message
	Ignored   int         // other messages that came before it
}

// Client sends messages to one receiver over one connection that it keeps. It is
// safe for concurrent use; messages go one at a time, in the order of the calls.
type Client struct {
	Addr string      // host:port
	TLS  *tls.Config // nil is plain TCP; TLS 1.2 is the minimum whatever it says

	Dial   time.Duration // to connect, TLS included; 10 s
	AckFor time.Duration // to wait for the acknowledgement; 30 s
	MaxAck int           // bytes; 1 MB

	mu     sync.Mutex
	conn   net.Conn
	framer Framer
	inbox  [][]byte
}

const (
	defaultDial = 10 * time.Second
	defaultAck  = 30 * time.Second
	defaultSize = 1 << 20
)

// Send sends msg over a connection of its own and waits for the acknowledgement.
func Send(ctx context.Context, addr string, config *tls.Config, msg []byte) (Ack, error) {
	c := Client{Addr: addr, TLS: config}
	ack, err := c.Send(ctx, msg)
	return ack, errors.Join(err, c.Close())
}

// Send sends one message and waits for the acknowledgement whose MSA-2 is its
// MSH-10, byte for byte; what else arrives is ignored and counted. Negative
// answers are answers, not errors. A message that wants no accept acknowledgement
// (MSH-15 NE) returns at once with an empty Code. After an error the connection
// is closed and the next call dials again.
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
	kept := c.conn != nil
	ack, err := c.exchange(ctx, m)
	if errors.Is(err, ErrPeerClosed) && kept && ack.Ignored == 0 && ctx.Err() == nil {
		ack, err = c.exchange(ctx, m)
	}
	return ack, err
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

// exchange writes m and waits for its acknowledgement. The connection survives
// only a full exchange.
func (c *Client) exchange(ctx context.Context, m *hl7.Message) (Ack, error) {
	if err := c.dial(ctx); err != nil {
		return Ack{}, err
	}
	conn := c.conn // hangUp takes it away while the function below may still run
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	ack, err := c.roundTrip(ctx, m)
	// If ctx ended meanwhile, its deadline may be about to hit the connection.
	if ended := !stop(); err != nil || ended {
		_ = c.hangUp() // the reason for hanging up is the error to report
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("mllp: sending to %s: %w", c.Addr, ctx.Err())
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
		return fmt.Errorf("mllp: connecting: %w", err)
	}
	if c.TLS != nil {
		config := c.TLS.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
		if config.ServerName == "" && !config.InsecureSkipVerify {
			if config.ServerName, _, err = net.SplitHostPort(c.Addr); err != nil {
				return errors.Join(fmt.Errorf("mllp: connecting: %w", err), conn.Close())
			}
		}
		t := tls.Client(conn, config)
		if err := t.HandshakeContext(ctx); err != nil {
			return errors.Join(fmt.Errorf("mllp: TLS with %s: %w", c.Addr, err), conn.Close())
		}
		conn = t
	}
	c.conn, c.inbox = conn, nil
	c.framer = Framer{Max: positive(c.MaxAck, defaultSize)}
	return nil
}

func (c *Client) roundTrip(ctx context.Context, m *hl7.Message) (Ack, error) {
	deadline := time.Now().Add(positive(c.AckFor, defaultAck))
	if err := errors.Join(c.conn.SetWriteDeadline(deadline), ctx.Err()); err != nil {
		return Ack{}, c.explain(err)
	}
	if _, err := c.conn.Write(AppendFrame(nil, m.Bytes())); err != nil {
		return Ack{}, c.explain(err)
	}
	if m.AckMode().Accept == hl7.Never {
		return Ack{}, nil
	}
	var ack Ack
	for {
		raw, err := c.receive(ctx, deadline)
		if err != nil {
			return ack, c.explain(err)
		}
		if ack.match(raw, m.ControlID()) {
			return ack, nil
		}
		ack.Ignored++
	}
}

// match fills the ack from raw if it acknowledges id.
func (a *Ack) match(raw, id []byte) bool {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return false
	}
	msa, ok := m.Segment("MSA", 1)
	if !ok || !bytes.Equal(msa.Field(2).Raw(), id) {
		return false
	}
	a.Code, a.ControlID, a.Text, a.Raw = hl7.AckCode(msa.Field(1).Text()), msa.Field(2).Raw(), msa.Field(3).Text(), raw
	return true
}

// receive is the next message from the receiver.
func (c *Client) receive(ctx context.Context, deadline time.Time) ([]byte, error) {
	emit := func(msg []byte) error { c.inbox = append(c.inbox, msg); return nil }
	buf := make([]byte, 4096)
	for len(c.inbox) == 0 {
		until := deadline
		if c.framer.Pending() {
			if soon := time.Now().Add(grace); soon.Before(deadline) {
				until = soon
			}
		}
		// The deadline may undo the one that the end of ctx has set.
		if err := errors.Join(c.conn.SetReadDeadline(until), ctx.Err()); err != nil {
			return nil, err
		}
		n, err := c.conn.Read(buf)
		if ferr := c.framer.Feed(buf[:n], emit); ferr != nil {
			return nil, ferr
		}
		if err == nil {
			continue
		}
		if c.framer.Pending() {
			if ferr := c.framer.Flush(emit); ferr != nil {
				return nil, ferr
			}
		}
		if len(c.inbox) == 0 {
			return nil, err
		}
	}
	msg := c.inbox[0]
	c.inbox = c.inbox[1:]
	return msg, nil
}

// explain turns a network error into what it means for the message.
func (c *Client) explain(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("mllp: %s: %w", c.Addr, ErrAckTimeout)
	case isFraming(err):
		return fmt.Errorf("mllp: answer of %s: %w", c.Addr, err)
	}
	return fmt.Errorf("mllp: %s: %w (%w)", c.Addr, ErrPeerClosed, err)
}

func isFraming(err error) bool {
	for _, target := range [...]error{ErrTooLarge, ErrGarbage, ErrUnframed, ErrHTTP, ErrTLS} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
