package outbound

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir, os.Getenv(childAddrEnv))) // see crash_test.go
	}
	goleak.VerifyTestMain(m)
}

// canary is a name that nothing may leave behind in the clear.
const canary = "KANARIENVOGEL"

type keyring struct{ cipher.AEAD }

func (k keyring) Wrap(dek []byte) ([]byte, error) { return k.Seal(nil, nil, dek, nil), nil }
func (k keyring) Unwrap(w []byte) ([]byte, error) { return k.Open(nil, nil, w, nil) }

func options(dir string, d ...Destination) Options {
	b, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCMWithRandomNonce(b)
	if err != nil {
		panic(err)
	}
	hash := func(parts ...string) string {
		sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
		return hex.EncodeToString(sum[:20])
	}
	return Options{
		Dir: dir, Keys: keyring{a}, ItemID: hash, Lane: hash, Destinations: d,
		backoffFirst: time.Millisecond, backoffMost: 20 * time.Millisecond,
	}
}

// oru is a result with the control id given.
func oru(id string) string { return message(id, "", "") }

// message is a result that asks for acknowledgements.
func message(id, accept, application string) string {
	return "MSH|^~\\&|GW|R|HIS|H|20260102030405+0800||ORU^R01^ORU_R01|" + id + "|P|2.5.1|||" + accept + "|" + application +
		"\rPID|1||7^^^H||" + canary + "^张三\rOBX|1|NM|1^GLU||5.5\r"
}

// answer is what a HIS says to one message: the acknowledgements, one after the
// other, and what it does to the connection.
type answer struct {
	acks []string
	then mllp.Action
}

// ack is the acknowledgement a HIS writes.
func ack(code, id, more string) string {
	return "MSH|^~\\&|HIS|H|GW|R|20260102030406||ACK^R01^ACK|A" + id + "|P|2.5.1\rMSA|" + code + "|" + id + more + "\r"
}

func say(codes ...hl7.AckCode) func(id string) answer {
	return func(id string) answer {
		var a answer
		for _, c := range codes {
			a.acks = append(a.acks, ack(string(c), id, "|"+canary))
		}
		return a
	}
}

// his is a hospital system whose answers a test decides.
type his struct {
	t       testing.TB
	got     chan string         // MSH-10 of every message, as it comes
	respond func(string) answer // nil is AA
	server  *mllp.Server        // set TLS before start
	ln      net.Listener
	stop    func()

	mu     sync.Mutex
	bodies map[string][]string // by MSH-10
}

func newHIS(t testing.TB, respond func(id string) answer) *his {
	h := &his{t: t, got: make(chan string, 1<<16), respond: respond, bodies: map[string][]string{}}
	if h.respond == nil {
		h.respond = say(hl7.AA)
	}
	h.server = &mllp.Server{Handler: h.handle, Withhold: 30 * time.Second, Drain: time.Millisecond}
	return h
}

func (h *his) handle(_ context.Context, msg []byte, _ mllp.Peer) mllp.Reply {
	m, err := hl7.Parse(msg, hl7.Options{})
	if err != nil {
		h.t.Errorf("the HIS got %v", err)
		return mllp.Reply{Then: mllp.Close}
	}
	id := string(m.ControlID())
	h.mu.Lock()
	h.bodies[id] = append(h.bodies[id], string(msg))
	h.mu.Unlock()
	a := h.respond(id)
	h.got <- id
	r := mllp.Reply{Then: a.then}
	for i, b := range a.acks {
		if i == 0 {
			r.ACK = []byte(b)
		} else {
			r.Also = append(r.Also, []byte(b))
		}
	}
	return r
}

// start listens on addr; "" takes a free port.
func (h *his) start(addr string) *his {
	h.t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	var err error
	if h.ln, err = net.Listen("tcp", addr); err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Serve(ctx, h.ln) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("the HIS ended with %v", err)
		}
	})
	h.t.Cleanup(h.stop)
	return h
}

func (h *his) addr() string { return h.ln.Addr().String() }

// next is the next message the HIS gets.
func (h *his) next() string {
	h.t.Helper()
	select {
	case id := <-h.got:
		return id
	case <-time.After(20 * time.Second):
		h.t.Fatal("the HIS gets nothing")
		return ""
	}
}

func (h *his) wants(ids ...string) {
	h.t.Helper()
	for i, want := range ids {
		if got := h.next(); got != want {
			h.t.Fatalf("message %d is %s, want %s", i+1, got, want)
		}
	}
}

// nothing says that no message came so far.
func (h *his) nothing() {
	h.t.Helper()
	select {
	case id := <-h.got:
		h.t.Fatalf("the HIS got %s", id)
	default:
	}
}

// gateway is an Outbound that runs until the test ends.
type gateway struct {
	*Outbound
	t    testing.TB
	log  *lockedBuffer
	stop func()
}

func open(t testing.TB, o Options) *gateway {
	t.Helper()
	g := &gateway{t: t, log: &lockedBuffer{}}
	o.Logger = slog.New(slog.NewTextHandler(g.log, nil))
	var err error
	if g.Outbound, err = New(o); err != nil {
		t.Fatal(err)
	}
	g.stop = sync.OnceFunc(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(g.log.String(), canary) {
			t.Errorf("the log holds patient data:\n%s", g.log)
		}
	})
	t.Cleanup(g.stop)
	return g
}

func (g *gateway) run() *gateway {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	closeAll := g.stop
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			g.t.Errorf("run: %v", err)
		}
		closeAll()
	})
	g.t.Cleanup(g.stop)
	return g
}

func start(t testing.TB, o Options) *gateway {
	t.Helper()
	return open(t, o).run()
}

func (g *gateway) send(destination string, msgs ...string) {
	g.t.Helper()
	for _, m := range msgs {
		if _, err := g.Send(g.t.Context(), destination, []byte(m)); err != nil {
			g.t.Fatal(err)
		}
	}
}

// until waits for a state of the first destination.
func (g *gateway) until(what string, cond func(DestinationState) bool) DestinationState {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 20*time.Second)
	defer cancel()
	for {
		s := g.State()[0]
		if cond(s) {
			return s
		}
		if !pause(ctx, 2*time.Millisecond) {
			g.t.Fatalf("never: %s; it is %+v\n%s", what, s, g.log)
		}
	}
}

func (g *gateway) delivered(n uint64) DestinationState {
	g.t.Helper()
	return g.until(fmt.Sprintf("%d delivered", n), func(s DestinationState) bool { return s.Delivered == n })
}

// parked is the only parked message of a destination.
func (g *gateway) parked(destination string) queue.ParkedItem {
	g.t.Helper()
	g.until("one parked", func(s DestinationState) bool { return s.Parked == 1 && s.GivenUp > 0 })
	store, _ := g.Store(destination)
	items, err := store.ParkedItems()
	if err != nil || len(items) != 1 {
		g.t.Fatalf("%d parked, %v", len(items), err)
	}
	return items[0]
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
