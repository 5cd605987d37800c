//go:build cgo

package usb

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/drivers"
	"cardferry/drivers/rig/usbmock"
	"cardferry/drivers/rig/usbsim"
)

// TestMain runs the tests where libusb sees simulated devices. With the tag "hardware"
// they run on the kernel of the machine, which needs a virtual host controller.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" { // no target needs a device
		os.Exit(m.Run())
	}
	os.Exit(usbmock.Run(m))
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// simulator is any device of the rig.
type simulator interface{ Base() *usbsim.Device }

// bench is a running driver with what it reported.
type bench struct {
	*testing.T
	d      *Driver
	events chan drivers.Event
	stop   func() // ends the driver and makes sure that it left nothing behind
}

// start runs a driver for the length of the test.
func start(t *testing.T, cfg Config) *bench {
	t.Helper()
	usbmock.Need(t)
	before := goleak.IgnoreCurrent()
	b := &bench{T: t, d: New(cfg), events: make(chan drivers.Event, 10000)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.d.Run(ctx, func(e drivers.Event) { b.events <- e }) }()
	stopped := false
	b.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Fatal("Run does not end")
		}
		goleak.VerifyNone(t, append(plugged(), before)...)
	}
	t.Cleanup(b.stop)
	return b
}

// plugged are the goroutines of simulated devices that are still plugged in.
func plugged() (ignore []goleak.Option) {
	for _, f := range []string{"serve.func2", "(*session).run", "(*session).line.func1", "(*session).answerControl"} {
		ignore = append(ignore, goleak.IgnoreAnyFunction("cardferry/drivers/rig/usbsim."+f))
	}
	return ignore
}

// plug plugs a device in for the length of the test.
func plug(t testing.TB, dev simulator) *usbsim.Attached {
	t.Helper()
	usbmock.Need(t)
	at, err := usbsim.Plug(dev)
	if errors.Is(err, usbsim.ErrNoHost) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := at.Unplug(); err != nil {
			t.Error(err)
		}
	})
	return at
}

// next returns the next event.
func (b *bench) next() drivers.Event {
	b.Helper()
	select {
	case e := <-b.events:
		return e
	case <-time.After(patience):
		b.Fatalf("nothing happens; found %+v", b.d.Found())
		return drivers.Event{}
	}
}

// want expects events of these types, one after the other, and returns the last.
func (b *bench) want(types ...drivers.EventType) drivers.Event {
	b.Helper()
	var e drivers.Event
	for _, w := range types {
		if e = b.next(); e.Type != w {
			b.Fatalf("event %q (fault %+v), want %q", e.Type, e.Fault, w)
		}
	}
	return e
}

// presented expects a card to be read. A reader out of step may be given up and taken
// again before, which depends on how busy the machine is; nothing else may happen.
func (b *bench) presented() drivers.Event {
	b.Helper()
	e := b.next()
	for e.Type == drivers.Detached {
		b.want(drivers.Attached)
		e = b.next()
	}
	if e.Type != drivers.Presented {
		b.Fatalf("event %q (fault %+v), want %q", e.Type, e.Fault, drivers.Presented)
	}
	return b.want(drivers.Completed)
}

// fault expects a fault.
func (b *bench) fault(code drivers.FaultCode) drivers.Event {
	b.Helper()
	e := b.want(drivers.Faulted)
	if e.Fault.Code != code {
		b.Fatalf("fault %+v, want %s", e.Fault, code)
	}
	return e
}

// silent fails if anything was reported that the test has not expected.
func (b *bench) silent() {
	b.Helper()
	select {
	case e := <-b.events:
		b.Errorf("unexpected event %q %+v", e.Type, e.Fault)
	default:
	}
}

// found waits until what is found is as wanted.
func (b *bench) found(what string, wanted func([]Found) bool) []Found {
	b.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if all := b.d.Found(); wanted(all) {
			return all
		}
	}
	b.Fatalf("found %+v, want %s", b.d.Found(), what)
	return nil
}

// state waits until the only device found is in a state.
func (b *bench) state(want State) Found {
	b.Helper()
	return b.found(string(want), func(all []Found) bool { return len(all) == 1 && all[0].State == want })[0]
}

// foundNothing waits until no device is left.
func (b *bench) foundNothing() {
	b.Helper()
	b.found("none", func(all []Found) bool { return len(all) == 0 })
}
