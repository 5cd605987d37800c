package outbound

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// receiver is one connection at a receiver that a test plays itself.
type receiver struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func newReceiver(t testing.TB, ln net.Listener) *receiver {
	t.Helper()
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &receiver{t, conn, bufio.NewReader(conn)}
}

// read is the next message, which must be framed canonically.
func (r *receiver) read() string {
	r.t.Helper()
	frame, err := r.r.ReadString(0x1c)
	if err != nil {
		r.t.Fatal(err)
	}
	if cr, err := r.r.ReadByte(); err != nil || cr != '\r' || !strings.HasPrefix(frame, "\x0b") {
		r.t.Fatalf("not a canonical frame: %q %q %v", frame, cr, err)
	}
	return frame[1 : len(frame)-1]
}

func (r *receiver) write(msg string) { r.raw("\x0b" + msg + "\x1c\r") }

func (r *receiver) raw(b string) {
	r.t.Helper()
	if _, err := io.WriteString(r.conn, b); err != nil {
		r.t.Fatal(err)
	}
}

// ended waits for the sender to hang up without another byte.
func (r *receiver) ended() {
	r.t.Helper()
	if b, err := io.ReadAll(r.r); err != nil || len(b) > 0 {
		r.t.Fatalf("got %d bytes and %v, want the end", len(b), err)
	}
}

func (r *receiver) close() { _ = r.conn.Close() }

func (r *receiver) reset() {
	if err := r.conn.(*net.TCPConn).SetLinger(0); err != nil {
		r.t.Fatal(err)
	}
	r.close()
}
