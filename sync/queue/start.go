package queue

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
)

// start reads what is on disk and fills the schedule. Nothing runs yet.
func (s *Store) start() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockFile(filepath.Join(s.dir, "LOCK")); err != nil {
		return err
	}
	if s.codec, err = newCodec(); err != nil {
		return err
	}
	segs, err := s.findSegments()
	if err != nil {
		return err
	}
	var damage error
	if s.meta, damage, err = openMeta(s.dir, s.quarantine); err != nil {
		return err
	}
	s.reportDamage("meta.db", damage)
	if s.dead, damage, err = openDead(s.dir, s.quarantine, s.o.Keys, s.codec); err != nil {
		return err
	}
	s.reportDamage("dead.db", damage)

	rows, err := s.readMeta()
	if err != nil {
		return err
	}
	s.high, s.gaps = rows.high, rows.gaps
	var hidden []*segment
	for _, g := range segs {
		if err := s.addSegment(g, &rows); err != nil {
			return err
		}
		if g.segment.footRow && !metaPagesIntact(g.segment.path) {
			hidden = append(hidden, g.segment)
		}
	}
	s.acks.stale = rows.unused()
	if err := s.readDead(); err != nil {
		return err
	}
	s.committer.next = s.high + 1
	s.refillIDs(rows.ids)
	for _, g := range hidden {
		if err := s.uncover(g); err != nil {
			return err
		}
	}
	s.noteQuarantine()
	return nil
}

func (s *Store) reportDamage(name string, damage error) {
	if damage != nil {
		s.o.Logger.Error("queue: damaged file set aside; what could be read was kept", "file", name, "cause", damage)
	}
}

// foundSegment is a segment file and, if it was closed properly, its footer.
type foundSegment struct {
	segment *segment
	foot    *footer
}

// findSegments opens every segment's header, oldest first, sets damaged files
// aside and removes what an interrupted preparation left.
func (s *Store) findSegments() ([]foundSegment, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var found []foundSegment
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name())
		if strings.HasSuffix(f.Name(), ".tmp") {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		class, first, ok := parseSegmentName(f.Name())
		if !ok {
			continue
		}
		g, foot, err := loadSegment(path, class, first, s.o.Keys, s.codec)
		if errors.Is(err, ErrDamaged) {
			if err := s.setAside(path, err); err != nil {
				return nil, err
			}
			s.high = max(s.high, first)
			continue
		} else if err != nil {
			return nil, err
		}
		found = append(found, foundSegment{g, foot})
	}
	slices.SortFunc(found, func(a, b foundSegment) int { return cmp.Compare(a.segment.first, b.segment.first) })
	return found, nil
}

func (s *Store) setAside(path string, cause error) error {
	s.o.Logger.Error("queue: damaged segment set aside; run the salvage command", "segment", filepath.Base(path), "cause", cause)
	return setAside(path, s.quarantine)
}

// addSegment puts a segment into its class.
func (s *Store) addSegment(f foundSegment, rows *metaRows) error {
	g := f.segment
	g.sealed = true
	// A number that names a file counts as used, also when the file is empty:
	// otherwise the next segment would take its name, and be unlinked in its place.
	s.high = max(s.high, g.first)
	if f.foot == nil { // the tail of a process that did not close
		f.foot = rows.foot(g)
		if f.foot == nil {
			var err error
			g.footRow = true
			if f.foot, err = g.rescan(); errors.Is(err, ErrDamaged) {
				s.high = max(s.high, f.foot.last)
				return s.setAside(g.path, err)
			} else if err != nil {
				return err
			}
			g.dirty = true
		}
	}
	g.useFooter(f.foot)
	g.acks = rows.acks(g)
	if g.pending() == 0 {
		g.dirty = true
	}
	c := &s.sched.classes[g.class]
	c.segs = append(c.segs, g)
	c.last = max(c.last, g.last)
	c.items += g.pending()
	c.bytes += g.pendingBytes()
	s.high = max(s.high, g.last)
	s.space.add(g.size)
	return nil
}

// metaRows is what meta.db says.
type metaRows struct {
	high  uint64
	gaps  map[Lane]Gap
	ids   []idRecord
	ack   map[string][]byte
	feet  map[string][]byte
	known map[string]bool // names of segments that exist
}

func (s *Store) readMeta() (metaRows, error) {
	r := metaRows{
		high: s.high, gaps: map[Lane]Gap{}, ack: map[string][]byte{}, feet: map[string][]byte{}, known: map[string]bool{},
	}
	err := guard(func() error {
		return s.meta.View(func(tx *bbolt.Tx) error {
			if high, ok := decodeHigh(tx.Bucket(bucketSys).Get(keyHigh)); ok {
				r.high = max(r.high, high)
			}
			for bucket, into := range map[string]map[string][]byte{string(bucketAck): r.ack, string(bucketFoot): r.feet} {
				if err := tx.Bucket([]byte(bucket)).ForEach(func(k, v []byte) error {
					into[string(k)] = slices.Clone(v)
					return nil
				}); err != nil {
					return err
				}
			}
			if err := tx.Bucket(bucketGap).ForEach(func(k, v []byte) error {
				if g, ok := decodeGap(k, v); ok {
					r.gaps[g.Lane] = g
				}
				return nil
			}); err != nil {
				return err
			}
			return tx.Bucket(bucketIDs).ForEach(func(k, v []byte) error {
				if len(k) == 9 && Class(k[8]) < numClasses {
					r.ids = append(r.ids, decodeIDs(Class(k[8]), v)...)
				}
				return nil
			})
		})
	})
	if err != nil {
		return r, fmt.Errorf("read meta.db: %w", err)
	}
	return r, nil
}

func (r *metaRows) foot(g *segment) *footer {
	f, err := decodeFooter(r.feet[g.name])
	if err != nil || f.lanes.first != g.first {
		return nil
	}
	return f
}

func (r *metaRows) acks(g *segment) ackSet {
	r.known[g.name] = true
	a, err := decodeAckSet(r.ack[g.name], g.id, g.count)
	if err != nil {
		return ackSet{} // absent or damaged: its items are delivered again
	}
	return a
}

// unused names the rows of segments that no longer exist.
func (r *metaRows) unused() (names []string) {
	for _, rows := range []map[string][]byte{r.ack, r.feet} {
		for name := range rows {
			if !r.known[name] {
				names = append(names, name)
			}
		}
	}
	return names
}

// readDead notes which items are parked and what they hold.
func (s *Store) readDead() error {
	var retries []*entry
	err := s.dead.each(func(seq uint64, r parkedRecord) error {
		s.parked[seq] = true
		s.high = max(s.high, seq)
		s.space.add(int64(len(r.envelope)))
		if r.note.Damaged {
			s.noteDamaged()
		}
		e, err := decodeEnvelope(r.envelope)
		switch {
		case r.note.Retry && err == nil:
			retries = append(retries, &entry{Header: e.Header})
		case r.note.Policy == Hold:
			s.sched.hold(seq, r.note.Lanes)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read dead.db: %w", err)
	}
	for _, e := range retries {
		s.retrying(e)
	}
	return nil
}

// refillIDs remembers the latest ids from meta.db and from the youngest segments.
func (s *Store) refillIDs(recs []idRecord) {
	for i := range s.sched.classes {
		n := 0
		for _, g := range slices.Backward(s.sched.classes[i].segs) {
			if n >= dedupeSize {
				break
			}
			_ = preread(g.path)
			_, err := g.view(func(tx *bbolt.Tx) error {
				q, err := items(tx)
				if err != nil {
					return err
				}
				c := q.Cursor()
				for k, v := c.Last(); k != nil && n < dedupeSize; k, v = c.Prev() {
					if e, err := decodeEnvelope(v); err == nil && len(k) == 8 {
						recs = append(recs, idRecord{binary.BigEndian.Uint64(k), e.Class, digestID(e.ID)})
						n++
					}
				}
				return nil
			})
			if err = errors.Join(err, g.close()); err != nil {
				s.o.Logger.Warn("queue: ids of a segment cannot be read; the loader will look closer", "segment", g.name, "error", err)
			}
		}
	}
	s.ids.refill(recs)
}
