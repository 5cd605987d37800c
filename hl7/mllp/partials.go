package mllp

import (
	"context"
	"errors"
	"sync"
)

// smallMessage is what an unfinished message may always hold, in bytes.
const smallMessage = readSize

// errOverload ends a connection for the sake of the others.
var errOverload = errors.New("mllp: too much is unfinished on all connections together")

// partials keeps the sum of the larger messages that are unfinished or being
// handled. When it is over the limit, the connection whose unfinished message is
// the largest ends, so that no sender stops a more modest one.
type partials struct {
	mu    sync.Mutex
	total int64
	held  map[*partial]struct{}
}

// partial is one connection's share.
type partial struct {
	all     *partials
	end     context.CancelCauseFunc
	counted bool // as the connection's goroutine knows it

	size int64 // these two are guarded by all.mu
	busy bool  // with the handler: it will be done without more from the sender
}

// set notes that the connection now holds size bytes, and ends the largest one if
// all together hold more than limit.
func (p *partial) set(size, limit int64) {
	if size <= smallMessage {
		size = 0
	}
	if size == 0 && !p.counted {
		return
	}
	p.counted = size > 0
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.all.put(p, size)
	if p.all.total <= limit || !p.counted {
		return
	}
	largest := p
	for other := range p.all.held {
		if !other.busy && other.size > largest.size {
			largest = other
		}
	}
	p.all.put(largest, 0)
	largest.end(errOverload)
}

func (a *partials) put(p *partial, size int64) {
	if _, ok := a.held[p]; ok {
		a.total -= p.size
		delete(a.held, p)
	}
	p.size = size
	if size == 0 {
		return
	}
	if a.held == nil {
		a.held = map[*partial]struct{}{}
	}
	a.held[p] = struct{}{}
	a.total += size
}

// handling marks the time in which the handler has the message.
func (p *partial) handling(busy bool) {
	if !p.counted {
		return
	}
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.busy = busy
}
