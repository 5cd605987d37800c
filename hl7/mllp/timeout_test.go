package mllp

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/hl7"
)

// inBubble serves one in-memory connection on a fake clock and returns the
// sender's side of it.
func inBubble(t *testing.T, s *Server) (*sender, ends) {
	t.Helper()
	server, client := net.Pipe()
	return over(t, s, server, client)
}

// over serves one connection that the test made.
func over(t *testing.T, s *Server, server, client net.Conn) (*sender, ends) {
	t.Helper()
	ln := &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	ln.conns <- server
	e := make(ends, 10)
	s.OnEnd = e.record
	if s.Handler == nil {
		s.Handler = accept
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		_ = client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &sender{t, client, bufio.NewReader(client)}, e
}

func TestTimeLimits(t *testing.T) {
	tests := []struct {
		name   string
		server *Server
		first  string
		cause  Cause
		after  time.Duration
	}{
		{"idle between messages", &Server{Idle: 5 * time.Minute}, "", IdleTimeout, 5 * time.Minute},
		{"a frame that does not go on", &Server{Frame: 7 * time.Second}, "\x0bMSH|", FrameTimeout, 7 * time.Second},
		{"a frame that does not go on, default", &Server{}, "\x0bMSH|", FrameTimeout, defaultFrame},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s, e := inBubble(t, tt.server)
				if tt.first != "" {
					s.write(tt.first)
				}
				e.want(t, tt.cause)
				if d := time.Since(start); d != tt.after {
					t.Errorf("after %v, want %v", d, tt.after)
				}
			})
		})
	}
}

func TestIdleWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := inBubble(t, &Server{})
		<-time.After(72 * time.Hour) // the fake clock's hours
		s.write(string(AppendFrame(nil, []byte(adt("1")))))
		s.wantAck("AA", "1")
	})
}

func TestWhenAnEndBlockWithoutCRIsAnswered(t *testing.T) {
	tests := []struct {
		name, msg string
		after     time.Duration
	}{
		{"a message that ends as it should", adt("1"), 0},
		{"a message whose last segment has no CR", strings.TrimSuffix(adt("1"), "\r"), grace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, e := inBubble(t, &Server{Idle: time.Minute})
				start := time.Now()
				s.write("\x0b" + tt.msg + "\x1c")
				s.wantAck("AA", "1")
				if d := time.Since(start); d != tt.after {
					t.Errorf("answered after %v, want %v", d, tt.after)
				}
				<-time.After(200 * time.Millisecond)
				s.write("\r")
				s.write(string(AppendFrame(nil, []byte(adt("2")))))
				s.wantAck("AA", "2")
				start = time.Now()
				e.want(t, IdleTimeout) // at a message boundary
				if d := time.Since(start); d != time.Minute {
					t.Errorf("idle for %v", d)
				}
			})
		})
	}
}

func TestWithheldSenderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := inBubble(t, &Server{
			Withhold: 45 * time.Second,
			Handler:  func(context.Context, []byte, Peer) Reply { return Reply{Then: Withhold} },
		})
		start := time.Now()
		s.write(string(AppendFrame(nil, []byte(adt("1")))))
		s.wantEnd()
		e.want(t, Withheld)
		if d := time.Since(start); d != 45*time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestAPeerThatDoesNotReadItsAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := inBubble(t, &Server{Write: 3 * time.Second})
		start := time.Now()
		s.write(string(AppendFrame(nil, []byte(adt("1"))))) // and does not read
		e.want(t, WriteFailed)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("given up after %v", d)
		}
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := inBubble(t, &Server{Rate: 2})
		start := time.Now()
		for range 9 { // three at once, then two a second
			s.write(string(AppendFrame(nil, []byte(adt("1")))))
			s.wantAck("AA", "1")
		}
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("nine messages took %v, want 3s", d)
		}
	})
}

func TestDrainTimeEndsTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		ln := &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		ln.conns <- server
		entered := make(chan struct{})
		s := &Server{Drain: 4 * time.Second, Handler: func(ctx context.Context, _ []byte, _ Peer) Reply {
			close(entered)
			<-ctx.Done() // a store that hangs until it is told to give up
			return Reply{}
		}}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Serve(ctx, ln) }()
		if _, err := client.Write(AppendFrame(nil, []byte(adt("1")))); err != nil {
			t.Fatal(err)
		}
		<-entered
		start := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 4*time.Second {
			t.Errorf("drained in %v, want 4s", d)
		}
		_ = client.Close()
	})
}

func TestHandlersMayUseEnhancedMode(t *testing.T) {
	handler := func(_ context.Context, msg []byte, _ Peer) Reply {
		m, err := hl7.Parse(msg, hl7.Options{})
		if err != nil {
			return Reply{ACK: hl7.NAK(msg, err, hl7.AckInfo{Now: time.Now()})}
		}
		code, wanted := m.AckMode().Immediate(hl7.Accepted)
		if !wanted {
			return Reply{}
		}
		return Reply{ACK: hl7.ACK(msg, hl7.AckInfo{Code: code, Now: time.Now()})}
	}
	addr, _ := serve(t, &Server{Handler: handler})
	s := dial(t, addr)
	for _, m := range [][2]string{{"1", "AL"}, {"2", "NE"}, {"3", "ER"}, {"4", "SU"}} {
		s.write(string(AppendFrame(nil, []byte("MSH|^~\\&|A|B|C|D|||ADT^A01|"+m[0]+"|P|2.5|||"+m[1]+"|NE\r"))))
	}
	s.wantAck("CA", "1")
	s.wantAck("CA", "4")
}
