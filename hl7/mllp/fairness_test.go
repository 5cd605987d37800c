package mllp

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"cardferry/hl7"
)

// TestNobodyIsHeldUp: what one connection does, or does not, is nothing to another.
func TestNobodyIsHeldUp(t *testing.T) {
	tests := []struct {
		name string
		hold func(t *testing.T, addr string)
	}{
		{"by a handler that is busy", func(t *testing.T, addr string) {
			s := dial(t, addr)
			s.write(frame("busy"))
			s.write(frame("behind"))
		}},
		{"by a sender in the middle of a frame", func(t *testing.T, addr string) { dial(t, addr).write("\x0b" + adt("slow")) }},
		{"by a sender in the middle of a large frame", func(t *testing.T, addr string) {
			dial(t, addr).write("\x0b" + adt("slow") + string(make([]byte, 2*readSize)))
		}},
		{"by a sender between FS and CR", func(t *testing.T, addr string) { dial(t, addr).write("\x0b" + unended("slow") + "\x1c") }},
		{"by a sender that does not read its answers", func(t *testing.T, addr string) {
			s := dial(t, addr)
			stream := []byte(frames(100))
			if err := s.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := s.conn.Write(stream); err != nil {
					return // the server no longer reads: its answers fill the buffers
				}
			}
		}},
		{"by one that has connected only", func(t *testing.T, addr string) { dial(t, addr) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			release := make(chan struct{})
			addr, _ := serve(t, &Server{Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
				m, err := hl7.Parse(msg, hl7.Options{})
				if err == nil && string(m.ControlID()) == "busy" {
					<-release
				}
				return accept(ctx, msg, p)
			}})
			defer close(release)
			for range 3 {
				tt.hold(t, addr)
			}
			s := dial(t, addr)
			for i := range 50 {
				s.write(frame(fmt.Sprint(i)))
				s.wantAck("AA", fmt.Sprint(i))
			}
		})
	}
	t.Run("by a peer that never finishes its TLS handshake", func(t *testing.T) {
		ca := newAuthority(t)
		addr, _ := serve(t, tlsServer(t, ca))
		if _, err := io.WriteString(dial(t, addr).conn, "\x16\x03\x01"); err != nil {
			t.Fatal(err)
		}
		if _, err := Send(t.Context(), addr, tlsClient(t, ca), []byte(adt("1"))); err != nil {
			t.Error(err)
		}
	})
}

// Ends that are gone without a word are found by TCP, which the listener has to
// have asked for that.
func TestConnectionsAreKeptAlive(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- (&Server{Handler: accept}).Serve(ctx, tapped{ln, accepted}) }()
	s := dial(t, ln.Addr().String())
	if on, ok := keepAlive(t, <-accepted); ok && !on {
		t.Error("keep-alive is off")
	}
	_ = s.conn.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// tapped shows the connections it accepts.
type tapped struct {
	net.Listener
	conns chan<- net.Conn
}

func (l tapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.conns <- c
	}
	return c, err
}
