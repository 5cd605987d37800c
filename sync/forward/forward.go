// Package forward takes items out of the queue and delivers them upstream: many
// at once, one at a time per lane, for as long as it takes.
package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"cardferry/sync/queue"
	"cardferry/sync/upstream"
)

// Upstream is where items go. Deliver returns nil when the receiver has the
// request for good; otherwise an *upstream.Unavailable (the same request is tried
// again, without limit) or an *upstream.Refused (the item is parked). Any other
// error counts as unavailable. It is called concurrently.
type Upstream interface {
	Deliver(ctx context.Context, r upstream.Request) error
}

// Prepare makes a request of an item, the same bytes every time. An error parks
// the item; an *upstream.Refused says with which code. It is called concurrently.
type Prepare func(queue.Item) (upstream.Request, error)

// Options configure a Forwarder. All are optional.
type Options struct {
	// Workers is how many deliveries are under way at most; 8 when zero.
	Workers int
	// Policy says what a parked item does to its lanes; nil holds them.
	Policy func(queue.Item) queue.Policy
	// Settled, if set, hears what became of an item: nil when the upstream has it, the
	// refusal when it was parked. It is called before a delivery is recorded, so it can hear
	// of one twice, and concurrently.
	Settled func(it queue.Item, refused *upstream.Refused)
	// Responder names the upstream on parked items.
	Responder string
	// BackoffFirst and BackoffMost bound the wait after failures, which doubles
	// from one to the other, with full jitter; 1 s and 1 min when zero.
	BackoffFirst, BackoffMost time.Duration
	Logger                    *slog.Logger

	jitter func(time.Duration) time.Duration // rand.N when nil
}

// Forwarder delivers one store's items to one upstream.
type Forwarder struct {
	store *queue.Store
	up    Upstream
	prep  Prepare
	o     Options
	gate  *gate

	mu      sync.Mutex
	state   State
	tries   map[uint64]int           // failures of items not yet delivered
	delayed map[*queue.Claim]another // claims that wait for another try
	timers  sync.WaitGroup
}

// another try of an item is made when timer fires.
type another struct {
	timer *time.Timer
	at    time.Time
}

// State is what the forwarder looks like at one moment. Codes are stable names.
type State struct {
	// Up says that the last attempt got an answer.
	Up          bool
	LastSuccess time.Time // of a delivery; zero before the first
	LastError   string    // code of the failure that made it not Up; empty when Up
	// BreakerOpen says that one delivery at a time probes a failing upstream.
	BreakerOpen bool
	NextProbe   time.Time // with BreakerOpen
	InFlight    int       // deliveries under way
	Delayed     int       // items that wait for another try of their own
	NextTry     time.Time // the first of these; not before NextProbe
	Delivered   uint64    // since New
	Parked      uint64
	Failed      uint64 // attempts that found the upstream unavailable
}

// New returns a forwarder; Run starts it.
func New(s *queue.Store, up Upstream, prep Prepare, o Options) *Forwarder {
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.Policy == nil {
		o.Policy = func(queue.Item) queue.Policy { return queue.Hold }
	}
	if o.Settled == nil {
		o.Settled = func(queue.Item, *upstream.Refused) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.jitter == nil {
		o.jitter = func(d time.Duration) time.Duration { return rand.N(d + 1) } //nolint:gosec // spreads retries, guards nothing
	}
	if o.BackoffFirst <= 0 {
		o.BackoffFirst = defaultFirst
	}
	if o.BackoffMost <= 0 {
		o.BackoffMost = defaultMost
	}
	return &Forwarder{
		store: s, up: up, prep: prep, o: o,
		gate:  newGate(o.Workers, backoff{o.BackoffFirst, o.BackoffMost, o.jitter}),
		tries: map[uint64]int{}, delayed: map[*queue.Claim]another{},
	}
}

// State describes the forwarder.
func (f *Forwarder) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.state
	st.Delayed = len(f.delayed)
	st.BreakerOpen, st.NextProbe, st.InFlight = f.gate.state()
	for _, a := range f.delayed {
		if st.NextTry.IsZero() || a.at.Before(st.NextTry) {
			st.NextTry = a.at
		}
	}
	if !st.NextTry.IsZero() && st.NextTry.Before(st.NextProbe) {
		st.NextTry = st.NextProbe
	}
	return st
}

// Run delivers until ctx ends, gives its claims back and returns nil; it returns
// early with queue.ErrClosed when the store is closed.
func (f *Forwarder) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var workers sync.WaitGroup
	for range f.o.Workers {
		workers.Go(func() {
			if err := f.work(ctx); err != nil {
				stop(err)
			}
		})
	}
	workers.Wait()
	f.releaseDelayed()
	if err := context.Cause(ctx); errors.Is(err, queue.ErrClosed) {
		return fmt.Errorf("forward: %w", err)
	}
	return nil
}

// work is one worker: claim, pass the gate, deliver.
func (f *Forwarder) work(ctx context.Context) error {
	for failures := 0; ; {
		c, err := f.store.Next(ctx)
		switch {
		case ctx.Err() != nil:
			if c != nil {
				c.Release()
			}
			return nil
		case errors.Is(err, queue.ErrClosed):
			return err
		case err != nil:
			failures++
			f.o.Logger.Error("forward: an item cannot be read from the queue; trying again", "error", err)
			if !sleep(ctx, f.gate.backoff.after(failures)) {
				return nil
			}
			continue
		}
		failures = 0
		probe, err := f.gate.enter(ctx)
		if err != nil {
			c.Release()
			return nil //nolint:nilerr // only the end of ctx comes here
		}
		f.gate.leave(probe, f.handle(ctx, c))
	}
}

// handle delivers one claimed item and ends, or delays, its claim.
func (f *Forwarder) handle(ctx context.Context, c *queue.Claim) verdict {
	it := c.Item()
	r, err := f.prepare(it)
	if err != nil {
		f.park(c, it, refusal(err), "")
		return verdict{kind: untried}
	}
	for _, g := range c.Gaps() {
		r.Gaps = append(r.Gaps, upstream.Gap{Lane: string(g.Lane), Count: g.Count, First: g.First, Last: g.Last})
	}
	err = f.up.Deliver(ctx, r)
	var refused *upstream.Refused
	switch {
	case err == nil:
		f.delivered(it.Seq)
		f.o.Settled(it, nil)
		if err := c.Done(); err != nil {
			f.o.Logger.Warn("forward: a delivery was not recorded and will be repeated", "seq", it.Seq, "error", err)
		}
		return verdict{kind: answered}
	case ctx.Err() != nil:
		c.Release()
		return verdict{kind: untried}
	case errors.As(err, &refused):
		f.park(c, it, refused, f.o.Responder)
		return verdict{kind: answered}
	}
	return f.unavailable(c, it, err)
}

// prepare shields the forwarder from a panic in a mapping: the daemon would crash
// on the same item again and again.
func (f *Forwarder) prepare(it queue.Item) (r upstream.Request, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &upstream.Refused{Code: "prepare_panic", Detail: fmt.Sprintf("%T", p)}
		}
	}()
	return f.prep(it)
}

// refusal makes a preparation error one that parks. The text of a foreign error
// is not kept; it may quote the message.
func refusal(err error) *upstream.Refused {
	var r *upstream.Refused
	if errors.As(err, &r) {
		return r
	}
	return &upstream.Refused{Code: "prepare", Detail: fmt.Sprintf("%T", err)}
}

func (f *Forwarder) delivered(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tries, seq)
	f.state.Delivered++
	f.state.Up, f.state.LastSuccess, f.state.LastError = true, time.Now(), ""
}

// park sets an item aside; when even that fails it is tried again later.
func (f *Forwarder) park(c *queue.Claim, it queue.Item, r *upstream.Refused, responder string) {
	p := queue.Parked{Code: r.Code, Detail: r.Detail, Responder: responder, Policy: f.o.Policy(it)}
	if r.Status != 0 {
		p.Detail = fmt.Sprintf("HTTP %d %s", r.Status, r.Detail)
	}
	err := c.Park(p)
	f.o.Logger.Warn("forward: item parked; retry or drop it", "seq", it.Seq, "code", p.Code, "policy", p.Policy.String(), "error", err)
	if f.parked(c, it, r, responder, err) {
		f.o.Settled(it, r)
	}
}

// parked takes note of an item that was parked, or delays it when that failed.
func (f *Forwarder) parked(c *queue.Claim, it queue.Item, r *upstream.Refused, responder string, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if responder != "" || r.Status != 0 {
		f.state.Up, f.state.LastError = true, ""
	}
	if err != nil {
		f.delay(c, it.Seq, 0)
		return false
	}
	delete(f.tries, it.Seq)
	f.state.Parked++
	return true
}

// unavailable keeps the claim, and so the lane's order, until the item's own next
// try. Another item makes the next probe: one that the upstream always chokes on
// must not stand for all.
func (f *Forwarder) unavailable(c *queue.Claim, it queue.Item, err error) verdict {
	v := verdict{kind: failed, code: "error"}
	var down *upstream.Unavailable
	if errors.As(err, &down) {
		v.code, v.after = down.Code, down.RetryAfter
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Up || f.state.LastError != v.code {
		f.o.Logger.Warn("forward: upstream is unavailable; items wait", "code", v.code, "error", err)
	}
	f.state.Failed++
	f.state.Up, f.state.LastError = false, v.code
	f.delay(c, it.Seq, v.after)
	return v
}

// delay gives a claim back after a while; f.mu is held.
func (f *Forwarder) delay(c *queue.Claim, seq uint64, least time.Duration) {
	f.tries[seq]++
	f.timers.Add(1)
	wait := max(least, f.gate.backoff.after(f.tries[seq]))
	f.delayed[c] = another{at: time.Now().Add(wait), timer: time.AfterFunc(wait, func() {
		defer f.timers.Done()
		f.mu.Lock()
		delete(f.delayed, c)
		f.mu.Unlock()
		c.Release()
	})}
}

// releaseDelayed gives all claims back at once.
func (f *Forwarder) releaseDelayed() {
	f.mu.Lock()
	for c, a := range f.delayed {
		if a.timer.Stop() {
			c.Release()
			f.timers.Done()
		}
	}
	clear(f.delayed)
	f.mu.Unlock()
	f.timers.Wait()
}
