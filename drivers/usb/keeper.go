//go:build cgo

package usb

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"cardferry/drivers"
)

// The pauses between attempts to open a device. They start long enough for the bus to
// say that a device which failed was unplugged: on a pulled cable transfers fail first
// and the hub tells up to a quarter of a second later.
const (
	firstPause = 500 * time.Millisecond
	lastPause  = 5 * time.Second
	// settled is how long a reader must work for its next failure to count as the
	// first.
	settled = 10 * time.Second
	// patient is how many sessions in a row must fail before it is a fault: a fresh
	// device may not be ready, and an ID-card reader may want another framing.
	patient = 2
)

// keeper serves one device for as long as it is plugged in and ours. All of it belongs
// to the goroutine of run.
type keeper struct {
	d      *Driver
	bus    *bus
	c      *candidate
	id     string
	listed Device // the zero Device when the site does not list it
	reader drivers.Reader
	send   func(drivers.Event)
	log    *slog.Logger

	attached bool
	failures int               // sessions in a row that failed before the reader worked
	told     drivers.FaultCode // fault told since then
	framing  int               // of an ID-card reader: the one that was answered last
}

// run opens and serves the device until ctx ends.
func (k *keeper) run(ctx context.Context) {
	pause := firstPause
	for {
		began := time.Now()
		err := k.session(ctx)
		if k.attached {
			k.attached = false
			k.d.setState(k.id, StateStarting, "")
			k.emit(drivers.Event{Type: drivers.Detached})
		}
		if ctx.Err() != nil {
			return
		}
		k.log.Debug("reader session ended", "reason", err)
		if time.Since(began) > settled {
			pause = firstPause
		}
		if !sleep(ctx, pause) {
			return // it was unplugged: no fault
		}
		k.tell(err)
		pause = min(2*pause, lastPause)
	}
}

// session claims the device and serves it until one of them fails or ctx ends.
func (k *keeper) session(ctx context.Context) (err error) {
	defer guard(&err)
	l, err := k.bus.claim(ctx, k.c.desc, k.c.number)
	if err != nil {
		return err
	}
	defer l.close()
	switch k.c.kind {
	case KindIDCard:
		return k.serveIDReader(ctx, l)
	case KindScanner:
		return k.serveScanner(l)
	case KindKeyboard:
		return k.serveKeyboard(l)
	case KindHD100:
		return k.serveHD100(ctx, l)
	default:
		return fmt.Errorf("kind %q: %w", k.c.kind, errNoData)
	}
}

// works says that the reader can be used from now on.
func (k *keeper) works() {
	k.attached, k.failures, k.told = true, 0, ""
	k.d.setState(k.id, StateInUse, "")
	k.emit(drivers.Event{Type: drivers.Attached})
}

// tell says why a session ended, once per reason.
func (k *keeper) tell(err error) {
	v := judge(k.c.identity, err)
	if v.fault == nil {
		return
	}
	if k.failures++; k.failures < patient && v.state == StateFailing {
		return
	}
	k.d.setState(k.id, v.state, v.remedy)
	if v.fault.Code == k.told {
		return
	}
	k.told = v.fault.Code
	k.log.Warn("reader does not work; trying again", "code", v.fault.Code, "reason", err)
	k.emit(drivers.Event{Type: drivers.Faulted, Fault: v.fault})
}

// emitFor reports that a further reader of the device came or left.
func (k *keeper) emitFor(r drivers.Reader, t drivers.EventType) {
	k.send(drivers.Event{Type: t, Time: time.Now(), Reader: r})
}

func (k *keeper) emit(e drivers.Event) {
	e.Time, e.Reader = time.Now(), k.reader
	k.send(e)
}

// sleep waits for d and says whether ctx is still going.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
