package intake

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/gateway/keys"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimFlag) != "" {
		victim()
		return
	}
	goleak.VerifyTestMain(m)
}

// rig is a listener with a real queue behind it, and a clock that stands still.
type rig struct {
	t      testing.TB
	dir    string
	keys   *keys.Keys
	store  *queue.Store
	intake *Intake
	addr   string
	stop   func()

	mu  sync.Mutex
	now time.Time
	err error // what Enqueue fails with, if anything
}

// newRig starts a listener; change changes the options, if given.
func newRig(t testing.TB, change func(*Options)) *rig {
	t.Helper()
	k, err := keys.Open(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), keys: k, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	r.start(change)
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) start(change func(*Options)) {
	r.t.Helper()
	store, err := queue.Open(r.dir+"/queue", queue.Options{Keys: r.keys, SegmentBytes: 1 << 20})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = store
	o := Options{
		Enqueue: r.enqueue, ItemID: r.keys.ItemID, Lane: r.keys.Lane, StateDir: r.dir + "/intake", Now: r.clock,
	}
	if change != nil {
		change(&o)
	}
	if r.intake, err = New(o); err != nil {
		r.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	srv := &mllp.Server{Handler: r.intake.Handle, OnFragment: r.intake.Fragment, Withhold: time.Millisecond}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, ln) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			r.t.Error(err)
		}
		if err := r.intake.Close(); err != nil {
			r.t.Error(err)
		}
		if err := r.store.Close(); err != nil {
			r.t.Error(err)
		}
	})
}

// restart stops everything and starts it again on the same files.
func (r *rig) restart(change func(*Options)) {
	r.t.Helper()
	r.stop()
	r.start(change)
}

func (r *rig) enqueue(ctx context.Context, it queue.Item) (queue.Receipt, error) {
	r.mu.Lock()
	err := r.err
	r.mu.Unlock()
	if err != nil {
		return queue.Receipt{}, err
	}
	return r.store.Enqueue(ctx, it)
}

func (r *rig) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// stored are the payloads in the queue, in order.
func (r *rig) stored() []string {
	r.t.Helper()
	headers, err := r.store.List(queue.Filter{Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	all := []string{}
	for _, h := range headers {
		it, err := r.store.Get(h.Seq)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, string(it.Payload))
	}
	return all
}

func (r *rig) wantStored(want ...string) {
	r.t.Helper()
	if got := r.stored(); strings.Join(got, "\x00") != strings.Join(want, "\x00") {
		r.t.Errorf("stored %d messages, want %d\n%q\n%q", len(got), len(want), got, want)
	}
}

func (r *rig) events(sender string) map[Event]uint64 { return r.intake.Stats().Events[sender] }

func (r *rig) wantEvents(sender string, want map[Event]uint64) {
	r.t.Helper()
	got := r.events(sender)
	for e := range numEvents {
		if got[e] != want[e] {
			r.t.Errorf("%s of %s: %d, want %d", e, sender, got[e], want[e])
		}
	}
}

// conn is a sender's connection.
type conn struct {
	t testing.TB
	net.Conn
	in *bufio.Reader
}

func (r *rig) dial() *conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return &conn{r.t, c, bufio.NewReader(c)}
}

func (c *conn) send(msg string) {
	c.t.Helper()
	if _, err := c.Write(mllp.AppendFrame(nil, []byte(msg))); err != nil {
		c.t.Fatal(err)
	}
}

// receive is the next frame.
func (c *conn) receive() string {
	c.t.Helper()
	frame, err := c.in.ReadBytes(0x1C)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	if cr, err := c.in.ReadByte(); err != nil || cr != '\r' {
		c.t.Fatalf("frame ends with %x, %v", cr, err)
	}
	return string(bytes.Trim(frame, "\x0b\x1c"))
}

// ask sends one frame and returns the answer.
func (c *conn) ask(msg string) string {
	c.t.Helper()
	c.send(msg)
	return c.receive()
}

// silent says that nothing was answered before a query that is.
func (c *conn) silent() {
	c.t.Helper()
	if got := c.ask(marker); !strings.Contains(got, "|marker\r") && !strings.Contains(got, "|marker|") {
		c.t.Errorf("an answer where none was wanted: %q", got)
	}
}

// closed says that the other side closes without a word.
func (c *conn) closed() {
	c.t.Helper()
	if b, err := io.ReadAll(c.in); err != nil || len(b) > 0 {
		c.t.Errorf("%q %v", b, err)
	}
}

const marker = "MSH|^~\\&|TEST|H|||20260304||ZZZ|marker|P|2.5\rPID|\rMSA-less|\r"

// adt is an admission; head are fields from MSH-13 on.
func adt(id string, head ...string) string {
	return "MSH|^~\\&|HIS|H1^1.2.3^ISO|CF|R|20260304050600||ADT^A01^ADT_A01|" + id + "|P|2.5.1" + strings.Join(append([]string{""}, head...), "|") +
		"\rEVN|A01|20260304\rPID|1||P" + id + "^^^H1||DOE^JOHN\rPV1|1|I\r"
}

// enhanced is an admission with MSH-15 and MSH-16.
func enhanced(id, accept, application string) string { return adt(id, "", "", accept, application) }

// field is the nth field of the first segment with that name, in HL7 numbering.
func field(msg, segment string, n int) string {
	for line := range strings.SplitSeq(msg, "\r") {
		f := strings.Split(line, "|")
		if f[0] != segment {
			continue
		}
		if segment == "MSH" || segment == "BHS" {
			n--
		}
		if n < len(f) {
			return f[n]
		}
	}
	return ""
}

// wantAck checks MSA-1 and MSA-2.
func wantAck(t testing.TB, ack, code, id string) {
	t.Helper()
	if field(ack, "MSA", 1) != code || field(ack, "MSA", 2) != id {
		t.Errorf("want %s for %s, got %q", code, id, ack)
	}
}
