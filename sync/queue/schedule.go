package queue

import (
	"container/heap"
	"math"
	"slices"
)

// schedule decides what may be delivered next. It is memory only and belongs to
// Store.mu. Per class it holds the undelivered items up to a cursor; everything
// beyond the cursor is on disk, where lane indexes say what lanes it has.
//
// Invariants: an unclaimed item in memory is at or before its class's cursor; an
// item of a held lane behind the holder is not in memory; lane queues are in
// sequence order.
type schedule struct {
	classes [numClasses]classQueue
	lanes   map[Lane]*laneQueue
	entries map[uint64]*entry
	limit   int // items in memory per class

	holders map[uint64][]Lane // parked with Hold, by sequence number
	held    map[Lane]uint64   // items of the lane behind this number wait
	retries map[uint64]*entry // retried items that are themselves held

	wake func(n int) // n items became deliverable
}

// entry is an item in memory.
type entry struct {
	Header
	prints  []uint32
	seg     *segment // nil: the item is in dead.db
	ord     uint32   // its place in seg
	ready   bool     // in its class's heap
	claim   bool
	gone    bool
	crossed bool  // in its class's crossed list
	gaps    []Gap // handed out with the claim
}

type laneQueue struct {
	q    []*entry
	busy bool // one of q is claimed
}

// classQueue is one class's part of the schedule.
type classQueue struct {
	segs    []*segment // ascending; the last one may be open
	last    uint64     // highest committed sequence number
	cursor  uint64     // read into memory up to here, inclusive
	gen     uint64     // changes when the cursor is set back
	inMem   int
	order   []*entry // in sequence order, may begin with gone ones
	ready   readyHeap
	crossed []*entry // wait for another class's cursor
	skipped uint64   // lowest item left on disk because of a hold; 0 when none
	pass    float64  // stride scheduling

	items int   // undelivered, in memory or not
	bytes int64 // of these
}

// shares are 8:4:1 with a guaranteed minimum of 10 %.
var shares = [numClasses]float64{Express: 6, Live: 3, Backfill: 1}

func newSchedule(limit int, wake func(int)) *schedule {
	return &schedule{
		lanes: map[Lane]*laneQueue{}, entries: map[uint64]*entry{}, limit: limit,
		holders: map[uint64][]Lane{}, held: map[Lane]uint64{}, retries: map[uint64]*entry{}, wake: wake,
	}
}

// committed takes note of a stored item; it goes into memory if everything
// before it is and there is room. It reports whether the loader has to come.
func (s *schedule) committed(h Header, seg *segment, ord uint32) (load bool) {
	c := &s.classes[h.Class]
	c.items++
	c.bytes += int64(h.Size)
	caughtUp := c.cursor == c.last
	c.last = h.Seq
	if !caughtUp || c.inMem >= s.limit {
		return true
	}
	c.cursor = h.Seq
	s.insert(&entry{Header: h, seg: seg, ord: ord})
	return false
}

// insert puts an item into memory, or notes it as skipped when a lane is held.
func (s *schedule) insert(e *entry) {
	if s.isHeld(e) {
		s.skip(e)
		return
	}
	e.prints = make([]uint32, len(e.Lanes))
	for i, l := range e.Lanes {
		e.prints[i] = fingerprint(l)
		lq := s.lanes[l]
		if lq == nil {
			lq = &laneQueue{}
			s.lanes[l] = lq
		}
		at := len(lq.q)
		for at > 0 && lq.q[at-1].Seq > e.Seq {
			at--
		}
		lq.q = slices.Insert(lq.q, at, e)
	}
	s.entries[e.Seq] = e
	c := &s.classes[e.Class]
	if e.seg != nil {
		c.inMem++
		if len(c.order) > 2*c.inMem+64 {
			c.order = slices.DeleteFunc(c.order, func(x *entry) bool { return x.gone })
		}
		c.order = append(c.order, e)
	}
	s.consider(e)
}

// consider makes e ready if nothing stands before it.
func (s *schedule) consider(e *entry) {
	if e.ready || e.claim || e.gone || !s.first(e) {
		return
	}
	c := &s.classes[e.Class]
	if s.isCrossed(e) {
		if !e.crossed {
			e.crossed = true
			c.crossed = append(c.crossed, e)
		}
		return
	}
	if len(c.ready) == 0 {
		c.pass = max(c.pass, s.minPass()) // an idle class saves nothing up
	}
	e.ready = true
	heap.Push(&c.ready, e)
	s.wake(1)
}

// first reports whether e heads all its lanes and none of them is busy.
func (s *schedule) first(e *entry) bool {
	for _, l := range e.Lanes {
		if lq := s.lanes[l]; lq.busy || lq.q[0] != e {
			return false
		}
	}
	return true
}

// isCrossed reports whether another class may have an earlier item of one of e's
// lanes that is not in memory.
func (s *schedule) isCrossed(e *entry) bool {
	for i := range s.classes {
		c := &s.classes[i]
		if Class(i) == e.Class || c.cursor >= e.Seq || c.cursor >= c.last {
			continue
		}
		for _, g := range c.segs {
			if g.last <= c.cursor || g.first > e.Seq {
				continue
			}
			for _, p := range e.prints {
				if g.lanes.after(p, c.cursor) {
					return true
				}
			}
		}
	}
	return false
}

// advanced sets a class's cursor after a load and looks again at what waited.
func (s *schedule) advanced(c *classQueue, cursor uint64) {
	c.cursor = max(c.cursor, cursor)
	for i := range s.classes {
		if o := &s.classes[i]; o != c && len(o.crossed) > 0 {
			again := o.crossed
			o.crossed = nil
			for _, e := range again {
				e.crossed = false
				s.consider(e)
			}
		}
	}
}

// pick claims the next deliverable item, or returns nil.
func (s *schedule) pick() *entry {
	for {
		var best *classQueue
		for i := range s.classes {
			if c := &s.classes[i]; len(c.ready) > 0 && (best == nil || c.pass < best.pass) {
				best = c
			}
		}
		if best == nil {
			return nil
		}
		e := heap.Pop(&best.ready).(*entry)
		e.ready = false
		if e.gone {
			continue
		}
		if !s.first(e) || s.isCrossed(e) { // an earlier item came since
			s.consider(e)
			continue
		}
		best.pass += 1 / shares[e.Class]
		e.claim = true
		for _, l := range e.Lanes {
			s.lanes[l].busy = true
		}
		return e
	}
}

func (s *schedule) minPass() float64 {
	low := math.Inf(1)
	for i := range s.classes {
		if c := &s.classes[i]; len(c.ready) > 0 {
			low = min(low, c.pass)
		}
	}
	if math.IsInf(low, 1) {
		return 0
	}
	return low
}

// release gives a claimed item back.
func (s *schedule) release(e *entry) {
	e.claim = false
	for _, l := range e.Lanes {
		s.lanes[l].busy = false
	}
	for _, l := range e.Lanes {
		s.consider(s.lanes[l].q[0])
	}
}

// remove takes an item out of memory and lets its lanes go on.
func (s *schedule) remove(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	delete(s.entries, e.Seq)
	if e.seg != nil {
		s.classes[e.Class].inMem--
	}
	for _, l := range e.Lanes {
		lq := s.lanes[l]
		switch n := len(lq.q); {
		case lq.q[0] == e:
			lq.q[0] = nil
			lq.q = lq.q[1:]
		case lq.q[n-1] == e:
			lq.q = lq.q[:n-1]
		default:
			i := slices.Index(lq.q, e)
			lq.q = slices.Delete(lq.q, i, i+1)
		}
		if e.claim {
			lq.busy = false
		}
		if len(lq.q) == 0 {
			delete(s.lanes, l)
		}
	}
	for _, l := range e.Lanes {
		if lq := s.lanes[l]; lq != nil {
			s.consider(lq.q[0])
		}
	}
}

// settled takes an item out of the class's totals: done, parked or lost.
func (s *schedule) settled(c Class, size int) {
	q := &s.classes[c]
	q.items--
	if q.bytes -= int64(size); q.items == 0 || q.bytes < 0 {
		q.bytes = 0 // sizes of partly done segments are estimates after a restart
	}
}

// isHeld reports whether a parked item stands before e in one of its lanes.
func (s *schedule) isHeld(e *entry) bool {
	for _, l := range e.Lanes {
		if holder, ok := s.held[l]; ok && holder < e.Seq {
			return true
		}
	}
	return false
}

// skip leaves a held item on disk; behind it its other lanes wait too.
func (s *schedule) skip(e *entry) {
	if e.seg == nil {
		s.retries[e.Seq] = e
	} else if c := &s.classes[e.Class]; c.skipped == 0 || e.Seq < c.skipped {
		c.skipped = e.Seq
	}
	for _, l := range e.Lanes {
		if holder, ok := s.held[l]; !ok || e.Seq < holder {
			s.holdLane(l, e.Seq)
		}
	}
}

// holdLane makes everything of the lane behind seq wait.
func (s *schedule) holdLane(l Lane, seq uint64) {
	s.held[l] = seq
	lq := s.lanes[l]
	if lq == nil {
		return
	}
	for _, e := range slices.Backward(slices.Clone(lq.q)) {
		if e.Seq > seq && !e.claim && !e.gone {
			s.remove(e)
			s.skip(&entry{Header: e.Header, seg: e.seg, ord: e.ord})
		}
	}
}

// hold makes a parked item's lanes wait behind it.
func (s *schedule) hold(seq uint64, lanes []Lane) {
	s.holders[seq] = lanes
	for _, l := range lanes {
		if holder, ok := s.held[l]; !ok || seq < holder {
			s.holdLane(l, seq)
		}
	}
}

// unhold forgets a holder and reads again what waited on disk. It is rare (a
// person decided), so it starts over rather than keep books per lane.
func (s *schedule) unhold(seq uint64) {
	if _, ok := s.holders[seq]; !ok {
		return
	}
	delete(s.holders, seq)
	s.held = map[Lane]uint64{}
	for holder, lanes := range s.holders {
		for _, l := range lanes {
			if h, ok := s.held[l]; !ok || holder < h {
				s.held[l] = holder
			}
		}
	}
	for i := range s.classes {
		if c := &s.classes[i]; c.skipped != 0 {
			s.rewind(c, c.skipped-1)
			c.skipped = 0
		}
	}
	waiting := s.retries
	s.retries = map[uint64]*entry{}
	for _, e := range waiting {
		s.insert(e)
	}
}

// rewind sets a class's cursor back; what lies behind it is read again in order.
func (s *schedule) rewind(c *classQueue, cursor uint64) {
	c.gen++
	if cursor >= c.cursor {
		return
	}
	c.cursor = cursor
	for _, e := range slices.Clone(c.order) {
		if e.Seq > cursor && !e.claim && !e.gone {
			s.remove(e)
		}
	}
}

// forget drops a segment that was lost: its unclaimed items leave memory.
func (s *schedule) forget(g *segment) {
	c := &s.classes[g.class]
	c.segs = slices.DeleteFunc(c.segs, func(x *segment) bool { return x == g })
	c.gen++
	c.items -= g.pending()
	c.bytes -= g.pendingBytes()
	for _, e := range slices.Clone(c.order) {
		if e.seg == g && !e.claim {
			s.remove(e)
		}
	}
	s.advanced(c, c.cursor)
}

// oldest returns the first undelivered item of a class that is in memory.
func (c *classQueue) oldest() *entry {
	for len(c.order) > 0 && c.order[0].gone {
		c.order = c.order[1:]
	}
	if len(c.order) == 0 {
		return nil
	}
	return c.order[0]
}

// readyHeap orders deliverable items by sequence number.
type readyHeap []*entry

func (h readyHeap) Len() int           { return len(h) }
func (h readyHeap) Less(i, j int) bool { return h[i].Seq < h[j].Seq }
func (h readyHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *readyHeap) Push(x any)        { *h = append(*h, x.(*entry)) }
func (h *readyHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
