package outbound

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func to(h *his) Destination { return Destination{Name: "his", Addr: h.addr()} }

func TestSentInOrder(t *testing.T) {
	h := newHIS(t, nil).start("")
	g := start(t, options(t.TempDir(), to(h)))
	for i := range 50 {
		g.send("his", oru(fmt.Sprintf("M%02d", i)))
	}
	for i := range 50 {
		h.wants(fmt.Sprintf("M%02d", i))
	}
	s := g.delivered(50)
	if !s.Up || s.LastError != "" || s.LastSuccess.IsZero() || s.Backlog != 0 || s.Failed != 0 {
		t.Errorf("state %+v", s)
	}
	if b := h.bodies["M07"]; len(b) != 1 || b[0] != oru("M07") {
		t.Errorf("the bytes changed: %q", b)
	}
}

func TestRestartWithTenThousandQueued(t *testing.T) {
	count := 10_000
	if testing.Short() {
		count = 500
	}
	dir := t.TempDir()
	h := newHIS(t, nil).start("")
	o := options(dir, to(h))
	g := open(t, o)
	control := map[string]string{} // by item id
	var mu sync.Mutex
	var senders sync.WaitGroup
	for s := range 64 { // they share commits
		senders.Go(func() {
			for i := s; i < count; i += 64 {
				name := fmt.Sprintf("R%05d", i)
				id, err := g.Send(t.Context(), "his", []byte(oru(name)))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				control[id] = name
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	if s := g.State()[0]; s.Backlog != count || s.Oldest.IsZero() {
		t.Fatalf("before the restart: %+v", s)
	}
	store, _ := g.Store("his")
	stored, err := store.List(queue.Filter{Limit: count})
	if err != nil || len(stored) != count {
		t.Fatalf("%d stored, %v", len(stored), err)
	}
	g.stop()
	next := 0
	arrive := func(n int) {
		for ; next < n; next++ {
			if got, want := h.next(), control[stored[next].ID]; got != want {
				t.Fatalf("message %d is %s, want %s", next, got, want)
			}
		}
	}
	g = start(t, o)
	arrive(count / 3) // and once more in the middle
	g.stop()
	g = start(t, o)
	arrive(count)
	g.until("nothing waits", func(s DestinationState) bool { return s.Backlog == 0 })
	g.stop()
	h.nothing()
}

// TestAnswers walks through what a HIS can answer first, AA being what it says
// later: what becomes of the message, and what is told.
func TestAnswers(t *testing.T) {
	err51 := func(code string) func(string) answer { // v2.5 and later
		return func(id string) answer {
			return answer{acks: []string{ack(code, id, "|"+canary) + "ERR||PID^1^5^1|101^Required field missing^HL70357|E||||" + canary + "\r"}}
		}
	}
	tests := []struct {
		name    string
		d       Destination // besides name and address
		accept  string      // MSH-15
		app     string      // MSH-16
		first   func(id string) answer
		parked  string // code, empty when it is sent again
		detail  string
		retries string // code while it waits for its second try
	}{
		{name: "AE is tried again", first: say(hl7.AE), retries: CodeAE},
		{name: "CE is tried again", accept: "AL", first: say(hl7.CE), retries: CodeCE},
		{name: "AE parks where the site wants it", d: Destination{OnError: Park}, first: err51("AE"),
			parked: CodeAE, detail: "PID-5 101 Required field missing"},
		{name: "AR parks", first: err51("AR"), parked: CodeAR, detail: "PID-5 101 Required field missing"},
		{name: "CR parks", accept: "AL", first: say(hl7.CR), parked: CodeCR, detail: "no reason"},
		{name: "AR is tried again where the site wants it", d: Destination{OnReject: Retry}, first: say(hl7.AR), retries: CodeAR},
		{name: "old ERR-1", d: Destination{OnError: Park}, parked: CodeAE, detail: "PID(2)-3 103 Table value not found",
			first: func(id string) answer {
				return answer{acks: []string{ack("AE", id, "") + "ERR|PID^2^3^103&" + canary + "\r"}}
			}},
		{name: "an ERR full of patient data tells nothing", first: func(id string) answer {
			return answer{acks: []string{ack("AR", id, "") + "ERR||" + canary + "^123456^7654321|" + canary + "^x|E||||" + canary + "\r"}}
		}, parked: CodeAR, detail: "no reason"},
		{name: "an answer that says neither yes nor no", first: say(hl7.AckCode("XX")), retries: CodeUnknown},
		{name: "no MSA-1", first: say(""), retries: CodeUnknown},
		{name: "CA, then AA", accept: "AL", app: "AL", first: say(hl7.CA, hl7.AA)},
		{name: "CA, then AE is tried again", accept: "AL", app: "AL", first: say(hl7.CA, hl7.AE), retries: CodeAE},
		{name: "CA, then AR parks", accept: "AL", app: "AL", first: say(hl7.CA, hl7.AR), parked: CodeAR, detail: "no reason"},
		{name: "CA, then nothing", accept: "AL", app: "AL", first: say(hl7.CA), retries: CodeHalf},
		{name: "CE instead of CA", accept: "AL", app: "AL", first: say(hl7.CE), retries: CodeCE},
		{name: "AA alone, where only it was asked for", app: "AL", first: say(hl7.AA)},
		{name: "AA alone, from a receiver without enhanced mode", accept: "AL", app: "AL", first: say(hl7.AA)},
		{name: "none asked for", accept: "NE", app: "NE", first: say()},
		{name: "the connection ends", first: func(string) answer { return answer{then: mllp.Close} }, retries: CodeClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int32
			h := newHIS(t, func(id string) answer {
				if n.Add(1) == 1 {
					return tt.first(id)
				}
				if tt.accept+tt.app == "ALAL" && id == "M1" {
					return say(hl7.CA, hl7.AA)(id)
				}
				return say(hl7.AA)(id)
			}).start("")
			tt.d.Name, tt.d.Addr, tt.d.ApplicationAckTimeout = "his", h.addr(), 200*time.Millisecond
			o := options(t.TempDir(), tt.d)
			o.backoffFirst, o.backoffMost = 50*time.Millisecond, 50*time.Millisecond
			g := start(t, o)
			g.send("his", message("M1", tt.accept, tt.app), oru("M2"))
			h.wants("M1")
			if tt.parked == "" {
				failed := uint64(0)
				if tt.retries != "" {
					failed = 1
					h.wants("M1")
				}
				h.wants("M2")
				s := g.delivered(2)
				if s.Parked != 0 || s.Failed != failed || !s.Up || s.LastError != "" {
					t.Errorf("state %+v", s)
				}
				if failed > 0 && !strings.Contains(g.log.String(), "code="+tt.retries) {
					t.Errorf("the log does not tell %s:\n%s", tt.retries, g.log)
				}
				return
			}
			p := g.parked("his")
			if p.Code != tt.parked || !strings.Contains(p.Detail, tt.detail) || p.Responder != "his" || strings.Contains(p.Detail, canary) {
				t.Errorf("parked as %+v", p.Parked)
			}
			if s := g.State()[0]; !s.Held || s.Backlog != 1 || s.Oldest.IsZero() || !s.Up {
				t.Errorf("state %+v", s)
			}
			h.nothing()
			store, _ := g.Store("his")
			if err := store.Retry(p.Seq); err != nil { // a person has seen to it
				t.Fatal(err)
			}
			h.wants("M1", "M2")
			g.delivered(2)
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	h := newHIS(t, say(hl7.AE)).start("")
	d := to(h)
	d.MaxRetries, d.WhileParked = 3, queue.Continue
	g := start(t, options(t.TempDir(), d))
	g.send("his", oru("M1"))
	h.wants("M1", "M1", "M1", "M1")
	p := g.parked("his")
	if p.Code != CodeAE || !strings.HasPrefix(p.Detail, "4 times: ") || p.Policy != queue.Continue {
		t.Errorf("parked as %+v", p.Parked)
	}
	g.send("his", oru("M2")) // does not wait
	h.wants("M2", "M2", "M2", "M2")
	g.until("both parked", func(s DestinationState) bool { return s.Parked == 2 })
	h.nothing()
}

// TestSilence: the connection of an unanswered message is closed, the same bytes
// come again, and the late answer is nobody's.
func TestSilence(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	g := start(t, options(t.TempDir(), Destination{Name: "his", Addr: ln.Addr().String(), AckTimeout: 500 * time.Millisecond}))
	g.send("his", oru("M1"), oru("M2"))
	accept := func() *receiver { return newReceiver(t, ln) }

	first := accept()
	want := first.read()
	if !strings.Contains(want, "|M1|") {
		t.Fatalf("got %q", want)
	}
	first.ended() // after the time-out
	second := accept()
	if got := second.read(); got != want {
		t.Errorf("the repeat is %q, not %q", got, want)
	}
	second.write(ack("AA", "M0", "")) // an answer to something long gone
	second.write(ack("AE", "", ""))   // and one to nothing
	second.write(ack("AA", "M1", ""))
	if got := second.read(); !strings.Contains(got, "|M2|") {
		t.Errorf("got %q", got)
	}
	second.write(ack("AR", "M1", "")) // too late and too often
	second.write(ack("AA", "M2", ""))
	s := g.delivered(2)
	if s.Ignored != 3 || s.Parked != 0 {
		t.Errorf("state %+v", s)
	}
	if !strings.Contains(g.log.String(), CodeSilence) {
		t.Error("the log does not tell of the silence")
	}
}

// TestTroubledReceiver: answers that are cut off, in pieces, wrapped in noise or
// no MLLP at all.
func TestTroubledReceiver(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	g := start(t, options(t.TempDir(), Destination{Name: "his", Addr: ln.Addr().String(), AckTimeout: 10 * time.Second}))
	g.send("his", oru("M1"))

	steps := []struct {
		name string
		do   func(*receiver)
		code string
	}{
		{"half an answer, then the end", func(r *receiver) { r.raw("\x0b" + ack("AA", "M1", "")[:40]); r.close() }, CodeClosed},
		{"a reset", func(r *receiver) { r.reset() }, CodeClosed},
		{"a web server", func(r *receiver) { r.raw("HTTP/1.1 400 Bad Request\r\n\r\n" + strings.Repeat(canary, 1000)) }, CodeNotMLLP},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			r := newReceiver(t, ln)
			if got := r.read(); got != oru("M1") {
				t.Errorf("got %q", got)
			}
			s.do(r)
			g.until(s.code, func(d DestinationState) bool { return d.LastError == s.code })
			r.close()
		})
	}
	r := newReceiver(t, ln)
	r.read()
	a := "\r\n\x00 \x0b" + ack("AA", "M1", "") + "\x1c" // no CR, noise before it, in pieces
	for i := range len(a) {
		r.raw(a[i : i+1])
	}
	g.delivered(1)
}

func TestRefusedThenUp(t *testing.T) {
	h := newHIS(t, nil).start("")
	addr := h.addr()
	h.stop()
	g := start(t, options(t.TempDir(), Destination{Name: "his", Addr: addr}))
	g.send("his", oru("M1"), oru("M2"))
	s := g.until("several failures", func(s DestinationState) bool { return s.Failed >= 5 })
	if s.Up || s.LastError != CodeConnect || !s.Breaker || s.Backlog != 2 {
		t.Errorf("state %+v", s)
	}
	if n := strings.Count(g.log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings for one outage:\n%s", n, g.log)
	}
	up := newHIS(t, nil).start(addr)
	up.wants("M1", "M2")
	if s := g.delivered(2); !s.Up || s.Breaker || !s.NextTry.IsZero() {
		t.Errorf("state %+v", s)
	}
}

func TestADeadDestinationDelaysNobody(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	h := newHIS(t, nil).start("")
	o := options(t.TempDir(), Destination{Name: "his", Addr: h.addr()}, Destination{Name: "ris", Addr: silent.Addr().String()})
	o.drain = time.Millisecond
	g := start(t, o)
	g.send("ris", oru("X1"), oru("X2"))
	g.send("his", oru("M1"), oru("M2"))
	h.wants("M1", "M2")
	g.delivered(2)
	if s := g.State()[1]; s.Name != "ris" || s.Backlog != 2 || s.Delivered != 0 {
		t.Errorf("state %+v", s)
	}
}

func TestKeptConnectionClosedByTheReceiver(t *testing.T) {
	h := newHIS(t, nil)
	h.server.Idle = 10 * time.Millisecond
	ended := make(chan mllp.Cause, 10)
	h.server.OnEnd = func(_ mllp.Peer, c mllp.Cause) { ended <- c }
	h.start("")
	g := start(t, options(t.TempDir(), to(h)))
	g.send("his", oru("M1"))
	h.wants("M1")
	if c := <-ended; c != mllp.IdleTimeout {
		t.Fatalf("ended with %s", c)
	}
	g.send("his", oru("M2"))
	h.wants("M2")
	if s := g.delivered(2); s.Failed != 0 {
		t.Errorf("state %+v", s)
	}
	// A message that wants no answer has only this one way to arrive.
	<-ended
	g.send("his", message("M3", "NE", "NE"))
	h.wants("M3")
	g.delivered(3)
}

// TestAcknowledgementsAreNotAcknowledged: an application acknowledgement that goes
// back goes through like anything else, and nobody answers it.
func TestAcknowledgementsAreNotAcknowledged(t *testing.T) {
	h := newHIS(t, func(string) answer { return answer{} }).start("")
	g := start(t, options(t.TempDir(), to(h)))
	g.send("his", ack("AA", "M1", ""), ack("AA", "M2", ""))
	h.wants("AM1", "AM2")
	g.delivered(2)
}

// TestUnansweredAcknowledgementHoldsNothing: one that asks for an accept
// acknowledgement and gets none is repeated once and then out of the way.
func TestUnansweredAcknowledgementHoldsNothing(t *testing.T) {
	h := newHIS(t, func(id string) answer {
		if strings.HasPrefix(id, "A") {
			return answer{}
		}
		return say(hl7.AA)(id)
	}).start("")
	d := to(h)
	d.AckTimeout = 100 * time.Millisecond
	g := start(t, options(t.TempDir(), d))
	g.send("his", strings.Replace(ack("AA", "M1", ""), "2.5.1\r", "2.5.1|||AL|NE\r", 1))
	h.wants("AM1", "AM1")
	if p := g.parked("his"); p.Code != CodeSilence || p.Policy != queue.Continue {
		t.Errorf("parked as %+v", p.Parked)
	}
	d.AckTimeout = 0
	g.stop()
	g = start(t, options(g.o.Dir, d)) // with time enough for the rest
	g.send("his", oru("M2"))
	h.wants("M2")
	g.delivered(1)
}

func TestGap(t *testing.T) {
	h := newHIS(t, nil).start("")
	d := to(h)
	d.Gap = 30 * time.Millisecond
	g := start(t, options(t.TempDir(), d))
	began := time.Now()
	g.send("his", oru("M1"), oru("M2"), oru("M3"))
	h.wants("M1", "M2", "M3")
	if took := time.Since(began); took < 2*d.Gap {
		t.Errorf("three messages in %v", took)
	}
}

// TestEndWaitsForTheAcknowledgement: a message under way at the end is not sent
// again after the restart.
func TestEndWaitsForTheAcknowledgement(t *testing.T) {
	reached, proceed := make(chan struct{}), make(chan struct{})
	h := newHIS(t, func(id string) answer {
		if id == "M1" {
			close(reached)
			<-proceed
		}
		return say(hl7.AA)(id)
	}).start("")
	dir := t.TempDir()
	g := open(t, options(dir, to(h)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	g.send("his", oru("M1"), oru("M2"))
	<-reached
	cancel()
	close(proceed)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	h.wants("M1")
	if s := g.State()[0]; s.Delivered != 1 || s.Backlog != 1 {
		t.Errorf("state %+v", s)
	}
	g.stop()
	start(t, options(dir, to(h))).delivered(1)
	h.wants("M2")
}
