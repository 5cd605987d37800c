//go:build cgo

package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebfe/scard"
	"go.uber.org/goleak"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/rig/pcscd"
	"cardferry/drivers/rig/vcard"
)

// patience is how long a test waits for what must happen. It is generous: the
// machine may be busy, and pcscd sees virtual cards by polling.
const patience = 20 * time.Second

// One pcscd serves the whole test process, because libpcsclite remembers the
// first socket it was told.
var (
	service      *pcscd.Daemon
	startService = sync.OnceValue(func() (err error) {
		if serviceDir, err = os.MkdirTemp("", "pcsc"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		service, err = pcscd.Start(ctx, pcscd.Config{Dir: serviceDir, Readers: maxStates, Install: true})
		if err != nil {
			return err
		}
		if wholeRig, err = os.ReadFile(rigFile()); err != nil {
			return err
		}
		if err := furnish(ctx, 0, 1); err != nil {
			return err
		}
		return os.Setenv("PCSCLITE_CSOCK_NAME", service.Socket())
	})
	serviceDir string
	wholeRig   []byte // reader.conf(5) of all pairs of readers
)

// rigFile is where the rig's pcscd has its readers from.
func rigFile() string { return filepath.Join(serviceDir, "conf", "readers") }

// furnish restarts pcscd with these pairs of readers, in this order: readers of
// reader.conf do not come and go while it runs.
func furnish(ctx context.Context, pairs ...int) error {
	if err := service.Stop(); err != nil {
		return err
	}
	entries := strings.SplitAfter(string(wholeRig), "\n\n")
	var conf strings.Builder
	for _, p := range pairs {
		conf.WriteString(entries[p])
	}
	if err := os.WriteFile(rigFile(), []byte(conf.String()), 0o600); err != nil {
		return err
	}
	return service.Restart(ctx)
}

// refurnish is furnish within a test, which ends with the usual readers.
func refurnish(t testing.TB, pairs ...int) {
	t.Helper()
	needService(t)
	change := func(pairs ...int) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := furnish(ctx, pairs...); err != nil {
			t.Fatal(err)
		}
	}
	change(pairs...)
	t.Cleanup(func() { change(0, 1) })
}

// allReaders refurnishes the rig with as many readers as pcscd can have and returns
// them; slot i of the rig is reader i.
func allReaders(t testing.TB) []rigReader {
	t.Helper()
	refurnish(t, 0, 1, 2, 3, 4, 5, 6, 7)
	all := make([]rigReader, maxStates)
	for i := range all {
		name := fmt.Sprintf("Virtual PCD %d", i/2)
		all[i] = rigReader{pcsc: fmt.Sprintf("%s 00 %02X", name, i%2), name: name}
		if i%2 == 1 {
			all[i].name += " slot 1"
		}
	}
	return all
}

// rigReader is one of the rig's readers: PC/SC name and the driver's name.
type rigReader struct{ pcsc, name string }

// readers are those that most tests have; see also allReaders.
var readers = []rigReader{
	{"Virtual PCD 0 00 00", "Virtual PCD 0"},
	{"Virtual PCD 0 00 01", "Virtual PCD 0 slot 1"},
	{"Virtual PCD 1 00 00", "Virtual PCD 1"},
	{"Virtual PCD 1 00 01", "Virtual PCD 1 slot 1"},
}

func TestMain(m *testing.M) {
	code := m.Run()
	if service != nil {
		_ = service.Stop()
	}
	if serviceDir != "" {
		_ = os.RemoveAll(serviceDir)
	}
	os.Exit(code)
}

// needService starts pcscd for a test, or skips the test where none can run.
func needService(t testing.TB) {
	t.Helper()
	err := startService()
	if errors.Is(err, pcscd.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// chip is a card that answers by a function; nil answers 90 00 with the
// instruction byte before it.
type chip struct {
	atr  []byte
	apdu func(cmd []byte) []byte
}

// atrT1 is a card that speaks T=1 only and says nothing else (ISO 7816-3, 8.2).
var atrT1 = []byte{0x3B, 0x80, 0x01, 0x81}

func (c *chip) ATR() []byte {
	if c.atr == nil {
		return atrT1
	}
	return c.atr
}
func (c *chip) Reset() {}
func (c *chip) APDU(cmd []byte) []byte {
	if c.apdu == nil {
		return []byte{cmd[1], 0x90, 0x00}
	}
	return c.apdu(cmd)
}

// says returns a card that answers every command with b and 90 00.
func says(b byte) *chip {
	return &chip{apdu: func([]byte) []byte { return []byte{b, 0x90, 0x00} }}
}

// readOneByte is the decoder of most tests: one command, its answer is the medium.
func readOneByte(ctx context.Context, ch card.Channel, _ card.Info) (drivers.Read, error) {
	rsp, err := ch.Transmit(ctx, []byte{0x00, 0xCA, 0x00, 0x00, 0x00})
	if err != nil {
		return drivers.Read{}, err
	}
	return drivers.Read{Medium: fmt.Sprintf("test-%02x", rsp[0]), Assurance: drivers.ChipRead}, nil
}

// running is a driver at work and what it has said so far.
type running struct {
	testing.TB
	driver *Driver
	log    *lockedBuffer
	stop   func() error // ends the driver and waits for Run

	events chan drivers.Event
	queues map[string][]drivers.Event // by reader
}

// run starts a driver and waits until it has attached all readers. At the
// test's end the driver must have left nothing behind.
func run(t testing.TB, read func(context.Context, card.Channel, card.Info) (drivers.Read, error), tune ...func(*limits)) *running {
	t.Helper()
	r := start(t, read, tune...)
	r.attached(readers)
	return r
}

// attached waits until the driver has attached readers.
func (r *running) attached(readers []rigReader) {
	r.Helper()
	for _, reader := range readers {
		r.expect(reader.name, drivers.Attached)
	}
}

// start is run without waiting for readers.
func start(t testing.TB, read func(context.Context, card.Channel, card.Info) (drivers.Read, error), tune ...func(*limits)) *running {
	t.Helper()
	return startWith(t, read, func(d *Driver) {
		for _, f := range tune {
			f(&d.limits)
		}
	})
}

// startWith is start for a driver that is changed before it runs.
func startWith(t testing.TB, read func(context.Context, card.Channel, card.Info) (drivers.Read, error), change func(*Driver)) *running {
	t.Helper()
	needService(t)
	before := goleak.IgnoreCurrent()
	restarted := goleak.IgnoreAnyFunction("cardferry/drivers/rig/pcscd.(*process).wait")
	t.Cleanup(func() { goleak.VerifyNone(t, before, restarted) })
	r := &running{TB: t, log: &lockedBuffer{}, events: make(chan drivers.Event, 1000), queues: map[string][]drivers.Event{}}
	r.driver = New(Config{Read: read, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	change(r.driver)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.driver.Run(ctx, func(e drivers.Event) { r.events <- e }) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("the driver's log:\n%s", r.log)
		}
	})
	return r
}

// expect waits for the next events of one reader, which must be of these types.
// It returns the last.
func (r *running) expect(reader string, types ...drivers.EventType) drivers.Event {
	r.Helper()
	var e drivers.Event
	for i, want := range types {
		if e = r.next(reader); e.Type != want {
			r.Fatalf("%s: event %d is %q (%+v), want %q", reader, i, e.Type, e.Fault, want)
		}
	}
	return e
}

// next waits for the next event of one reader.
func (r *running) next(reader string) drivers.Event {
	r.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for len(r.queues[reader]) == 0 {
		select {
		case e := <-r.events:
			r.queues[e.Reader.Name] = append(r.queues[e.Reader.Name], e)
		case <-late.C:
			r.Fatalf("%s: no event within %v; others waiting: %v", reader, patience, r.queues)
		}
	}
	e := r.queues[reader][0]
	r.queues[reader] = r.queues[reader][1:]
	return e
}

// expectFault waits for a fault of one reader.
func (r *running) expectFault(reader string, code drivers.FaultCode) {
	r.Helper()
	if e := r.expect(reader, drivers.Faulted); e.Fault == nil || e.Fault.Code != code || e.Fault.Detail == "" {
		r.Fatalf("%s: fault %+v, want %s with detail", reader, e.Fault, code)
	}
}

// insert puts a card into reader i of the rig.
func (r *running) insert(i int, c vcard.Card) { insert(r, i, c) }

func insert(t testing.TB, i int, c vcard.Card) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := service.Slots()[i].Insert(ctx, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Slots()[i].Remove()
		awaitCard(t, client(t), readers[i].pcsc, false) // the next test starts with an empty reader
	})
}

// insertQuietly is insert without waiting, at the test's end, for the card to be gone:
// for tests that refurnish the rig or remove every card themselves.
func (r *running) insertQuietly(i int, c vcard.Card) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := service.Slots()[i].Insert(ctx, c); err != nil {
		r.Fatal(err)
	}
}

// remove pulls the card from reader i of the rig.
func (r *running) remove(i int) { service.Slots()[i].Remove() }

// client is another program at the desk.
func client(t testing.TB) *scard.Context {
	t.Helper()
	c, err := scard.EstablishContext()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Release() })
	return c
}

// awaitCard waits until a client sees a card in the reader, or none.
func awaitCard(t testing.TB, c *scard.Context, reader string, present bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	st := []scard.ReaderState{{Reader: reader}}
	for time.Now().Before(deadline) {
		if err := c.GetStatusChange(st, patience); err != nil {
			t.Fatal(err)
		}
		if state(st[0].EventState).present() == present {
			return
		}
		st[0].CurrentState = st[0].EventState
	}
	t.Fatalf("%s: a card's presence never became %v", reader, present)
}

// lockedBuffer is a log that a test may read while others write.
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
