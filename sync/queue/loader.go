package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// maxLoad bounds the records read in one go, and with it how long s.mu is held.
const maxLoad = 4096

// position is where a class's next load begins, if nothing intervened.
type position struct {
	seg *segment
	seq uint64 // the last record read
	ord uint32 // ordinal of the record after it
	gen uint64
}

// loaded is one batch of records read from a segment.
type loaded struct {
	entries []*entry
	bad     []badRecord
	next    position
	end     bool // the segment has no more records
}

// badRecord is a stored record that does not decode.
type badRecord struct {
	seq uint64
	ord uint32
	raw []byte
}

// loader fills the classes' windows from disk whenever they run low. It reads
// without s.mu and inserts under it.
func (s *Store) loader() {
	var at [numClasses]position
	for {
		select {
		case <-s.stopLoader:
			return
		case <-s.loaderWake:
		}
		for more := true; more; {
			more = false
			for class := range numClasses {
				select {
				case <-s.stopLoader:
					return
				default:
				}
				more = s.load(class, &at[class]) || more
			}
		}
	}
}

// load reads the next batch of a class and reports whether there is more to do.
func (s *Store) load(class Class, at *position) bool {
	s.mu.Lock()
	c := &s.sched.classes[class]
	want := min(s.sched.limit-c.inMem, maxLoad)
	if c.cursor >= c.last || c.inMem > s.sched.limit*3/4 {
		s.mu.Unlock()
		return false
	}
	var g *segment
	for _, x := range c.segs {
		if x.last > c.cursor {
			g = x
			break
		}
	}
	if g == nil { // the rest was lost
		s.sched.advanced(c, c.last)
		s.mu.Unlock()
		return false
	}
	from := position{g, c.cursor, 0, c.gen}
	fresh := at.seg != g
	if *at == (position{g, c.cursor, at.ord, c.gen}) {
		from.ord = at.ord
	}
	last, done, sealed, count := g.last, slices.Clone(g.acks.words), g.sealed, g.count
	s.mu.Unlock()

	if fresh && sealed {
		_ = preread(g.path) // only speeds up what follows
	}
	got, err := s.readBatch(g, from, last, want, ackSet{words: done}, sealed)
	if err == nil && got.end && sealed && got.next.ord != count {
		err = ErrDamaged
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound): // wholly done, unlinked meanwhile
		return true
	case errors.Is(err, ErrDamaged) && sealed:
		s.lose(g, err)
		return true
	default:
		s.health.set(Condition{Code: ConditionUnreadable, Severity: Error, Text: "a queue file cannot be read: " + err.Error()}, s.o.now())
		s.o.Logger.Error("queue: segment cannot be read", "segment", g.name, "error", err)
		return false
	}

	for _, b := range got.bad {
		s.parkDamaged(g, b.ord, Header{Seq: b.seq, Class: class, Size: len(b.raw)}, b.raw)
	}
	s.mu.Lock()
	if c.gen != from.gen {
		s.mu.Unlock()
		return true
	}
	for _, e := range got.entries {
		switch {
		case g.acks.has(e.ord) || s.sched.entries[e.Seq] != nil:
		case s.parked[e.Seq]: // parked just before a crash, not yet marked done
			s.markDone(g, e.ord, e.Size)
		default:
			s.sched.insert(e)
		}
	}
	cursor := got.next.seq
	if got.end {
		cursor = max(cursor, last)
	}
	s.sched.advanced(c, cursor)
	more := c.cursor < c.last
	s.mu.Unlock()
	*at = got.next
	return more
}

// readBatch reads up to want undone records after from.seq, up to last.
func (s *Store) readBatch(g *segment, from position, last uint64, want int, done ackSet, sealed bool) (loaded, error) {
	got := loaded{next: from}
	opened, err := g.view(func(tx *bbolt.Tx) error {
		q, err := items(tx)
		if err != nil {
			return err
		}
		c := q.Cursor()
		var k, v []byte
		before := uint64(0)
		if from.ord > 0 {
			k, v = c.Seek(seqKey(from.seq + 1))
		} else {
			k, v = c.First()
		}
		for ; k != nil; k, v = c.Next() {
			if len(k) != 8 {
				return ErrDamaged
			}
			seq := binary.BigEndian.Uint64(k)
			if sealed && seq > last || seq <= before {
				return fmt.Errorf("%w: keys out of order", ErrDamaged)
			}
			before = seq
			if seq > last || len(got.entries) >= want {
				return nil
			}
			ord := got.next.ord
			got.next.ord++
			if seq <= from.seq {
				continue
			}
			got.next.seq = seq
			if done.has(ord) {
				continue
			}
			e, err := decodeEnvelope(v)
			if err == nil && (e.Seq != seq || e.Class != g.class) {
				return fmt.Errorf("%w: an intact item under another key", ErrDamaged)
			}
			if err != nil {
				got.bad = append(got.bad, badRecord{seq, ord, slices.Clone(v)})
				continue
			}
			got.entries = append(got.entries, &entry{Header: e.Header, seg: g, ord: ord})
		}
		got.end = true
		return nil
	})
	if opened {
		s.open.opened(g)
	}
	return got, err
}
