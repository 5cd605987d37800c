//go:build cgo

package usb

import (
	"context"
	"fmt"
	"time"

	"cardferry/drivers"
)

// Built says whether this build reaches USB devices.
const Built = true

// relist is how often the bus is listed where libusb cannot tell that it changed, and
// while it cannot be listed.
const relist = 3 * time.Second

// calm is how long the bus must be left alone after a change: a hub comes with all its
// devices, and a fresh device may not be ready for its first request.
const calm = 100 * time.Millisecond

// A device that does not answer when it is asked what it is, is asked this often, this
// long apart.
const (
	askings  = 5
	askAgain = time.Second
)

// grace is how long a reader, or the watch of the bus, may take to end. A transfer that
// the kernel does not give back cannot be waited for: it would keep every other reader
// from coming and going, and the daemon from ending.
const grace = 5 * time.Second

// Run reports events until ctx ends; see [drivers.Driver]. It returns an error when
// the configuration can never work or libusb does not start. After ctx has ended
// nothing is emitted any more, and Run returns when every goroutine has, but for one
// that is stuck in a transfer (see grace).
func (d *Driver) Run(ctx context.Context, emit func(drivers.Event)) error {
	if err := d.cfg.check(); err != nil {
		return err
	}
	// The watch is there before the first list, so that nothing is missed between.
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	h, err := watchHotplug(watching)
	if err != nil {
		d.log.Info("USB devices are looked for again and again", "every", relist, "reason", err)
		h = &hotplug{ended: make(chan struct{})} // never tells
		close(h.ended)
	}
	b, err := openBus()
	if err != nil {
		stopWatching()
		<-h.ended
		return fmt.Errorf("usb: start libusb: %w", err)
	}
	a := &attendance{d: d, bus: b, devices: map[address]*attended{}, emit: func(e drivers.Event) {
		if ctx.Err() == nil { // the end of the driver is no event
			emit(e)
		}
	}}
	a.run(ctx, h)
	a.end()
	if !endsWithin(grace, h.ended) || a.stuck {
		return nil // libusb cannot be closed under a transfer
	}
	return b.close()
}

// run looks at the bus whenever it changed, until ctx ends.
func (a *attendance) run(ctx context.Context, h *hotplug) {
	watched := h.ended // nil once nobody watches
	for ctx.Err() == nil {
		listed, sure := a.look()
		a.decide(ctx)
		var again <-chan time.Time
		switch {
		case !sure:
			again = time.After(askAgain)
		case !listed || watched == nil:
			again = time.After(relist)
		}
		select {
		case <-ctx.Done():
		case <-h.changed:
			sleep(ctx, calm)
		case <-a.d.recheck:
		case <-watched:
			watched = nil
		case <-again:
		}
	}
}

// endsWithin waits for the end of something and says whether it came in time.
func endsWithin(d time.Duration, ended <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C:
		return false
	}
}

// attendance is which devices are plugged in. It belongs to Run's goroutine.
type attendance struct {
	d       *Driver
	bus     *bus
	emit    func(drivers.Event)
	devices map[address]*attended
	told    bool // that the bus cannot be listed
	stuck   bool // a reader did not end and was left behind
}

// attended is one device that is plugged in.
type attended struct {
	c     *candidate // nil for a device that is none of ours
	id    string
	stop  func() // ends its keeper and waits for it; nil when it has none
	asked int    // how often it did not answer what it is
}

// look compares the bus with what is known of it, ends the keepers of devices that
// left and identifies those that came. It reports whether the bus could be listed, and
// whether every device told what it is.
func (a *attendance) look() (listed, sure bool) {
	list, err := a.bus.list()
	if err != nil {
		if !a.told {
			a.told = true
			a.d.log.Warn("USB devices cannot be listed; trying again", "error", err)
			a.emit(drivers.Event{Type: drivers.Faulted, Time: time.Now(),
				Reader: drivers.Reader{Name: Name, Driver: Name, Kind: drivers.KindScanner},
				Fault:  &drivers.Fault{Code: drivers.FaultServiceDown, Detail: err.Error()}})
		}
		return false, true
	}
	a.told, sure = false, true
	here := map[address]bool{}
	for _, desc := range list {
		here[addressOf(desc)] = true
	}
	for at := range a.devices {
		if !here[at] {
			a.leave(at)
		}
	}
	for _, desc := range list {
		device := a.devices[addressOf(desc)]
		if device == nil {
			device = &attended{asked: 1}
			a.devices[addressOf(desc)] = device
		} else if device.asked == 0 {
			continue
		}
		c, ok := a.d.identify(a.bus, desc)
		if !ok && device.asked < askings {
			device.asked, sure = device.asked+1, false
			continue
		}
		if device.asked = 0; c != nil {
			device.id, device.c = a.nameFor(c), c
		}
	}
	return true, sure
}

// nameFor returns the stable name of a device; one whose serial number another device
// has as well is told apart by where it is plugged in.
func (a *attendance) nameFor(c *candidate) string {
	name := c.name()
	for _, other := range a.devices {
		if other.c != nil && other.id == name {
			return name + "@" + c.path
		}
	}
	return name
}

func (a *attendance) leave(at address) {
	device := a.devices[at]
	delete(a.devices, at)
	if device.stop != nil {
		device.stop()
	}
	if device.c != nil {
		a.d.forget(device.id)
	}
}

// decide starts and ends keepers as the site and the approvals say.
func (a *attendance) decide(ctx context.Context) {
	for _, device := range a.devices {
		if device.c == nil {
			continue
		}
		c := device.c
		entry, listed := a.d.cfg.list(c.identity)
		state, remedy := a.d.cfg.decide(c.kind, device.id, listed)
		use := state == StateStarting
		if use && device.stop != nil {
			continue
		}
		if device.stop != nil {
			device.stop()
			device.stop = nil
		}
		name := entry.Name
		if name == "" {
			name = device.id
		}
		a.d.note(Found{ID: device.id, Product: c.title, Kind: c.kind, State: state, Remedy: remedy, Name: name})
		if use {
			device.stop = a.keep(ctx, &keeper{
				d: a.d, bus: a.bus, c: c, id: device.id, listed: entry, send: a.emit,
				reader: drivers.Reader{Name: name, Driver: Name, Kind: readerKind(c.kind)},
				log:    a.d.log.With("reader", name),
			})
		}
	}
}

// keep runs a keeper and returns what ends it.
func (a *attendance) keep(ctx context.Context, k *keeper) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.run(ctx)
	}()
	return func() {
		cancel()
		if !endsWithin(grace, ended) {
			a.stuck = true
			k.log.Error("the reader's transfer does not end; it is left behind", "after", grace)
		}
	}
}

func (a *attendance) end() {
	for at := range a.devices {
		a.leave(at)
	}
}

// readerKind is what a kind of device is to the rest of the gateway.
func readerKind(kind string) string {
	switch kind {
	case KindIDCard:
		return drivers.KindIDCard
	case KindHD100:
		return drivers.KindSmartcard
	default:
		return drivers.KindScanner
	}
}
