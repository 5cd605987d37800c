package forward

import (
	"context"
	"strings"
	"sync"
	"time"
)

// Back-off bounds where the options have none.
const (
	defaultFirst = time.Second
	defaultMost  = time.Minute
)

// softFailures is how many failures in a row open the breaker that may lie with
// the item (a time-out, an internal error). Others open it at once.
const softFailures = 3

// backoff is how failures are waited out: first, doubling up to most, with full
// jitter.
type backoff struct {
	first, most time.Duration
	jitter      func(time.Duration) time.Duration
}

// after is the wait after so many failures in a row.
func (b backoff) after(failures int) time.Duration {
	d := min(b.first, b.most)
	for ; failures > 1 && d < b.most; failures-- {
		d = min(2*d, b.most)
	}
	return b.jitter(d)
}

// sleep waits and reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// verdict is what a worker learnt about the upstream.
type verdict struct {
	kind  verdictKind
	code  string
	after time.Duration // the upstream asked for
}

type verdictKind uint8

const (
	untried  verdictKind = iota // nothing was sent
	answered                    // the upstream works
	failed
)

// soft reports whether the failure may lie with the item.
func (v verdict) soft() bool {
	if v.after > 0 {
		return false
	}
	switch v.code {
	case "timeout", "reset", "error":
		return true
	case "http_503", "http_502", "http_504":
		return false
	}
	return strings.HasPrefix(v.code, "http_5")
}

// gate lets workers deliver. While the upstream works it lets up to a limit
// through that grows by one per success and halves per failure. When the
// upstream fails the breaker opens: one worker at a time, after the back-off,
// goes through as a probe, and the first that is answered closes it.
type gate struct {
	workers int
	backoff backoff

	mu       sync.Mutex
	change   *sync.Cond
	inFlight int
	limit    int
	failures int // in a row
	open     bool
	probing  bool
	until    time.Time // next probe
}

func newGate(workers int, b backoff) *gate {
	g := &gate{workers: workers, limit: workers, backoff: b}
	g.change = sync.NewCond(&g.mu)
	return g
}

// enter waits for permission to deliver and tells whether it is for a probe;
// leave gives it back. It fails only when ctx ends.
func (g *gate) enter(ctx context.Context) (probe bool, err error) {
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.change.Broadcast()
	})
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for ctx.Err() == nil {
		switch {
		case !g.open && g.inFlight < g.limit:
			g.inFlight++
			return false, nil
		case g.open && !g.probing:
			g.probing = true
			wait := time.Until(g.until)
			g.mu.Unlock()
			ok := sleep(ctx, wait)
			g.mu.Lock()
			if !ok {
				g.probing = false
				g.change.Broadcast()
				return false, context.Cause(ctx)
			}
			g.inFlight++
			return true, nil
		default:
			g.change.Wait()
		}
	}
	return false, context.Cause(ctx)
}

// leave records what a delivery showed.
func (g *gate) leave(probe bool, v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inFlight--
	if probe {
		g.probing = false
	}
	switch {
	case v.kind == answered && g.open:
		g.open, g.failures, g.limit = false, 0, 1
	case v.kind == answered:
		g.failures = 0
		g.limit = min(g.workers, g.limit+1)
	case v.kind == failed && g.open && !probe:
		// Sent before the breaker opened: nothing new.
	case v.kind == failed:
		g.failures++
		g.limit = max(1, g.limit/2)
		if g.open || !v.soft() || g.failures >= softFailures {
			g.open = true
			g.until = time.Now().Add(max(v.after, g.backoff.after(g.failures)))
		}
	}
	g.change.Broadcast()
}

func (g *gate) state() (open bool, next time.Time, inFlight int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		next = g.until
	}
	return g.open, next, g.inFlight
}
