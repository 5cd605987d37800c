//go:build hardware && cgo

package uml_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/drivers"
	"cardferry/drivers/rig/story"
	"cardferry/drivers/rig/usbsim"
)

// patience is how long a test waits for what must happen: a simulated machine on a
// busy one.
const patience = 30 * time.Second

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plug plugs a device in, or skips the test where there is no kernel for it.
func plug(t *testing.T, dev interface{ Base() *usbsim.Device }) *usbsim.Attached {
	t.Helper()
	at, err := usbsim.Plug(dev)
	if errors.Is(err, usbsim.ErrNoHost) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, at.Unplug()) })
	return at
}

// cycles is how often a test repeats: TEST_CYCLES or what the test says.
func cycles(t *testing.T, usual int) int {
	t.Helper()
	if s := os.Getenv("TEST_CYCLES"); s != "" {
		n, err := strconv.Atoi(s)
		must(t, err)
		return n
	}
	return usual
}

// running is a driver at work and what it says.
type running struct {
	*testing.T
	events chan drivers.Event
	stop   func()

	mu    sync.Mutex
	story map[string][]drivers.EventType // everything, by reader
}

// clean makes sure that a test leaves no goroutine behind, of the driver or of a
// device. It is called first.
func clean(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// run starts a driver. At the test's end it must stop.
func run(t *testing.T, d drivers.Driver) *running {
	t.Helper()
	r := &running{T: t, events: make(chan drivers.Event, 10_000), story: map[string][]drivers.EventType{}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, r.emit) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) emit(e drivers.Event) {
	r.mu.Lock()
	r.story[e.Reader.Name] = append(r.story[e.Reader.Name], e.Type)
	r.mu.Unlock()
	r.events <- e
}

// next waits for the next event of any reader.
func (r *running) next() drivers.Event {
	r.Helper()
	select {
	case e := <-r.events:
		return e
	case <-time.After(patience):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Fatalf("no event within %v; so far: %v", patience, r.story)
		return drivers.Event{}
	}
}

// expect waits for the next events, which must be of these types and of one
// reader. It returns the last.
func (r *running) expect(types ...drivers.EventType) drivers.Event {
	r.Helper()
	var e drivers.Event
	for i, want := range types {
		name := e.Reader.Name
		if e = r.next(); e.Type != want || (i > 0 && e.Reader.Name != name) {
			r.Fatalf("event %d is %q of %s (fault %+v), want %q", i, e.Type, e.Reader.Name, e.Fault, want)
		}
	}
	return e
}

// until waits for an event of that type and passes over others.
func (r *running) until(want drivers.EventType) drivers.Event {
	r.Helper()
	for {
		if e := r.next(); e.Type == want {
			return e
		}
	}
}

// quiet fails when there is an event that nobody asked for.
func (r *running) quiet() {
	r.Helper()
	select {
	case e := <-r.events:
		r.Errorf("one event too many: %q of %s", e.Type, e.Reader.Name)
	default:
	}
}

// checkStory checks that each reader's events make sense in their order.
func (r *running) checkStory() {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, events := range r.story {
		if err := story.Check(events); err != nil {
			r.Errorf("%s: %v", name, err)
		}
	}
}

// count returns how often a reader said something.
func (r *running) count(reader string, want drivers.EventType) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.story[reader] {
		if e == want {
			n++
		}
	}
	return n
}

// handles returns the number of open files of this process.
func handles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(files)
}
