package queue

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// Acknowledgements are coalesced: losing some only delivers items again.
const (
	ackDelay = 200 * time.Millisecond
	ackBatch = 500
	ackRetry = 5 * time.Second // after a failed commit
)

// ackQueue is what the acker has to record; it belongs to Store.mu.
type ackQueue struct {
	pending int           // items done since the last commit
	gaps    map[Lane]bool // notices that changed
	dead    []uint64      // parked items that were delivered
	stale   []string      // rows of segments that are gone
}

// acker is the one goroutine that writes meta.db and unlinks segments. It ends,
// after a last commit, when s.stopAck is closed.
func (s *Store) acker() {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	armed := false
	for {
		select {
		case <-s.stopAck:
			s.flushAcks()
			s.flushAcks() // the rows of what the first one unlinked
			return
		case <-s.ackWake:
			s.mu.Lock()
			full := s.acks.pending >= ackBatch
			s.mu.Unlock()
			if !full {
				if !armed {
					timer.Reset(ackDelay)
					armed = true
				}
				continue
			}
		case <-timer.C:
		}
		timer.Stop()
		armed = false
		if !s.flushAcks() {
			timer.Reset(ackRetry)
			armed = true
		}
	}
}

// flush is one commit of the acker.
type flush struct {
	acks  map[string][]byte
	feet  map[string][]byte
	gaps  map[Lane]*Gap // nil: the notice travelled
	ids   map[string][]byte
	stale []string
	dead  []uint64
	high  uint64
	full  []*segment // wholly done, unlinked after the commit
	dirty []*segment
	done  int
}

// collect takes what there is to record; s.mu is held.
func (s *Store) collect() *flush {
	f := &flush{
		acks: map[string][]byte{}, feet: map[string][]byte{}, gaps: map[Lane]*Gap{}, ids: map[string][]byte{},
		stale: s.acks.stale, dead: s.acks.dead, high: s.high, done: s.acks.pending,
	}
	for i := range s.sched.classes {
		for _, g := range s.sched.classes[i].segs {
			if !g.dirty {
				continue
			}
			g.dirty = false
			f.dirty = append(f.dirty, g)
			f.acks[g.name] = g.acks.encode(g.id)
			switch {
			case g.sealed && g.pending() == 0:
				f.full = append(f.full, g)
				if ids := s.ids.segment(g.class, g.first, g.last); ids != nil {
					f.ids[string(append(seqKey(g.last), byte(g.class)))] = ids
				}
			case g.footRow:
				f.feet[g.name] = encodeFooter(g.footer())
			}
		}
	}
	for l := range s.acks.gaps {
		if g, ok := s.gaps[l]; ok {
			f.gaps[l] = &g
		} else {
			f.gaps[l] = nil
		}
	}
	s.acks = ackQueue{gaps: map[Lane]bool{}}
	return f
}

// putBack undoes collect after a failed commit; s.mu is held.
func (s *Store) putBack(f *flush) {
	for _, g := range f.dirty {
		g.dirty = true
	}
	for l := range f.gaps {
		s.acks.gaps[l] = true
	}
	s.acks.pending += f.done
	s.acks.stale = append(s.acks.stale, f.stale...)
	s.acks.dead = append(s.acks.dead, f.dead...)
}

// flushAcks commits and then unlinks, in that order, and reports success.
func (s *Store) flushAcks() bool {
	s.mu.Lock()
	f := s.collect()
	s.mu.Unlock()
	err := s.o.fault("ack")
	if err == nil && !f.empty() {
		err = guard(func() error { return s.meta.Update(f.write) })
	}
	if err == nil {
		err = s.o.fault("acked")
	}
	if err == nil && len(f.dead) > 0 {
		err = s.dead.removeAll(f.dead)
	}
	if err != nil {
		s.mu.Lock()
		s.putBack(f)
		s.mu.Unlock()
		s.health.set(Condition{Code: ConditionAcks, Severity: Error, Text: "deliveries cannot be recorded and would be repeated after a restart: " + err.Error()}, s.o.now())
		return false
	}
	s.health.clear(ConditionAcks)
	if len(f.feet) > 0 {
		s.mu.Lock()
		for _, g := range f.dirty {
			g.footRow = false
		}
		s.mu.Unlock()
	}
	s.unlink(f.full)
	return true
}

func (f *flush) empty() bool {
	return len(f.dirty) == 0 && len(f.gaps) == 0 && len(f.stale) == 0
}

func (f *flush) write(tx *bbolt.Tx) error {
	ack, feet, gaps := tx.Bucket(bucketAck), tx.Bucket(bucketFoot), tx.Bucket(bucketGap)
	for _, name := range f.stale {
		for _, b := range []*bbolt.Bucket{ack, feet} {
			if err := deleteCounted(b, []byte(name)); err != nil {
				return err
			}
		}
	}
	for name, v := range f.acks {
		if err := putCounted(ack, []byte(name), v); err != nil {
			return err
		}
	}
	for name, v := range f.feet {
		if err := putCounted(feet, []byte(name), v); err != nil {
			return err
		}
	}
	for lane, g := range f.gaps {
		var err error
		if g == nil {
			err = deleteCounted(gaps, []byte(lane))
		} else {
			err = putCounted(gaps, []byte(lane), g.encode())
		}
		if err != nil {
			return err
		}
	}
	if err := f.writeIDs(tx.Bucket(bucketIDs)); err != nil {
		return err
	}
	return putCounted(tx.Bucket(bucketSys), keyHigh, encodeHigh(f.high))
}

// writeIDs keeps the ids of unlinked segments, the latest dedupeSize of them.
func (f *flush) writeIDs(b *bbolt.Bucket) error {
	if len(f.ids) == 0 {
		return nil
	}
	for k, v := range f.ids {
		if err := putCounted(b, []byte(k), v); err != nil {
			return err
		}
	}
	n := 0
	var old [][]byte
	c := b.Cursor()
	for k, v := c.Last(); k != nil; k, v = c.Prev() {
		if n >= dedupeSize {
			old = append(old, slices.Clone(k))
		}
		n += len(v) / idRecordBytes
	}
	for _, k := range old {
		if err := deleteCounted(b, k); err != nil {
			return err
		}
	}
	return nil
}

// unlink removes segments whose items are all recorded as done.
func (s *Store) unlink(full []*segment) {
	if len(full) == 0 {
		return
	}
	s.mu.Lock()
	for _, g := range full {
		c := &s.sched.classes[g.class]
		c.segs = slices.DeleteFunc(c.segs, func(x *segment) bool { return x == g })
	}
	s.mu.Unlock()
	for _, g := range full {
		if err := g.remove(); err != nil {
			s.o.Logger.Warn("queue: delivered segment cannot be removed", "segment", g.name, "error", err)
		}
		s.space.add(-g.size)
	}
	if err := syncDir(s.dir); err != nil {
		// The files may come back after a power cut; their rows say they are done.
		s.o.Logger.Warn("queue: directory cannot be synced", "error", err)
		return
	}
	s.mu.Lock()
	for _, g := range full {
		s.acks.stale = append(s.acks.stale, g.name)
	}
	s.mu.Unlock()
	poke(s.ackWake)
}

// removeAll forgets delivered parked items in one commit.
func (d *dead) removeAll(seqs []uint64) error {
	err := guard(func() error {
		return d.db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketParked)
			for _, seq := range seqs {
				if err := deleteCounted(b, binary.BigEndian.AppendUint64(nil, seq)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("remove parked items: %w", err)
	}
	return nil
}
