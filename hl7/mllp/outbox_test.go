package mllp

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/hl7"
)

// countingConn keeps what is written, write by write.
type countingConn struct {
	net.Conn
	mu     sync.Mutex
	writes [][]byte
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, bytes.Clone(b))
	c.mu.Unlock()
	return c.Conn.Write(b)
}

// counted serves one in-memory connection whose writes are counted.
func counted(t *testing.T, s *Server) (*sender, *countingConn, ends) {
	t.Helper()
	server, client := net.Pipe()
	c := &countingConn{Conn: server}
	snd, e := over(t, s, c, client)
	return snd, c, e
}

// slowly is accept that takes its time for each message.
func slowly(took time.Duration) Handler {
	return func(ctx context.Context, msg []byte, p Peer) Reply {
		<-time.After(took)
		return accept(ctx, msg, p)
	}
}

// brief is as short as a message can be, so that many fit in one read.
func brief(id int) []byte { return fmt.Appendf(nil, "MSH|^~\\&|||||||ADT|%d\r", id) }

func TestPipelinedAnswers(t *testing.T) {
	tests := []struct {
		name        string
		messages    int
		took        time.Duration // by the handler, each
		writes      int
		first, last time.Duration // until that answer
	}{
		{"one", 1, 0, 1, 0, 0},
		{"one that takes its time", 1, time.Second, 1, time.Second, time.Second},
		{"of a fast handler leave together", 10, 0, 1, 0, 0},
		{"of a slow handler leave each by itself", 3, 10 * together, 3, 11 * together, 30 * together},
		{"of one in between wait for a moment", 10, 2 * together / 5, 4, 7 * together / 5, 4 * together},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, conn, _ := counted(t, &Server{Handler: slowly(tt.took)})
				var stream []byte
				for i := range tt.messages {
					stream = AppendFrame(stream, brief(i))
				}
				start := time.Now()
				s.write(string(stream))
				for i := range tt.messages {
					s.wantAck("AA", fmt.Sprint(i))
					if d := time.Since(start); i == 0 && d != tt.first {
						t.Errorf("the first after %v, want %v", d, tt.first)
					}
				}
				if d := time.Since(start); d != tt.last {
					t.Errorf("the last after %v, want %v", d, tt.last)
				}
				synctest.Wait()
				if len(conn.writes) != tt.writes {
					t.Errorf("%d writes, want %d", len(conn.writes), tt.writes)
				}
				for _, w := range conn.writes {
					if w[0] != startBlock || !bytes.HasSuffix(w, []byte("\r\x1c\r")) {
						t.Errorf("a frame is split or not canonical: %q", w)
					}
				}
			})
		})
	}
}

func TestAnswersDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		large := append([]byte("MSH|^~\\&|||||||RSP|1\rMSA|AA|"), bytes.Repeat([]byte("x"), outboxSize/2)...)
		s, conn, _ := counted(t, &Server{Handler: func(context.Context, []byte, Peer) Reply { return Reply{ACK: large} }})
		var stream []byte
		for i := range 5 {
			stream = AppendFrame(stream, brief(i))
		}
		go func() { _, _ = s.conn.Write(stream) }()
		for range 5 {
			if _, err := s.r.ReadBytes(endBlock); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(conn.writes) != 3 {
			t.Errorf("%d writes, want two, two and one", len(conn.writes))
		}
	})
}

// What was taken in and answered stays so, whatever the next message does.
func TestAnswersLeaveBeforeTheEnd(t *testing.T) {
	tests := []struct {
		name  string
		then  func(ctx context.Context) Reply
		cause Cause
	}{
		{"the next makes the handler panic", func(context.Context) Reply { panic("as a defect would") }, HandlerPanicked},
		{"the next closes", func(context.Context) Reply { return Reply{Then: Close} }, HandlerClosed},
		{"the next is withheld", func(context.Context) Reply { return Reply{Then: Withhold} }, Withheld},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				s, _, e := counted(t, &Server{Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
					if n++; n == 3 {
						return tt.then(ctx)
					}
					return accept(ctx, msg, p)
				}})
				start := time.Now()
				s.write(string(AppendFrame(AppendFrame(AppendFrame(nil, brief(0)), brief(1)), brief(2))))
				s.wantAck("AA", "0")
				s.wantAck("AA", "1")
				if d := time.Since(start); d > together {
					t.Errorf("after %v", d)
				}
				s.wantEnd()
				e.want(t, tt.cause)
			})
		})
	}
}

func TestAPeerThatDoesNotReadWhileItsNextMessageIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, e := counted(t, &Server{Handler: slowly(time.Minute), Write: 3 * time.Second})
		start := time.Now()
		s.write(string(AppendFrame(AppendFrame(AppendFrame(nil, brief(0)), brief(1)), brief(2))))
		e.want(t, WriteFailed)
		if d := time.Since(start); d != 2*time.Minute {
			t.Errorf("noticed after %v, want at the end of the second message", d)
		}
	})
}

func TestAReplyIsCountedByItsCode(t *testing.T) {
	for _, code := range answerCodes[1:] {
		if got := answerCodes[answerIndex(hl7.ACK([]byte(adt("1")), hl7.AckInfo{Code: code, Now: time.Now()}))]; got != code {
			t.Errorf("%s counted as %q", code, got)
		}
	}
	for _, odd := range []string{"", "MSH|\rMSA", "MSH|\rMSA|", "MSH|\rMSA|XX|1", "BHS|\r"} {
		if i := answerIndex([]byte(odd)); i != 0 {
			t.Errorf("%q counted as %s", odd, answerCodes[i])
		}
	}
}
