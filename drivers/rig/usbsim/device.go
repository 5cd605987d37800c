package usbsim

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"
)

// Speed is a bus speed as USB/IP and the kernel's enum usb_device_speed count them.
type Speed uint32

// The speeds. The zero Speed of a [Device] means full speed.
const (
	LowSpeed  Speed = 1
	FullSpeed Speed = 2
	HighSpeed Speed = 3
)

// Transfer types of an endpoint (bmAttributes, USB 2.0 table 9-13).
const (
	bulk      = 2
	interrupt = 3
)

// dirIn is the direction bit of an endpoint address.
const dirIn = 0x80

// What a handler may return besides data.
var (
	errStall    = errors.New("endpoint stalls")
	errOverflow = errors.New("packet is longer than the host's buffer")
	errGone     = errors.New("device is unplugged")
)

// endpoint describes one endpoint; bit 7 of addr is the direction IN.
type endpoint struct {
	addr      byte
	attr      byte
	maxPacket uint16
	interval  byte
}

// usbInterface describes one interface, alternate setting 0 only.
type usbInterface struct {
	class, subClass, protocol byte
	classDesc                 []byte // class descriptors, before the endpoints
	report                    []byte // HID report descriptor
	endpoints                 []endpoint
}

// setup is the first stage of a control transfer (USB 2.0 table 9-2).
type setup struct {
	typ, request         byte
	value, index, length uint16
}

// in says whether the data stage goes to the host.
func (s setup) in() bool { return s.typ&dirIn != 0 }

// Device is one USB device. The devices of this package embed it; its methods are
// safe for concurrent use, its fields are not to be changed once it is plugged in.
// A device can be plugged in again after an unplug, as often as wanted, and is in
// one place at a time.
type Device struct {
	VID, PID     uint16
	Release      uint16 // bcdDevice; 0 means 1.00
	Manufacturer string
	Name         string // the product string
	Serial       string // serial number string; empty: the device has none
	Speed        Speed

	interfaces []usbInterface
	// control answers class and vendor requests; without one they stall.
	control func(s setup, out []byte) ([]byte, error)
	// out takes one transfer to an OUT endpoint. It must not block.
	out map[byte]func(data []byte) error
	// idle makes the transfer that an IN endpoint sends when the host has been
	// waiting for idleAfter.
	idle      map[byte]func() []byte
	idleAfter time.Duration
	// reset forgets what a device forgets without power; called when plugged in.
	reset func()
	// connected runs while the device is plugged in, until ctx ends.
	connected func(ctx context.Context)

	mu     sync.Mutex
	gone   chan struct{} // nil while not plugged in; closed by Unplug
	pulled bool          // gone is closed
	queues map[byte]*inQueue
	config byte
	chunk  int
	delay  time.Duration
}

// inQueue is what an IN endpoint has to send.
type inQueue struct {
	transfers []transfer
	stalled   bool
	changed   chan struct{} // closed and replaced at every change
}

type transfer struct {
	data []byte
	due  time.Time
}

func (q *inQueue) notify() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// Base returns the device itself: what [Plug] takes of any device here.
func (d *Device) Base() *Device { return d }

// Chunk makes the device split what it sends on bulk endpoints into transfers of n
// bytes; 0 sends whole messages.
func (d *Device) Chunk(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.chunk = n
}

// Delay makes everything the device sends from now on come that much later. An
// answer that comes after its reader gave up meets the next request: late answers
// are out of step.
func (d *Device) Delay(late time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = late
}

// Stall makes IN endpoint ep (0x81 and up) answer with a stall until the host
// clears the halt. What waits to be sent is kept.
func (d *Device) Stall(ep byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.queues[ep|dirIn]; q != nil {
		q.stalled = true
		q.notify()
	}
}

// Noise sends bytes on IN endpoint ep that nobody asked for.
func (d *Device) Noise(ep byte, b []byte) { d.send(ep|dirIn, b) }

// Unplug pulls the cable and returns at once, so that a device can do it in the
// middle of a transfer. [Attached.Unplug] also waits for the host.
func (d *Device) Unplug() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone != nil && !d.pulled {
		d.pulled = true
		close(d.gone)
	}
}

// plugIn makes the device ready for a host; the channel is closed by Unplug.
func (d *Device) plugIn() (<-chan struct{}, error) {
	gone, err := d.power()
	if err == nil && d.reset != nil {
		d.reset() // not under the lock: it takes the device's own
	}
	return gone, err
}

func (d *Device) power() (<-chan struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone != nil {
		return nil, errors.New("usbsim: device is plugged in already")
	}
	d.gone, d.pulled, d.config = make(chan struct{}), false, 0
	d.queues = map[byte]*inQueue{}
	for _, i := range d.interfaces {
		for _, e := range i.endpoints {
			if e.addr&dirIn != 0 {
				d.queues[e.addr] = &inQueue{changed: make(chan struct{})}
			}
		}
	}
	return d.gone, nil
}

// plugOut ends what plugIn began.
func (d *Device) plugOut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone, d.queues = nil, nil
}

// send queues one message on an IN endpoint; what is sent to a device that is not
// plugged in is lost, as on the wire.
func (d *Device) send(ep byte, msg []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queues[ep]
	if q == nil {
		return
	}
	size := len(msg)
	if d.chunk > 0 && d.find(ep).attr == bulk {
		size = d.chunk
	}
	var due time.Time
	if d.delay > 0 {
		due = time.Now().Add(d.delay)
	}
	for first := true; first || len(msg) > 0; first = false {
		n := min(size, len(msg))
		q.transfers = append(q.transfers, transfer{bytes.Clone(msg[:n]), due})
		msg = msg[n:]
	}
	q.notify()
}

// unsend puts back what was taken for a host that no longer wanted it.
func (d *Device) unsend(ep byte, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.queues[ep]; q != nil {
		q.transfers = append([]transfer{{data: data}}, q.transfers...)
		q.notify()
	}
}

// find returns the endpoint with that address; the zero endpoint if there is none.
func (d *Device) find(addr byte) endpoint {
	for _, i := range d.interfaces {
		for _, e := range i.endpoints {
			if e.addr == addr {
				return e
			}
		}
	}
	return endpoint{}
}

// handleOut gives an OUT transfer to the device.
func (d *Device) handleOut(ep byte, data []byte) error {
	if h := d.out[ep]; h != nil {
		return h(data)
	}
	return errStall
}

// handleIn waits until endpoint ep has something for a host that takes n bytes.
func (d *Device) handleIn(ctx context.Context, ep byte, n int) ([]byte, error) {
	var idle <-chan time.Time
	if d.idle[ep] != nil {
		t := time.NewTimer(d.idleAfter)
		defer t.Stop()
		idle = t.C
	}
	for {
		data, wait, changed, err := d.take(ep, n)
		if data != nil || err != nil {
			return data, err
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-changed:
		case <-due:
		case <-idle:
			return d.idle[ep](), nil
		case <-ctx.Done():
			return nil, errGone
		}
	}
}

// take returns what is due on an endpoint, or how long it is until then.
func (d *Device) take(ep byte, n int) (data []byte, wait time.Duration, changed <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queues[ep]
	if q == nil || q.stalled {
		return nil, 0, nil, errStall
	}
	if len(q.transfers) == 0 {
		return nil, 0, q.changed, nil
	}
	next := &q.transfers[0]
	if wait = time.Until(next.due); wait > 0 {
		return nil, wait, q.changed, nil
	}
	data = next.data
	if len(data) > n {
		// A host takes whole packets only: the one that does not fit is lost.
		if size := int(d.find(ep).maxPacket); n%size != 0 {
			q.transfers = q.transfers[1:]
			return nil, 0, nil, errOverflow
		}
		next.data = data[n:]
		return data[:n], 0, nil, nil
	}
	q.transfers = q.transfers[1:]
	return data, 0, nil, nil
}
