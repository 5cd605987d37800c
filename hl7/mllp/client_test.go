package mllp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/hl7"
)

// script is what a scripted receiver does with one connection's messages.
type script func(conn net.Conn, n int, msg []byte)

// receiver listens on loopback and runs a script for every message, numbered
// over all connections from 1. The script writes raw bytes or closes.
func receiver(t testing.TB, do script) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			var f Framer
			buf := make([]byte, 4096)
			for {
				k, err := conn.Read(buf)
				if err != nil {
					break
				}
				if f.Feed(buf[:k], func(msg []byte) error { n++; do(conn, n, msg); return nil }) != nil {
					break
				}
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func write(conn net.Conn, b []byte) { _, _ = conn.Write(b) }

func ackFor(msg []byte, code hl7.AckCode) []byte {
	return hl7.ACK(msg, hl7.AckInfo{Code: code, Now: time.Now(), Text: "said"})
}

func TestClientKeepsItsConnection(t *testing.T) {
	srv := &Server{}
	addr, _ := serve(t, srv)
	c := &Client{Addr: addr}
	for i := range 20 {
		ack, err := c.Send(t.Context(), []byte(adt(fmt.Sprint(i))))
		if err != nil || ack.Code != hl7.AA || string(ack.ControlID) != fmt.Sprint(i) || ack.Ignored != 0 {
			t.Fatalf("%d: %+v %v", i, ack, err)
		}
	}
	if n := srv.Stats().Accepted; n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), []byte(adt("again"))); err != nil {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClientUnderstandsOddAnswers(t *testing.T) {
	tests := []struct {
		name string
		do   script
		code hl7.AckCode
		skip int
	}{
		{"in pieces", func(c net.Conn, _ int, m []byte) {
			for _, b := range AppendFrame(nil, ackFor(m, hl7.AE)) {
				write(c, []byte{b})
			}
		}, hl7.AE, 0},
		{"without CR", func(c net.Conn, _ int, m []byte) {
			f := AppendFrame(nil, ackFor(m, hl7.AA))
			write(c, f[:len(f)-1])
		}, hl7.AA, 0},
		{"line feeds and noise around", func(c net.Conn, _ int, m []byte) {
			write(c, append(append([]byte("\r\n\x00xy"), AppendFrame(nil, ackFor(m, hl7.AR))...), '\n'))
		}, hl7.AR, 0},
		{"byte order mark and another version", func(c net.Conn, _ int, m []byte) {
			write(c, AppendFrame(nil, []byte("\uFEFFMSH|^~\\&|||||||ACK|9|P|2.2\nMSA|AA|ID1\n")))
		}, hl7.AA, 0},
		{"others' answers first", func(c net.Conn, _ int, m []byte) {
			write(c, AppendFrame(AppendFrame(nil, ackFor([]byte(adt("OTHER")), hl7.AA)), []byte("not HL7")))
			write(c, AppendFrame(nil, ackFor(m, hl7.CA)))
		}, hl7.CA, 2},
		{"more behind it", func(c net.Conn, _ int, m []byte) {
			write(c, AppendFrame(AppendFrame(nil, ackFor(m, hl7.AA)), ackFor(m, hl7.AE)))
		}, hl7.AA, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ack, err := Send(t.Context(), receiver(t, tt.do), nil, []byte(adt("ID1")))
			if err != nil || ack.Code != tt.code || ack.Ignored != tt.skip || len(ack.Raw) == 0 {
				t.Errorf("%+v %v", ack, err)
			}
		})
	}
}

func TestClientNeverTakesAnothersAnswer(t *testing.T) {
	late := make(chan []byte, 1)
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		if n == 1 {
			late <- AppendFrame(nil, ackFor(m, hl7.AA)) // not sent in time
			return
		}
		write(c, <-late)
		write(c, AppendFrame(nil, ackFor(m, hl7.AE)))
	})
	c := &Client{Addr: addr, AckFor: 50 * time.Millisecond}
	defer func() { _ = c.Close() }()
	if ack, err := c.Send(t.Context(), []byte(adt("1"))); !errors.Is(err, ErrAckTimeout) {
		t.Fatalf("%+v %v", ack, err)
	}
	c.AckFor = 10 * time.Second
	ack, err := c.Send(t.Context(), []byte(adt("2")))
	if err != nil || ack.Code != hl7.AE || ack.Ignored != 1 {
		t.Errorf("%+v %v", ack, err)
	}
}

func TestClientErrors(t *testing.T) {
	t.Run("not a message", func(t *testing.T) {
		if _, err := Send(t.Context(), "127.0.0.1:1", nil, []byte("HELLO")); !errors.Is(err, hl7.ErrNoMSH) {
			t.Error(err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Send(t.Context(), ln.Addr().String(), nil, []byte(adt("1"))); !errors.Is(err, ErrConnect) {
			t.Error(err)
		}
	})
	t.Run("closed without an answer", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, _ []byte) { _ = c.Close() })
		if _, err := Send(t.Context(), addr, nil, []byte(adt("1"))); !errors.Is(err, ErrPeerClosed) {
			t.Error(err)
		}
	})
	t.Run("a code outside of table 0008", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, m []byte) {
			write(c, []byte(strings.Replace(string(AppendFrame(nil, ackFor(m, hl7.AA))), "MSA|AA", "MSA|OK", 1)))
		})
		if _, err := Send(t.Context(), addr, nil, []byte(adt("1"))); !errors.Is(err, ErrAckCode) {
			t.Error(err)
		}
	})
	t.Run("unframed", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, _ []byte) { write(c, []byte("MSH|^~\\&|")) })
		if _, err := Send(t.Context(), addr, nil, []byte(adt("1"))); !errors.Is(err, ErrUnframed) {
			t.Error(err)
		}
	})
	t.Run("an answer over the limit", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, _ []byte) { write(c, append([]byte{startBlock}, make([]byte, 2000)...)) })
		c := &Client{Addr: addr, MaxAck: 1000}
		if _, err := c.Send(t.Context(), []byte(adt("1"))); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		addr := receiver(t, func(net.Conn, int, []byte) { cancel() })
		if _, err := Send(ctx, addr, nil, []byte(adt("1"))); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestClientRedialsWhenAKeptConnectionWasClosed(t *testing.T) {
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		write(c, AppendFrame(nil, ackFor(m, hl7.AA)))
		if n == 1 { // the second message is written to a connection that is gone
			_ = c.Close()
		}
	})
	c := &Client{Addr: addr}
	defer func() { _ = c.Close() }()
	for i := range 2 {
		if ack, err := c.Send(t.Context(), []byte(adt(fmt.Sprint(i)))); err != nil || ack.Code != hl7.AA {
			t.Fatalf("%d: %+v %v", i, ack, err)
		}
	}
}

func TestClientDoesNotWaitWhenNoAnswerIsWanted(t *testing.T) {
	got := make(chan struct{}, 1)
	addr := receiver(t, func(net.Conn, int, []byte) { got <- struct{}{} })
	ack, err := Send(t.Context(), addr, nil, []byte("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|||NE|NE\r"))
	if err != nil || ack.Code != "" {
		t.Errorf("%+v %v", ack, err)
	}
	<-got
}

// want asks for acknowledgements in MSH-15 and MSH-16.
func want(id, accept, application string) []byte {
	return []byte(strings.Replace(adt(id), "|2.5.1\r", "|2.5.1|||"+accept+"|"+application+"\r", 1))
}

// piped is a client whose connection is in memory, for tests about time.
func piped(t *testing.T, c *Client, do script) {
	t.Helper()
	far, near := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var f Framer
		buf := make([]byte, 4096)
		for n := 0; ; {
			k, err := far.Read(buf)
			if err != nil || f.Feed(buf[:k], func(msg []byte) error { n++; do(far, n, msg); return nil }) != nil {
				return
			}
		}
	}()
	c.conn, c.in = near, reader{conn: near}
	t.Cleanup(func() { _ = c.Close(); _ = near.Close(); _ = far.Close(); <-done })
}

func TestEnhancedMode(t *testing.T) {
	const acceptFor, applicationFor = 10 * time.Second, 5 * time.Minute
	type answer struct {
		after time.Duration
		code  hl7.AckCode
	}
	tests := []struct {
		name                string
		accept, application string
		answers             []answer
		code, final         hl7.AckCode
		took                time.Duration
		err                 error
	}{
		{"both", "AL", "AL", []answer{{0, hl7.CA}, {time.Minute, hl7.AA}}, hl7.CA, hl7.AA, time.Minute, nil},
		{"both, refused at last", "AL", "AL", []answer{{time.Second, hl7.CA}, {time.Minute, hl7.AE}}, hl7.CA, hl7.AE, time.Minute + time.Second, nil},
		{"not accepted", "AL", "AL", []answer{{0, hl7.CE}}, hl7.CE, "", 0, nil},
		{"not accepted for now", "AL", "AL", []answer{{0, hl7.CR}}, hl7.CR, "", 0, nil},
		{"accepted and then silence", "AL", "AL", []answer{{time.Second, hl7.CA}}, hl7.CA, "", time.Second + applicationFor, ErrApplicationAckTimeout},
		{"accepted twice and then silence", "AL", "AL", []answer{{0, hl7.CA}, {time.Second, hl7.CA}}, hl7.CA, "", applicationFor, ErrApplicationAckTimeout},
		{"silence", "AL", "AL", nil, "", "", acceptFor, ErrAckTimeout},
		{"the application answers alone", "AL", "AL", []answer{{time.Second, hl7.AA}}, hl7.AA, hl7.AA, time.Second, nil},
		{"accept only", "AL", "NE", []answer{{0, hl7.CA}}, hl7.CA, "", 0, nil},
		{"accept on success", "SU", "NE", []answer{{0, hl7.CA}}, hl7.CA, "", 0, nil},
		{"accept on success, silence", "SU", "NE", nil, "", "", acceptFor, ErrAckTimeout},
		{"accept on error, silence", "ER", "NE", nil, "", "", acceptFor, nil},
		{"accept on error, error", "ER", "NE", []answer{{time.Second, hl7.CE}}, hl7.CE, "", time.Second, nil},
		{"application only", "NE", "AL", []answer{{time.Minute, hl7.AR}}, "", hl7.AR, time.Minute, nil},
		{"application only, MSH-15 empty", "", "AL", []answer{{time.Minute, hl7.AA}}, "", hl7.AA, time.Minute, nil},
		{"application only, silence", "NE", "AL", nil, "", "", applicationFor, ErrAckTimeout},
		{"application on error, silence", "AL", "ER", []answer{{0, hl7.CA}}, hl7.CA, "", applicationFor, nil},
		{"application on success, silence", "AL", "SU", []answer{{0, hl7.CA}}, hl7.CA, "", applicationFor, ErrApplicationAckTimeout},
		{"nothing", "NE", "NE", nil, "", "", 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &Client{Addr: "test", AckFor: acceptFor, ApplicationAckFor: applicationFor}
				piped(t, c, func(conn net.Conn, _ int, msg []byte) {
					for _, a := range tt.answers {
						<-time.After(a.after)
						write(conn, AppendFrame(nil, ackFor(msg, a.code)))
					}
				})
				start := time.Now()
				ack, err := c.exchange(t.Context(), parse(t, want("1", tt.accept, tt.application)), c.awaited(hl7.AckMode{Accept: hl7.AckCondition(tt.accept), Application: hl7.AckCondition(tt.application)}))
				if d := time.Since(start); d != tt.took {
					t.Errorf("took %v, want %v", d, tt.took)
				}
				var final hl7.AckCode
				if ack.Application != nil {
					final = ack.Application.Code
				}
				if !errors.Is(err, tt.err) || ack.Code != tt.code || final != tt.final {
					t.Errorf("%q, at last %q, %v", ack.Code, final, err)
				}
				if c.conn == nil != (tt.err != nil) {
					t.Errorf("connection kept: %v", c.conn != nil)
				}
			})
		})
	}
}

func parse(t *testing.T, msg []byte) *hl7.Message {
	t.Helper()
	m, err := hl7.Parse(msg, hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWithoutApplicationAckForTheFirstAnswerIsTheLast(t *testing.T) {
	for _, mode := range [][2]string{{"AL", "AL"}, {"", "AL"}} {
		addr := receiver(t, func(c net.Conn, _ int, m []byte) { write(c, AppendFrame(nil, ackFor(m, hl7.CA))) })
		ack, err := Send(t.Context(), addr, nil, want("1", mode[0], mode[1]))
		if err != nil || ack.Code != hl7.CA || ack.Application != nil {
			t.Errorf("%v: %+v %v", mode, ack, err)
		}
	}
}

func TestAnApplicationAcknowledgementIsAccepted(t *testing.T) {
	confirmed := make(chan []byte, 1)
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		switch n {
		case 1:
			aa := strings.Replace(string(ackFor(m, hl7.AA)), "|P|2.5.1\r", "|P|2.5.1|||AL|NE\r", 1)
			write(c, AppendFrame(AppendFrame(nil, ackFor(m, hl7.CA)), []byte(aa)))
		case 2:
			confirmed <- m
		}
	})
	c := &Client{Addr: addr, ApplicationAckFor: time.Minute}
	defer func() { _ = c.Close() }()
	ack, err := c.Send(t.Context(), want("1", "AL", "AL"))
	if err != nil || ack.Code != hl7.CA || ack.Application == nil || ack.Application.Code != hl7.AA {
		t.Fatalf("%+v %v", ack, err)
	}
	got, ok := answerTo(<-confirmed, parse(t, ack.Application.Raw).ControlID())
	if !ok || got.Code != hl7.CA {
		t.Errorf("%+v", got)
	}
}

func TestClosedBetweenTheAcknowledgements(t *testing.T) {
	sent := 0
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		sent = n
		write(c, AppendFrame(nil, ackFor(m, hl7.CA)))
		if n > 1 {
			_ = c.Close()
			return
		}
		write(c, AppendFrame(nil, ackFor(m, hl7.AA)))
	})
	c := &Client{Addr: addr, ApplicationAckFor: time.Minute}
	defer func() { _ = c.Close() }()
	if _, err := c.Send(t.Context(), want("1", "AL", "AL")); err != nil {
		t.Fatal(err)
	}
	ack, err := c.Send(t.Context(), want("2", "AL", "AL"))
	if !errors.Is(err, ErrPeerClosed) || ack.Code != hl7.CA || sent != 2 {
		t.Errorf("%+v %v, sent %d times", ack, err, sent)
	}
}

func TestAMessageThatGetsNoAnswerIsNotSentToAClosedConnection(t *testing.T) {
	type got struct {
		conn net.Conn
		id   string
	}
	arrived := make(chan got, 3)
	addr := receiver(t, func(c net.Conn, _ int, m []byte) {
		parsed, err := hl7.Parse(m, hl7.Options{})
		if err != nil {
			return
		}
		if string(parsed.ControlID()) == "1" {
			_ = c.Close()
		}
		arrived <- got{c, string(parsed.ControlID())}
	})
	c := &Client{Addr: addr}
	defer func() { _ = c.Close() }()
	for _, id := range []string{"1", "2", "3"} {
		if _, err := c.Send(t.Context(), want(id, "NE", "NE")); err != nil {
			t.Fatal(err)
		}
		if g := <-arrived; g.id != id {
			t.Fatalf("%s arrived, want %s", g.id, id)
		}
	}
	if st := c.Stats(); st.Reconnects != 1 || st.RoundTrips != 3 {
		t.Errorf("%+v", st)
	}
}

func TestClientStats(t *testing.T) {
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		switch n {
		case 1:
			write(c, AppendFrame(AppendFrame(nil, ackFor([]byte(adt("other")), hl7.AA)), ackFor(m, hl7.AE)))
		case 3:
			write(c, AppendFrame(nil, ackFor(m, hl7.AA)))
		}
	})
	c := &Client{Addr: addr}
	defer func() { _ = c.Close() }()
	for i, timeout := range []time.Duration{time.Minute, 20 * time.Millisecond, time.Minute} {
		c.AckFor = timeout
		if _, err := c.Send(t.Context(), []byte(adt(fmt.Sprint(i)))); err != nil && !errors.Is(err, ErrAckTimeout) {
			t.Fatal(err)
		}
	}
	if got, want := c.Stats(), (ClientStats{RoundTrips: 2, Reconnects: 1, Ignored: 1, Timeouts: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// FuzzClientAnswer: whatever a receiver sends, what the client takes for an answer
// is one to its message, with a code of the table.
func FuzzClientAnswer(f *testing.F) {
	ca, aa := ackFor(want("1", "AL", "AL"), hl7.CA), ackFor(want("1", "AL", "AL"), hl7.AA)
	f.Add(AppendFrame(AppendFrame(nil, ca), aa), uint8(3))
	f.Add(AppendFrame(nil, aa), uint8(200))
	f.Add([]byte("\x0bMSH|^~\\&|\rMSA|AA|1\x1c"), uint8(0))
	f.Add([]byte("noise\x0bMSH|^~\\&|\nMSA|XX|1\n\x1c\r\x0b\x0bMSH"), uint8(1))
	f.Fuzz(func(t *testing.T, answer []byte, portion uint8) {
		far, near := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = far.Close() }()
			buf := make([]byte, 4096)
			if _, err := far.Read(buf); err != nil {
				return
			}
			for p := answer; len(p) > 0; {
				n := min(int(portion)+1, len(p))
				if _, err := far.Write(p[:n]); err != nil {
					return
				}
				p = p[n:]
			}
		}()
		c := &Client{Addr: "test", ApplicationAckFor: time.Minute, conn: near, in: reader{conn: near}, framer: Framer{Max: 1000}}
		msg, err := hl7.Parse(want("1", "AL", "AL"), hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ack, err := c.exchange(context.Background(), msg, c.awaited(msg.AckMode()))
		_ = near.Close()
		<-done
		for a := &ack; a != nil; a = a.Application {
			if a.Code == "" && err == nil || a.Code != "" && string(a.ControlID) != "1" {
				t.Fatalf("%+v %v", ack, err)
			}
		}
	})
}
