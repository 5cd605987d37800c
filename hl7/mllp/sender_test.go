package mllp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/hl7"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// adt is a small message with the control id given.
func adt(id string) string {
	return "MSH|^~\\&|HIS|H|GW|R|20260102030405+0800||ADT^A01^ADT_A01|" + id + "|P|2.5.1\rEVN|A01\rPID|1||7||DOE^JOHN\r"
}

// accept is a handler as the gateway has one, without the store: unreadable
// messages get a NAK, acknowledgements nothing, the rest AA.
func accept(_ context.Context, msg []byte, _ Peer) Reply {
	m, err := hl7.Parse(msg, hl7.Options{})
	if err != nil {
		return Reply{ACK: hl7.NAK(msg, err, hl7.AckInfo{Now: time.Now()})}
	}
	if m.IsAck() {
		return Reply{}
	}
	return Reply{ACK: hl7.ACK(msg, hl7.AckInfo{Code: hl7.AA, Now: time.Now()})}
}

// ends collects why connections ended.
type ends chan Cause

func (e ends) record(_ Peer, c Cause) { e <- c }

// serve starts s on loopback and stops it at the end of the test.
func serve(t testing.TB, s *Server) (addr string, e ends) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e = make(ends, 1000)
	heard := s.OnEnd
	s.OnEnd = func(p Peer, c Cause) {
		if heard != nil {
			heard(p, c)
		}
		e.record(p, c)
	}
	if s.Handler == nil {
		s.Handler = accept
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String(), e
}

// sender is a test's side of a connection.
type sender struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, addr string) *sender {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &sender{t, conn, bufio.NewReader(conn)}
}

func (s *sender) write(b string) {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, b); err != nil {
		s.t.Fatal(err)
	}
}

// ack reads one canonical frame and returns MSA-1 and MSA-2.
func (s *sender) ack() (code, id string) {
	s.t.Helper()
	frame, err := s.r.ReadString(endBlock)
	if err != nil {
		s.t.Fatalf("reading an acknowledgement: %v (have %q)", err, frame)
	}
	if cr, err := s.r.ReadByte(); err != nil || cr != endData {
		s.t.Fatalf("frame does not end with CR: %q %v", cr, err)
	}
	if frame[0] != startBlock || !strings.HasSuffix(frame, "\r\x1c") {
		s.t.Fatalf("not a canonical frame: %q", frame)
	}
	m, err := hl7.Parse([]byte(frame[1:len(frame)-1]), hl7.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	msa, _ := m.Segment("MSA", 1)
	return msa.Field(1).Text(), string(msa.Field(2).Raw())
}

func (s *sender) wantAck(code, id string) {
	s.t.Helper()
	if c, i := s.ack(); c != code || i != id {
		s.t.Fatalf("acknowledgement %s %q, want %s %q", c, i, code, id)
	}
}

// wantEnd waits for the server to close without another byte.
func (s *sender) wantEnd() {
	s.t.Helper()
	if b, err := io.ReadAll(s.r); len(b) > 0 || err != nil && !isReset(err) {
		s.t.Fatalf("got %d bytes and %v, want the end", len(b), err)
	}
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func (e ends) want(t testing.TB, cause Cause) {
	t.Helper()
	if got := <-e; got != cause {
		t.Fatalf("connection ended with %s, want %s", got, cause)
	}
}

// pipeListener hands out connections made by a test.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
