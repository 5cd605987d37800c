package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// Claim is one item in delivery. Exactly one of Done, Release and Park ends it.
// Its methods are safe for concurrent use.
type Claim struct {
	s    *Store
	e    *entry
	item Item
	over bool // guarded by s.mu
}

// Item is the item with its payload.
func (c *Claim) Item() Item { return c.item }

// Gaps tells which items are missing before this one in its lanes, because they
// were parked with Continue or dropped. Done means the receiver was told.
func (c *Claim) Gaps() []Gap { return c.e.gaps }

// Next waits for an item that may be delivered and claims it: every earlier item
// of its lanes is done, or parked with Continue. Between classes it keeps shares
// of 60, 30 and 10 percent when all have items. An item whose record turns out to
// be damaged is parked and the next one taken.
//
// Errors: ErrClosed, the context's, or the file system's (the item then stays).
func (s *Store) Next(ctx context.Context) (*Claim, error) {
	for {
		e, err := s.wait(ctx)
		if err != nil {
			return nil, err
		}
		item, err := s.payload(e)
		switch {
		case err == nil:
			return &Claim{s: s, e: e, item: item}, nil
		case errors.Is(err, ErrDamaged):
			s.damagedClaim(e, err)
		case errors.Is(err, ErrNotFound): // dropped, or its segment set aside, meanwhile
			s.mu.Lock()
			s.sched.remove(e)
			s.mu.Unlock()
		default:
			s.mu.Lock()
			s.sched.release(e)
			s.mu.Unlock()
			return nil, fmt.Errorf("load item %d: %w", e.Seq, err)
		}
	}
}

// wait claims the next entry.
func (s *Store) wait(ctx context.Context) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.pick(); e != nil && ctx.Err() == nil {
		return e, nil
	} else if e != nil {
		s.sched.release(e)
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ready.Broadcast()
	})
	defer stop()
	for !s.closed && ctx.Err() == nil {
		s.ready.Wait()
		if e := s.pick(); e != nil {
			return e, nil
		}
	}
	s.ready.Signal() // the wake-up may have been meant for another
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, ErrClosed
}

// pick claims an item and its lanes' gap notices; s.mu is held.
func (s *Store) pick() *entry {
	if s.closed {
		return nil
	}
	e := s.sched.pick()
	if e == nil {
		return nil
	}
	e.gaps = nil
	for _, l := range e.Lanes {
		if g, ok := s.gaps[l]; ok {
			e.gaps = append(e.gaps, g)
		}
	}
	return e
}

// payload reads and unseals an item. The read transaction ends before the item
// is used: a long one would pin pages.
func (s *Store) payload(e *entry) (Item, error) {
	if e.seg == nil {
		r, err := s.dead.get(e.Seq)
		if err != nil {
			return Item{}, err
		}
		return s.dead.item(&r)
	}
	raw, err := s.record(e.seg, e.Seq)
	if err != nil {
		return Item{}, err
	}
	return openEnvelope(e.seg.key, raw)
}

// record returns a copy of one stored envelope.
func (s *Store) record(g *segment, seq uint64) (raw []byte, err error) {
	opened, err := g.view(func(tx *bbolt.Tx) error {
		q, err := items(tx)
		if err != nil {
			return err
		}
		v := q.Get(seqKey(seq))
		if v == nil {
			return fmt.Errorf("%w: item %d is missing", ErrDamaged, seq)
		}
		raw = slices.Clone(v)
		return nil
	})
	if opened {
		s.open.opened(g)
	}
	return raw, err
}

// Done says that the receiver has the item. It is recorded on disk within 200 ms
// or 500 items; if the machine stops before that, the item is delivered again.
func (c *Claim) Done() error {
	return c.end(func(s *Store) {
		if c.e.seg != nil {
			s.markDone(c.e.seg, c.e.ord, c.e.Size)
		} else {
			delete(s.parked, c.e.Seq)
			s.acks.dead = append(s.acks.dead, c.e.Seq)
		}
		s.told(c.e.gaps)
		s.sched.remove(c.e)
	})
}

// Release gives the item back undelivered; it is handed out again at once, so the
// caller waits as long as it sees fit before.
func (c *Claim) Release() {
	_ = c.end(func(s *Store) { s.sched.release(c.e) })
}

// end runs fn once per claim, under the lock.
func (c *Claim) end(fn func(*Store)) error {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.over:
		return ErrStale
	case s.closed:
		return ErrClosed
	}
	c.over = true
	fn(s)
	s.progress()
	return nil
}

// progress wakes who waits for items to leave memory; s.mu is held.
func (s *Store) progress() {
	for i := range s.sched.classes {
		if c := &s.sched.classes[i]; c.cursor < c.last && c.inMem <= s.sched.limit*3/4 {
			poke(s.loaderWake)
			break
		}
	}
	poke(s.ackWake)
}

// markDone notes one item of a segment as done; s.mu is held.
func (s *Store) markDone(g *segment, ord uint32, size int) {
	if g.lost || !g.acks.set(ord) {
		return
	}
	g.dirty = true
	s.acks.pending++
	s.sched.settled(g.class, size)
}

// told removes gap notices that travelled; what came since stays. s.mu is held.
func (s *Store) told(sent []Gap) {
	for _, g := range sent {
		now, ok := s.gaps[g.Lane]
		if !ok {
			continue
		}
		if now == g {
			delete(s.gaps, g.Lane)
		} else {
			now.Count -= min(now.Count, g.Count)
			now.First = g.Last + 1
			s.gaps[g.Lane] = now
		}
		s.acks.gaps[g.Lane] = true
	}
}

// addGap notes that seq is missing in its lanes; s.mu is held.
func (s *Store) addGap(lanes []Lane, seq uint64) {
	for _, l := range lanes {
		g, ok := s.gaps[l]
		if !ok {
			g = Gap{Lane: l, First: seq, Last: seq}
		}
		g.Count++
		g.First, g.Last = min(g.First, seq), max(g.Last, seq)
		s.gaps[l] = g
		s.acks.gaps[l] = true
	}
}

// Gaps returns the notices no item has carried yet, by lane.
func (s *Store) Gaps() []Gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	lanes := slices.Sorted(maps.Keys(s.gaps))
	gaps := make([]Gap, len(lanes))
	for i, l := range lanes {
		gaps[i] = s.gaps[l]
	}
	return gaps
}
