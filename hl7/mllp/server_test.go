package mllp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"cardferry/hl7"
)

func TestUnfinishedMessagesShareALimit(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	srv := &Server{MaxMessage: 1 << 20, MaxPartial: 1_000_000, Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
		if bytes.Contains(msg, []byte("|handled|")) {
			close(entered)
			<-release
		}
		return accept(ctx, msg, p)
	}}
	addr, e := serve(t, srv)
	part := func(id string, size int) string { return "\x0b" + adt(id) + strings.Repeat("x", size) }

	handled := dial(t, addr) // the largest, and whole
	handled.write(part("handled", 500_000) + "\x1c\r")
	<-entered
	large, modest := dial(t, addr), dial(t, addr)
	large.write(part("large", 300_000)) // and no more
	for held := int64(0); held < 750_000; {
		srv.partials.mu.Lock()
		held = srv.partials.total
		srv.partials.mu.Unlock()
		runtime.Gosched()
	}
	modest.write(part("modest", 250_000)) // is too much, but the other one has more
	e.want(t, Overload)
	large.wantEnd()
	modest.write("\x1c\r")
	modest.wantAck("AA", "modest")
	close(release)
	handled.wantAck("AA", "handled")

	small := dial(t, addr)
	small.write(frame("small"))
	small.wantAck("AA", "small")
	for _, s := range []*sender{modest, handled, small} {
		_ = s.conn.Close()
		e.want(t, PeerClosed)
	}
	if p := &srv.partials; p.total != 0 || len(p.held) != 0 {
		t.Errorf("%d bytes still counted", p.total)
	}
}

func TestConnectionLimitAndAllowList(t *testing.T) {
	srv := &Server{MaxConns: 1}
	addr, e := serve(t, srv)
	first := dial(t, addr)
	first.write(string(AppendFrame(nil, []byte(adt("1")))))
	first.wantAck("AA", "1")
	dial(t, addr).wantEnd()
	e.want(t, TooManyConnections)
	first.write(string(AppendFrame(nil, []byte(adt("2")))))
	first.wantAck("AA", "2")

	addr, e = serve(t, &Server{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	dial(t, addr).wantEnd()
	e.want(t, NotAllowed)
	addr, _ = serve(t, &Server{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	ok := dial(t, addr)
	ok.write(string(AppendFrame(nil, []byte(adt("3")))))
	ok.wantAck("AA", "3")
}

func TestConnectionsDoNotMix(t *testing.T) {
	addr, _ := serve(t, &Server{})
	a, b := dial(t, addr), dial(t, addr)
	fa, fb := AppendFrame(nil, []byte(adt("A"))), AppendFrame(nil, []byte(adt("B")))
	for i := range max(len(fa), len(fb)) {
		if i < len(fa) {
			a.write(string(fa[i : i+1]))
		}
		if i < len(fb) {
			b.write(string(fb[i : i+1]))
		}
	}
	b.wantAck("AA", "B")
	a.wantAck("AA", "A")
}

func TestHandlerDecides(t *testing.T) {
	replies := map[string]Reply{
		"close":  {ACK: hl7.ACK([]byte(adt("close")), hl7.AckInfo{Code: hl7.AE, Now: time.Now()}), Then: Close},
		"silent": {Then: Close},
	}
	addr, e := serve(t, &Server{Handler: func(_ context.Context, msg []byte, p Peer) Reply {
		m, err := hl7.Parse(msg, hl7.Options{})
		if err != nil || p.Conn == 0 || !p.Addr.Addr().IsLoopback() {
			return Reply{}
		}
		if string(m.ControlID()) == "panic" {
			panic("as a defect would")
		}
		return replies[string(m.ControlID())]
	}})
	s := dial(t, addr)
	s.write(string(AppendFrame(nil, []byte(adt("close")))))
	s.wantAck("AE", "close")
	s.wantEnd()
	e.want(t, HandlerClosed)
	s = dial(t, addr)
	s.write(string(AppendFrame(nil, []byte(adt("silent")))))
	s.wantEnd()
	e.want(t, HandlerClosed)
	s = dial(t, addr)
	s.write(string(AppendFrame(nil, []byte(adt("panic")))))
	s.wantEnd()
	e.want(t, HandlerPanicked)
}

func TestAReplyMayHaveMoreThanOneMessage(t *testing.T) {
	srv := &Server{Handler: func(_ context.Context, msg []byte, _ Peer) Reply {
		now := time.Now()
		return Reply{ACK: hl7.ACK(msg, hl7.AckInfo{Code: hl7.CA, Now: now}), Also: [][]byte{hl7.ACK(msg, hl7.AckInfo{Code: hl7.AA, Now: now})}}
	}}
	addr, _ := serve(t, srv)
	s := dial(t, addr)
	s.write(string(AppendFrame(AppendFrame(nil, []byte(adt("1"))), []byte(adt("2")))))
	for _, id := range []string{"1", "2"} {
		s.wantAck("CA", id)
		s.wantAck("AA", id)
	}
	_ = s.conn.Close()
	if st := srv.Stats(); st.Answers[hl7.CA] != 2 || st.Answers[hl7.AA] != 2 || st.Silent != 0 {
		t.Errorf("%+v", st)
	}
}

func TestDrainLetsTheHandlerFinishAndAnswer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	srv := &Server{Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
		if p.Conn == 2 {
			close(entered)
			<-release
		}
		if ctx.Err() != nil {
			return Reply{}
		}
		return accept(ctx, msg, p)
	}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	idle := dial(t, ln.Addr().String())
	idle.write(string(AppendFrame(nil, []byte(adt("0")))))
	idle.wantAck("AA", "0")
	s := dial(t, ln.Addr().String())
	s.write(string(AppendFrame(nil, []byte(adt("1")))) + string(AppendFrame(nil, []byte(adt("2")))))
	<-entered
	cancel()
	idle.wantEnd()
	close(release)
	s.wantAck("AA", "1")
	s.wantEnd() // the second was not taken in; its sender repeats it
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if st := srv.Stats(); st.Open != 0 || st.Ended[Draining] != 2 || st.Messages != 2 {
		t.Errorf("%+v", st)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestServeNeedsAHandlerAndAListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Server{}).Serve(t.Context(), ln); !errors.Is(err, ErrNoHandler) {
		t.Errorf("without a handler: %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := (&Server{Handler: accept}).Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed listener: %v", err)
	}
}

func TestStatsHoldNoContent(t *testing.T) {
	srv := &Server{}
	addr, _ := serve(t, srv)
	s := dial(t, addr)
	s.write("xx\x0b" + adt("CANARY") + "\x1c\r\n\x0b" + adt("CANARY2") + "\x1c\r")
	s.wantAck("AA", "CANARY")
	s.wantAck("AA", "CANARY2")
	out := fmt.Sprintf("%+v", srv.Stats())
	if strings.Contains(out, "CANARY") || strings.Contains(out, "DOE") {
		t.Error(out)
	}
	st := srv.Stats()
	if st.Messages != 2 || st.Bytes != uint64(len(adt("CANARY"))+len(adt("CANARY2"))) || st.Open != 1 || st.Accepted != 1 {
		t.Errorf("%+v", st)
	}
}
