//go:build hardware && cgo

package uml_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/pcsc"
	"cardferry/drivers/rig/usbsim"
)

// daemon is the pcscd that these tests started.
var daemon *exec.Cmd

func TestMain(m *testing.M) {
	code := m.Run()
	if daemon != nil && daemon.Process != nil {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	}
	os.Exit(code)
}

// service starts the machine's pcscd, with libccid and without configured readers.
func service(t *testing.T) {
	t.Helper()
	const socket = "/run/pcscd/pcscd.comm"
	answers := func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
		return err == nil && c.Close() == nil
	}
	if answers() {
		awaitReaders(t, 0)
		return // the test before has it, and libpcsclite knows one service per process
	}
	if _, err := os.Stat("/usr/lib/pcsc/drivers/ifd-ccid.bundle"); errors.Is(err, fs.ErrNotExist) {
		t.Skip("as root: apt-get install libccid")
	}
	// Not t.TempDir: the service lives as long as the process.
	conf, err := os.MkdirTemp("", "pcscd")
	must(t, err)
	daemon = exec.Command("pcscd", "--foreground", "-c", conf)
	if err := daemon.Start(); err != nil {
		t.Skip("pcscd: ", err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if answers() {
			return
		}
	}
	t.Fatal("pcscd does not answer")
}

// awaitReaders waits until the service has n readers: those of the test before may
// still be leaving.
func awaitReaders(t *testing.T, n int) {
	t.Helper()
	c, err := scard.EstablishContext()
	must(t, err)
	defer func() { must(t, c.Release()) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		// No reader at all is an error in PC/SC.
		if have, err := c.ListReaders(); len(have) == n && (n == 0 || err == nil) {
			return
		}
	}
	t.Fatalf("the service does not come to %d readers", n)
}

// serviceHas says whether the service comes to list a reader, in a time that would
// make a person plug it in again.
func serviceHas(t *testing.T, serial string) bool {
	t.Helper()
	c, err := scard.EstablishContext()
	must(t, err)
	defer func() { must(t, c.Release()) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-tick.C {
		names, _ := c.ListReaders()
		if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, serial) }) {
			return true
		}
	}
	return false
}

// chip is a card that answers every command with one byte and 90 00.
type chip struct {
	says   byte
	kind   byte   // cards of different kinds have different ATRs
	onAPDU func() // in the middle of a command; may be nil
}

// ATR offers T=1 and has one historical byte (ISO 7816-3, 8.2).
func (c *chip) ATR() []byte { return []byte{0x3B, 0x81, 0x01, c.kind, 0x3B ^ 0xBB ^ c.kind} }
func (c *chip) Reset()      {}
func (c *chip) APDU([]byte) []byte {
	if c.onAPDU != nil {
		c.onAPDU()
	}
	return []byte{c.says, 0x90, 0x00}
}

// readOneByte is the decoder: one command, and its answer is the medium.
func readOneByte(ctx context.Context, ch card.Channel, _ card.Info) (drivers.Read, error) {
	rsp, err := ch.Transmit(ctx, []byte{0x00, 0xCA, 0x00, 0x00, 0x00})
	if err != nil {
		return drivers.Read{}, err
	}
	return drivers.Read{Medium: fmt.Sprintf("test-%02x", rsp[0]), Assurance: drivers.ChipRead}, nil
}

// bench is a PC/SC driver and one reader that is always there.
func bench(t *testing.T, read func(context.Context, card.Channel, card.Info) (drivers.Read, error)) (*running, *usbsim.CCID) {
	t.Helper()
	clean(t)
	stays := usbsim.NewCCID("STAYS")
	service(t)
	plug(t, stays)
	awaitReaders(t, 1)
	r := run(t, pcsc.New(pcsc.Config{Read: read}))
	if e := r.expect(drivers.Attached); !strings.Contains(e.Reader.Name, "STAYS") {
		t.Fatalf("reader is called %q", e.Reader.Name)
	}
	return r, stays
}

// TestReaderCycles plugs a reader in and out, empty, with a card, and while its card
// is being read. Each time the driver says so once, and nothing is left over.
//
// A reader that is pulled while SCardConnect powers its card is left out: pcscd 1.9.9
// then sometimes waits for its own polling thread for ever and never sees another
// reader, which no client can help. Where such a service stops answering, the driver says
// so as a fault (limits.hung in drivers/pcsc), and a person restarts it.
func TestReaderCycles(t *testing.T) {
	const warmUp = 8 // what libraries open once is open then
	n := max(warmUp+4, cycles(t, 200))
	r, _ := bench(t, readOneByte)
	reader := usbsim.NewCCID("COMES")
	name := ""
	files, routines := 0, 0
	began := time.Now()
	for i := range n {
		c := &chip{says: byte(i)}
		kind := i % 4
		if kind == 1 || kind == 2 {
			reader.Insert(c)
		}
		if kind == 2 {
			c.onAPDU = reader.Unplug
		}
		at, err := usbsim.Plug(reader)
		must(t, err)
		e := r.expect(drivers.Attached)
		if name == "" {
			name = e.Reader.Name
		}
		if e.Reader.Name != name || !strings.Contains(name, "COMES") {
			t.Fatalf("cycle %d: reader is called %q, was %q", i, e.Reader.Name, name)
		}
		if kind == 3 {
			reader.Insert(c)
		}
		switch kind {
		case 1, 3:
			if e := r.expect(drivers.Presented, drivers.Completed); e.Read.Medium != fmt.Sprintf("test-%02x", byte(i)) {
				t.Fatalf("cycle %d: read %q", i, e.Read.Medium)
			}
		case 2:
			r.expect(drivers.Presented)
			<-at.Gone() // by the first command
		}
		must(t, at.Unplug())
		if kind == 2 { // the read that was torn may be told as a fault first
			r.until(drivers.Removed)
		} else if kind != 0 {
			r.expect(drivers.Removed)
		}
		r.expect(drivers.Detached)
		reader.Remove()
		switch i {
		case warmUp:
			files, routines = handles(t), runtime.NumGoroutine()
		case n - 1:
			if now := handles(t); now > files {
				t.Errorf("%d files are open, %d before %d cycles", now, files, n-warmUp)
			}
			if now := runtime.NumGoroutine(); now > routines {
				t.Errorf("%d goroutines run, %d before %d cycles", now, routines, n-warmUp)
			}
		}
	}
	r.quiet()
	r.checkStory()
	if a, d := r.count(name, drivers.Attached), r.count(name, drivers.Detached); a != n || d != n {
		t.Errorf("%d cycles, attached %d times, detached %d times", n, a, d)
	}
	t.Logf("%d unplug/replug cycles, %v each", n, (time.Since(began) / time.Duration(n)).Round(time.Millisecond))
}

// TestLastReaderGone takes the only reader away and brings it back.
func TestLastReaderGone(t *testing.T) {
	clean(t)
	reader := usbsim.NewCCID("ONLY")
	service(t)
	at := plug(t, reader)
	awaitReaders(t, 1)
	r := run(t, pcsc.New(pcsc.Config{Read: readOneByte}))
	r.expect(drivers.Attached)
	for i := range cycles(t, 5) {
		must(t, at.Unplug())
		r.expect(drivers.Detached)
		reader.Insert(&chip{says: byte(i)})
		at = plug(t, reader)
		r.expect(drivers.Attached, drivers.Presented, drivers.Completed)
		reader.Remove()
		r.expect(drivers.Removed)
	}
	r.quiet()
	r.checkStory()
}

// TestFlicker is a bad contact: plugged and unplugged faster than the service looks.
// What the driver says must make sense, and in the end the reader works.
func TestFlicker(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	r, _ := bench(t, readOneByte)
	reader := usbsim.NewCCID("LOOSE")
	for range cycles(t, 20) {
		at, err := usbsim.Plug(reader)
		must(t, err)
		select { // a moment, not an event: this is what flickers
		case <-time.After(time.Duration(random.IntN(1500)) * time.Millisecond):
		case <-t.Context().Done():
		}
		must(t, at.Unplug())
	}
	const last = 0xEF
	reader.Insert(&chip{says: last})
	at := plug(t, reader)
	for !serviceHas(t, "LOOSE") { // pcscd gives a reader up that failed while it was looking
		t.Log("pcscd does not have the reader; a person plugs it in again")
		must(t, at.Unplug())
		at = plug(t, reader)
	}
	for e := r.until(drivers.Completed); e.Read.Medium != "test-ef"; {
		e = r.until(drivers.Completed)
	}
	r.stop()
	r.checkStory()
}

// TestCardCycles puts cards in and pulls them, every fourth in the middle of a
// command.
func TestCardCycles(t *testing.T) {
	n := cycles(t, 200)
	r, reader := bench(t, readOneByte)
	began := time.Now()
	for i := range n {
		c := &chip{says: byte(i)}
		pulled := i%4 == 3
		if pulled {
			c.onAPDU = reader.Remove
		}
		reader.Insert(c)
		r.expect(drivers.Presented)
		if pulled {
			r.until(drivers.Removed)
			continue
		}
		if e := r.expect(drivers.Completed); e.Read.Medium != fmt.Sprintf("test-%02x", byte(i)) {
			t.Fatalf("cycle %d: read %q", i, e.Read.Medium)
		}
		reader.Remove()
		r.expect(drivers.Removed)
	}
	r.quiet()
	r.checkStory()
	t.Logf("%d cards in and out, %v each", n, (time.Since(began) / time.Duration(n)).Round(time.Millisecond))
}

// TestSwapInMidCommand puts the next card in within the command that the last one is
// pulled from: the service never sees an empty slot. A card of another kind is presented; one
// of the same kind is read in the last one's place, where nothing tells them apart.
func TestSwapInMidCommand(t *testing.T) {
	n := cycles(t, 20)
	r, reader := bench(t, readOneByte)
	for i := range n {
		other := i%2 == 1
		next := &chip{says: byte(i)}
		if other {
			next.kind = 1
		}
		reader.Insert(&chip{says: 0xEE, onAPDU: func() { reader.Insert(next) }})
		if e := r.until(drivers.Completed); e.Read.Medium != fmt.Sprintf("test-%02x", byte(i)) {
			t.Fatalf("cycle %d: read %q", i, e.Read.Medium)
		}
		reader.Remove()
		r.expect(drivers.Removed)
	}
	r.quiet()
	r.checkStory()
	if got := r.count("Gemalto PC Twin Reader (STAYS)", drivers.Presented); got < n+n/2 {
		t.Errorf("presented %d times, want %d at least: %d cards of another kind came", got, n+n/2, n/2)
	}
}

// TestSlowCard has a card that works longer than a reader waits by itself: the reader
// asks for more time, and the read succeeds.
func TestSlowCard(t *testing.T) {
	r, reader := bench(t, readOneByte)
	var asked atomic.Int32
	reader.Insert(&chip{says: 0x5C, onAPDU: func() {
		asked.Add(1)
		<-time.After(3 * time.Second) // the card's work; libccid's own limit is below
	}})
	if e := r.expect(drivers.Presented, drivers.Completed); e.Read.Medium != "test-5c" || asked.Load() != 1 {
		t.Errorf("read %q after %d commands", e.Read.Medium, asked.Load())
	}
	reader.Remove()
	r.expect(drivers.Removed)
}

// TestCardsThroughCCID reads every synthetic card of the profile engine's tests
// through kernel, libccid, pcscd and the driver: the read is the same as offline.
func TestCardsThroughCCID(t *testing.T) {
	// Cards that libccid does not power up: their ATR ends before its check byte.
	refused := map[string]bool{"tw-nhi-unknown-atr": true}
	engine := shippedEngine(t)
	r, reader := bench(t, engine.Read)
	all, err := filepath.Glob(filepath.Join("..", "..", "card", "testdata", "*.read.json"))
	must(t, err)
	if len(all) < 20 {
		t.Fatalf("only %d cards found", len(all))
	}
	for _, golden := range all {
		name := strings.TrimSuffix(filepath.Base(golden), ".read.json")
		t.Logf("card %s", name)
		reader.Insert(replayed(t, strings.TrimSuffix(golden, ".read.json")+".json"))
		if refused[name] {
			if e := r.expect(drivers.Presented, drivers.Faulted); e.Fault.Code != drivers.FaultUnresponsive {
				t.Errorf("%s: fault %s", name, e.Fault.Code)
			}
		} else {
			compare(t, golden, *r.expect(drivers.Presented, drivers.Completed).Read)
		}
		reader.Remove()
		r.expect(drivers.Removed)
	}
	r.quiet()
}
