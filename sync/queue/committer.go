package queue

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
)

// Bounds of one commit.
const (
	maxBatchItems = 4096
	maxBatchBytes = 16 << 20
)

// maxSegmentAge closes a segment that fills slowly, so that its space comes back.
const maxSegmentAge = time.Hour

// suspectWindow is the time in which a second storage failure stops the store.
const suspectWindow = 10 * time.Minute

// committer is the one goroutine that appends to segments. Its fields are its own.
type committer struct {
	s       *Store
	active  [numClasses]*segment
	next    uint64 // next sequence number
	waiting int    // requests in s.in when the last commit's callers were released
	suspect time.Time
	stopped bool
}

// run takes all requests that wait and commits them at once, until s.in is
// closed. If the last commit had company it lingers, up to half of that commit's
// duration, until as many requests are there as producers are about: those it has
// just released and those that waited meanwhile. Otherwise they would form two
// convoys with half-full commits. An eighth is enough for goroutines that come back
// at once; senders behind TCP take longer: 64 of them reach 12 times the disk's
// sync rate with an eighth and 16 times with a half, at 2 ms a sync.
func (c *committer) run() {
	var (
		batch   []*request
		took    time.Duration
		company int
	)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	for r := range c.s.in {
		batch = append(batch[:0], r)
		bytes := len(r.env)
		more := func(r *request) bool {
			batch = append(batch, r)
			bytes += len(r.env)
			return len(batch) < maxBatchItems && bytes < maxBatchBytes
		}
		if company > 1 {
			timer.Reset(took / 2)
		linger:
			for len(batch) < company {
				select {
				case r, ok := <-c.s.in:
					if !ok || !more(r) {
						break linger
					}
				case <-timer.C:
					break linger
				}
			}
			timer.Stop()
		}
		for room := bytes < maxBatchBytes; room; {
			select {
			case r, ok := <-c.s.in:
				room = ok && more(r)
			default:
				room = false
			}
		}
		start := time.Now()
		c.waiting = 0
		c.commit(batch)
		took, company = time.Since(start), len(batch)+c.waiting
		clear(batch)
	}
}

// commit stores a batch, class by class, most urgent first.
func (c *committer) commit(batch []*request) {
	var byClass [numClasses][]*request
	leaders := make(map[digest]*request, len(batch))
	var followers []*request
	for _, r := range batch {
		if seq, ok := c.s.ids.lookup(r.digest); ok {
			r.done <- outcome{Receipt: Receipt{Seq: seq, Duplicate: true}}
			continue
		}
		if leaders[r.digest] != nil {
			followers = append(followers, r)
			continue
		}
		leaders[r.digest] = r
		byClass[r.head.Class] = append(byClass[r.head.Class], r)
	}
	for class, reqs := range byClass {
		if len(reqs) > 0 {
			c.commitClass(Class(class), reqs)
		}
	}
	// The same id twice in one batch: the second shares what came of the first.
	for _, r := range followers {
		if seq, ok := c.s.ids.lookup(r.digest); ok {
			r.done <- outcome{Receipt: Receipt{Seq: seq, Duplicate: true}}
		} else {
			r.done <- outcome{reseal: true}
		}
	}
}

func (c *committer) commitClass(class Class, reqs []*request) {
	if c.stopped {
		reply(reqs, outcome{err: fmt.Errorf("%w twice within %v; check the disk, then restart the service", ErrSuspect, suspectWindow)})
		return
	}
	g, err := c.segmentFor(class)
	if err != nil {
		reply(reqs, outcome{err: c.classify(err)})
		return
	}
	// A request sealed for another segment goes back to its caller.
	fit := reqs[:0:0]
	for _, r := range reqs {
		if r.seg != g {
			r.done <- outcome{reseal: true}
			continue
		}
		fit = append(fit, r)
	}
	if len(fit) == 0 {
		return
	}
	for _, r := range fit {
		r.head.Seq = c.next
		c.next++ // numbers of a failed commit are burned
		finishEnvelope(r.env, r.head.Seq, g.key)
	}
	start := time.Now()
	err = c.s.o.fault("commit")
	var size int64
	if err == nil {
		size, err = g.appendTo(fit, g.count+uint32(len(fit)))
	}
	if err == nil {
		err = c.s.o.fault("committed")
	}
	if err != nil {
		c.failed(g, fit, err)
		return
	}
	c.s.published(g, fit, size, time.Since(start))
	c.waiting = len(c.s.in)
	for _, r := range fit {
		r.done <- outcome{Receipt: Receipt{Seq: r.head.Seq}}
	}
}

func reply(reqs []*request, out outcome) {
	for _, r := range reqs {
		r.done <- out
	}
}

// classify gives an error the sentinel a caller decides on.
func (c *committer) classify(err error) error {
	if diskFull(err) {
		c.s.space.refused()
		return fmt.Errorf("%w: the disk has no space left: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: %w", ErrSuspect, err)
}

// segmentFor returns the segment that takes the class's next items and rolls to
// a new one when it is full or old.
func (c *committer) segmentFor(class Class) (*segment, error) {
	s, g, now := c.s, c.active[class], c.s.o.now()
	if g != nil && (g.count == 0 || g.size < s.o.SegmentBytes && now.Sub(g.created) < maxSegmentAge) {
		return g, nil
	}
	next := s.takePrepared(class)
	if next == nil {
		var err error
		if next, err = prepareSegment(s.dir, class, s.o.Keys, s.codec, s.o.SegmentBytes); err != nil {
			return nil, err
		}
	}
	if err := s.o.fault("roll"); err != nil {
		return nil, errors.Join(err, next.close())
	}
	if err := next.activate(c.next, s.o.SegmentBytes, now); err != nil {
		c.next++ // a file of that name may be there now
		return nil, errors.Join(fmt.Errorf("begin segment: %w", err), next.close(), os.Remove(next.path))
	}
	if err := s.o.fault("rolled"); err != nil {
		return nil, errors.Join(err, next.close())
	}
	s.mu.Lock()
	s.sched.classes[class].segs = append(s.sched.classes[class].segs, next)
	s.mu.Unlock()
	s.space.add(next.size)
	c.active[class] = next
	s.target[class].Store(next)
	if g != nil {
		s.keep <- keepJob{finish: g}
	}
	s.keep <- keepJob{prepare: true, class: class}
	return next, nil
}

// published makes committed items visible to Next.
func (s *Store) published(g *segment, reqs []*request, size int64, took time.Duration) {
	load := false
	s.mu.Lock()
	s.space.add(size - g.size)
	g.size = size
	for _, r := range reqs {
		load = s.take(g, r) || load
		s.ids.add(idRecord{r.head.Seq, r.head.Class, r.digest})
	}
	s.commits.add(len(reqs), took)
	s.mu.Unlock()
	if load {
		poke(s.loaderWake)
	}
}

// take counts one stored item; s.mu is held.
func (s *Store) take(g *segment, r *request) (load bool) {
	ord := g.count
	g.count++
	g.last = r.head.Seq
	g.bytes += int64(r.head.Size)
	g.lanes.add(r.head.Lanes, r.head.Seq)
	s.high = r.head.Seq
	return s.sched.committed(r.head, g, ord)
}

// failed answers a commit that returned an error. A full disk leaves the segment
// as it was. Anything else is fail-stop for the segment: what its file shows now
// decides what is in it, and new items go to a new one.
func (c *committer) failed(g *segment, reqs []*request, err error) {
	if diskFull(err) && g.holds(g.count) {
		reply(reqs, outcome{err: c.classify(err)})
		return
	}
	s, now := c.s, c.s.o.now()
	c.active[g.class] = nil
	s.target[g.class].Store(nil)
	s.health.set(Condition{Code: ConditionSuspect, Severity: Error, Text: "the disk failed to store items: " + err.Error()}, now)
	s.o.Logger.Error("queue: segment closed after a storage failure; check the disk", "segment", g.name, "error", err)
	if !c.suspect.IsZero() && now.Sub(c.suspect) < suspectWindow {
		c.stopped = true
		s.health.set(Condition{Code: ConditionStopped, Severity: Error, Text: "the disk failed twice; nothing is accepted until the service is restarted"}, now)
	}
	c.suspect = now
	_ = g.close() // its error would say the same again
	found, scanErr := g.rescan()
	if scanErr != nil {
		s.lose(g, scanErr)
	} else {
		s.adopt(g, reqs, found)
	}
	reply(reqs, outcome{err: fmt.Errorf("%w: %w", ErrSuspect, err)})
}

// adopt makes the items of a failed commit deliverable that are visible anyway.
// Their ids are not remembered: the sender's next try must be stored for sure.
func (s *Store) adopt(g *segment, reqs []*request, found *footer) {
	load := false
	s.mu.Lock()
	for _, r := range reqs {
		if r.head.Seq <= found.last {
			load = s.take(g, r) || load
		}
	}
	if g.count != found.count {
		s.mu.Unlock()
		s.lose(g, fmt.Errorf("%w: %d items, want %d", ErrDamaged, found.count, g.count))
		return
	}
	g.useFooter(found)
	g.sealed, g.footRow, g.dirty = true, true, true
	s.mu.Unlock()
	if load {
		poke(s.loaderWake)
	}
	poke(s.ackWake)
}

// holds reports whether the file shows exactly count items.
func (g *segment) holds(count uint32) bool {
	var n uint64
	_, err := g.view(func(tx *bbolt.Tx) error {
		q, err := items(tx)
		if err == nil {
			n = q.Sequence()
		}
		return err
	})
	return err == nil && n == uint64(count)
}

// poke wakes a goroutine that waits on a channel of capacity one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
