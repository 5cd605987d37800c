//go:build cgo || windows

package pcsc

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"cardferry/drivers"
)

// Built says whether this build reaches PC/SC.
const Built = true

// Run reports events until ctx ends; see [drivers.Driver]. A fault of the service
// itself carries a Reader whose name is the driver's. After ctx has ended nothing
// is emitted any more, and Run returns when every goroutine has: at most two
// seconds later, without those stuck in a PC/SC call (see the package comment).
func (d *Driver) Run(ctx context.Context, emit func(drivers.Event)) error {
	if d.read == nil {
		return errors.New("pcsc: no decoder for cards; set Config.Read")
	}
	snapshots, ended := make(chan snapshot), make(chan struct{})
	a := newAttendance(d, emit)
	go func() {
		defer close(ended)
		d.watch(ctx, snapshots, a.again)
	}()
	hung, heard := time.NewTimer(d.limits.hung), d.now()
	defer hung.Stop()
	for {
		select {
		case <-ctx.Done():
			d.finish(ended, a.leaving.Wait)
			return nil
		case <-hung.C: // goes again with the next snapshot
			if suspended(heard, d.now(), d.limits.hung) { // nobody could have answered
				hung.Reset(d.limits.hung)
				heard = d.now()
				continue
			}
			a.lost(ctx, errHung)
		case s := <-snapshots:
			hung.Reset(d.limits.hung)
			heard = d.now()
			if s.err != nil {
				a.lost(ctx, s.err)
			} else {
				a.seen(ctx, s.readers)
			}
		}
	}
}

// finish waits for the watcher and the readers, for the grace time.
func (d *Driver) finish(watcher <-chan struct{}, readers func()) {
	readers() // each bounds itself
	timer := time.NewTimer(d.limits.grace)
	defer timer.Stop()
	select {
	case <-watcher:
	case <-timer.C:
		d.log.Warn("the PC/SC service does not answer; its watcher ends when the service does")
	}
}

// attendance is which readers are attached. It belongs to Run's goroutine.
type attendance struct {
	d       *Driver
	emit    func(drivers.Event)
	names   *namer
	readers map[string]*reader         // by PC/SC name
	gone    map[string]<-chan struct{} // last words of readers that left, by stable name
	leaving sync.WaitGroup             // all readers' goroutines
	again   chan struct{}              // for the watcher: ask now
	outage  outage
}

func newAttendance(d *Driver, emit func(drivers.Event)) *attendance {
	return &attendance{d: d, emit: emit, names: newNamer(),
		readers: map[string]*reader{}, gone: map[string]<-chan struct{}{}, again: make(chan struct{}, 1)}
}

// look makes the watcher ask the service at once. Any goroutine may call it.
func (a *attendance) look() {
	select {
	case a.again <- struct{}{}:
	default: // it is about to
	}
}

// seen starts and ends readers so that they are those of the list, and hands
// everyone its state.
func (a *attendance) seen(ctx context.Context, list []readerState) {
	if a.outage.over() {
		a.d.log.Info("PC/SC service is back")
	}
	listed := make(map[string]bool, len(list))
	for _, s := range list {
		listed[s.pcscName] = true
	}
	for name := range a.readers {
		if !listed[name] {
			a.detach(name)
		}
	}
	for _, s := range list {
		r := a.readers[s.pcscName]
		if r == nil {
			r = a.attach(ctx, s.pcscName)
		}
		r.atr.Store(&s.atr)
		r.update(s.state)
	}
}

// lost detaches everything: without the service there are no readers.
func (a *attendance) lost(ctx context.Context, err error) {
	for name := range a.readers {
		a.detach(name)
	}
	a.d.log.Debug("PC/SC service lost", "error", err)
	fault, report := a.outage.failed(err)
	if !report || ctx.Err() != nil {
		return
	}
	a.d.log.Warn("PC/SC service unreachable", "error", err)
	a.emit(drivers.Event{
		Type: drivers.Faulted, Time: time.Now(), Fault: &fault,
		Reader: drivers.Reader{Name: Name, Driver: Name, Kind: drivers.KindSmartcard},
	})
}

func (a *attendance) attach(ctx context.Context, pcscName string) *reader {
	readerCtx, detach := context.WithCancel(ctx)
	r := &reader{
		d: a.d, pcscName: pcscName,
		emit: func(e drivers.Event) {
			if ctx.Err() == nil { // the end of the driver is no event
				a.emit(e)
			}
		},
		ident: drivers.Reader{
			Name: a.names.attach(pcscName), Driver: Name, Kind: drivers.KindSmartcard,
			Simulated: strings.HasPrefix(pcscName, simulatedPrefix),
		},
		states: make(chan state, 1), look: a.look, detach: detach, done: make(chan struct{}),
	}
	r.log = a.d.log.With("reader", r.ident.Name)
	previous := a.gone[r.ident.Name]
	delete(a.gone, r.ident.Name)
	a.readers[pcscName] = r
	a.leaving.Go(func() { r.run(readerCtx, previous) })
	return r
}

// detach ends a reader; it does not wait for its goroutine, the next one of
// the same name does.
func (a *attendance) detach(pcscName string) {
	r := a.readers[pcscName]
	delete(a.readers, pcscName)
	a.names.detach(pcscName)
	r.detach()
	a.gone[r.ident.Name] = r.done
}
