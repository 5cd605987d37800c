package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Action is what happens to the connection after a reply.
type Action uint8

// The actions.
const (
	Continue Action = iota // read the next message
	// Withhold reads nothing more and keeps the connection open for the server's
	// Withhold time, then closes it: the sender runs into its own time-out and
	// sends again. For messages that could not be made durable.
	Withhold
	Close // close now
)

// Reply is a handler's answer.
type Reply struct {
	ACK []byte // the acknowledgement message, unframed; nil sends none
	// Also are messages to send right behind ACK, unframed and in order: the
	// application acknowledgement that follows an accept acknowledgement in
	// enhanced mode, for one. Each is a frame of its own and counted by its MSA-1.
	Also [][]byte
	Then Action
}

// Handler takes one message in and returns its acknowledgement. It is called for
// one message of a connection at a time, in order, and for many connections at
// once; the next message is not looked at before it returned, so it answers only
// after the message is durable. It owns msg. The context ends when the server
// was told to stop and the drain time is over.
type Handler func(ctx context.Context, msg []byte, peer Peer) Reply

// Server listens for MLLP senders. Set the fields before Serve and do not change
// them; zero values take the defaults named.
type Server struct {
	Handler Handler // required

	// TLS makes this a TLS port; set ClientAuth to tls.RequireAndVerifyClientCert and
	// ClientCAs for mutual TLS. GetCertificate and GetConfigForClient are asked for
	// every connection, so certificates can change while the server runs. Whatever
	// either says, TLS 1.2 is the minimum and a client certificate that was not
	// verified is refused.
	TLS *tls.Config
	// Allow lists the networks senders may connect from; empty allows all.
	Allow []netip.Prefix

	MaxMessage int // bytes; DefaultMaxMessage
	// MaxPartial limits the bytes of unfinished messages over 32 KB on all
	// connections together; above it the one that holds most ends. 8 × MaxMessage.
	MaxPartial int
	MaxConns   int           // connections at a time; 256
	Rate       float64       // messages per second on one connection; 0 no limit
	Idle       time.Duration // between messages; 0 no limit (TCP keep-alive finds dead peers)
	Frame      time.Duration // longest pause inside a frame, also for the TLS handshake; 30 s
	Write      time.Duration // for the peer to take an acknowledgement; 10 s
	Withhold   time.Duration // how long a withheld sender waits; 30 s
	Drain      time.Duration // for handlers to finish when Serve ends; 10 s

	// OnEnd, if set, hears why a connection ended or was refused.
	OnEnd func(peer Peer, cause Cause)
	// OnFragment, if set, receives up to 64 KB of a frame that was begun and never
	// ended. It must not keep the slice, and what it does with it is subject to
	// the same protection as any message.
	OnFragment func(peer Peer, fragment []byte)

	counters counters
	partials partials
	conns    sync.WaitGroup
	serial   uint64
}

const (
	defaultConns  = 256
	defaultFrame  = 30 * time.Second
	defaultWrite  = 10 * time.Second
	defaultDrain  = 10 * time.Second
	defaultHold   = 30 * time.Second
	maxFragment   = 64 << 10
	acceptRetries = 10
)

// ErrNoHandler is returned by Serve when the server has no handler.
var ErrNoHandler = errors.New("mllp server has no handler")

// Stats is a snapshot of the counters. It is safe for concurrent use.
func (s *Server) Stats() Stats { return s.counters.snapshot() }

// Serve accepts connections on ln until ctx ends, then closes ln, lets handlers
// finish and their acknowledgements leave for the drain time, and returns nil.
// It fails only when ln does.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	if s.Handler == nil {
		return ErrNoHandler
	}
	var config *tls.Config
	if s.TLS != nil {
		config = s.TLS.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	}
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()

	handlers, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	err := s.accept(ctx, handlers, ln, config)
	_ = ln.Close() // it may be closed already
	s.drain(cancel)
	return err
}

// accept lets connections in until ctx ends or the listener fails for good.
func (s *Server) accept(ctx, handlers context.Context, ln net.Listener, config *tls.Config) error {
	failures := 0
	for {
		nc, err := ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = nc.Close()
			}
			return nil
		}
		if err != nil {
			// Out of file descriptors and the like pass; a closed listener does not.
			if failures++; errors.Is(err, net.ErrClosed) || failures > acceptRetries {
				return fmt.Errorf("mllp: accept: %w", err)
			}
			if !pause(ctx, time.Duration(failures)*50*time.Millisecond) {
				return nil
			}
			continue
		}
		failures = 0
		s.admit(ctx, handlers, nc, config)
	}
}

// pause waits and says whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// admit starts the goroutine of a connection or refuses it.
func (s *Server) admit(ctx, handlers context.Context, nc net.Conn, config *tls.Config) {
	s.serial++
	peer := Peer{Addr: addrPort(nc.RemoteAddr()), Conn: s.serial}
	if !s.allowed(peer.Addr.Addr()) {
		s.refuse(nc, peer, NotAllowed)
		return
	}
	if !s.counters.enter(positive(s.MaxConns, defaultConns)) {
		s.refuse(nc, peer, TooManyConnections)
		return
	}
	s.conns.Go(func() {
		defer s.counters.leave()
		c := &conn{server: s, net: nc, peer: peer}
		if s.Rate > 0 {
			c.limiter = rate.NewLimiter(rate.Limit(s.Rate), int(s.Rate)+1)
		}
		cause := c.run(ctx, handlers, config)
		s.end(c.peer, cause)
	})
}

func (s *Server) refuse(nc net.Conn, peer Peer, cause Cause) {
	_ = nc.Close() // nothing was exchanged
	s.end(peer, cause)
}

func (s *Server) end(peer Peer, cause Cause) {
	s.counters.ended(cause)
	if s.OnEnd != nil {
		s.OnEnd(peer, cause)
	}
}

// drain waits for the connections; when the time is over the handlers' context
// ends and with it they do.
func (s *Server) drain(cancel context.CancelFunc) {
	timer := time.AfterFunc(positive(s.Drain, defaultDrain), cancel)
	defer timer.Stop()
	s.conns.Wait()
}

func (s *Server) allowed(a netip.Addr) bool {
	if len(s.Allow) == 0 {
		return true
	}
	for _, p := range s.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// maxPartial is the limit for unfinished messages in bytes.
func (s *Server) maxPartial() int64 {
	return int64(positive(s.MaxPartial, 8*positive(s.MaxMessage, DefaultMaxMessage)))
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// positive is v, or def when v was not set.
func positive[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}
