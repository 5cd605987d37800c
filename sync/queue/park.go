package queue

import (
	"errors"
	"fmt"
	"slices"
)

// Park sets the item aside for a person: its payload goes to dead.db, durably,
// and then the original counts as done. With Hold its lanes wait, with Continue
// they go on and their next item carries a Gap. A parked item never expires. On
// error the claim is still held.
func (c *Claim) Park(p Parked) error {
	s := c.s
	s.mu.Lock()
	over, closed := c.over, s.closed
	s.mu.Unlock()
	switch {
	case over:
		return ErrStale
	case closed:
		return ErrClosed
	}
	r := parkedRecord{note: parkedNote{Parked: p}}
	if c.e.seg == nil {
		old, err := s.dead.get(c.e.Seq)
		if err != nil {
			return fmt.Errorf("park item %d: %w", c.e.Seq, err)
		}
		r.envelope, r.note.Parks = old.envelope, old.note.Parks
	} else {
		r.envelope = s.dead.key.seal(nil, &c.item)
		finishEnvelope(r.envelope, c.e.Seq, s.dead.key)
	}
	if err := s.store(&r, c.e.Header); err != nil {
		return fmt.Errorf("park item %d: %w", c.e.Seq, err)
	}
	err := c.end(func(s *Store) { s.parkedNow(c.e, &r) })
	if errors.Is(err, ErrClosed) {
		return nil // it is in dead.db; the next start finds it there
	}
	return err
}

// store writes a parked record.
func (s *Store) store(r *parkedRecord, h Header) error {
	r.note.Code, r.note.Detail = cut(r.note.Code, maxParkedCode), cut(r.note.Detail, maxParkedDetail)
	r.note.Responder = cut(r.note.Responder, maxParkedDetail)
	r.note.At, r.note.Lanes, r.note.Retry = s.o.now(), h.Lanes, false
	r.note.Parks++
	if err := s.o.fault("park"); err != nil {
		return err
	}
	return s.dead.put(h.Seq, r)
}

// parkedNow takes a claimed item out of delivery after its record is on disk;
// s.mu is held.
func (s *Store) parkedNow(e *entry, r *parkedRecord) {
	s.parked[e.Seq] = true
	if e.seg != nil {
		s.space.add(int64(len(r.envelope)))
		s.markDone(e.seg, e.ord, e.Size)
	}
	if r.note.Policy == Hold {
		s.sched.hold(e.Seq, e.Lanes)
	} else {
		s.addGap(e.Lanes, e.Seq)
	}
	s.sched.remove(e)
}

// damagedClaim parks a claimed item whose record fails its checks, or sets the
// whole segment aside when its structure does.
func (s *Store) damagedClaim(e *entry, cause error) {
	var raw []byte
	if e.seg != nil {
		var err error
		if raw, err = s.record(e.seg, e.Seq); err != nil {
			s.mu.Lock()
			sealed := e.seg.sealed
			s.mu.Unlock()
			if errors.Is(err, ErrDamaged) && sealed {
				s.lose(e.seg, err)
				s.mu.Lock()
				s.sched.remove(e)
				s.mu.Unlock()
				return
			}
		}
	} else if r, err := s.dead.get(e.Seq); err == nil {
		raw = r.envelope
	}
	s.o.Logger.Error("queue: stored item is damaged, parked", "seq", e.Seq, "cause", cause)
	if err := s.parkRaw(e, raw); err != nil {
		// It stays claimed, out of the way, until the next start tries again.
		s.o.Logger.Error("queue: damaged item cannot be parked", "seq", e.Seq, "error", err)
	}
}

// parkDamaged parks a record that does not decode, so that its lanes are unknown.
func (s *Store) parkDamaged(g *segment, ord uint32, h Header, raw []byte) {
	s.o.Logger.Error("queue: stored record is damaged, parked", "segment", g.name, "seq", h.Seq)
	s.mu.Lock()
	known := s.parked[h.Seq]
	s.mu.Unlock()
	if !known {
		if err := s.parkRaw(&entry{Header: h, seg: g, ord: ord, gone: true}, raw); err != nil {
			s.o.Logger.Error("queue: damaged record cannot be parked", "seq", h.Seq, "error", err)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.markDone(g, ord, h.Size)
}

// parkRaw parks what was found of a damaged item. Its lanes go on with a gap
// notice: nobody can bring the item back, so a hold would never end.
func (s *Store) parkRaw(e *entry, raw []byte) error {
	r := parkedRecord{envelope: raw, note: parkedNote{
		Parked:  Parked{Code: CodeDamaged, Detail: "the stored record fails its checks", Policy: Continue},
		Damaged: true,
	}}
	if err := s.store(&r, e.Header); err != nil {
		return err
	}
	s.noteDamaged()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parkedNow(e, &r)
	s.progress()
	return nil
}

func (s *Store) noteDamaged() {
	s.health.set(Condition{
		Code: ConditionDamaged, Severity: Error,
		Text: "stored items are damaged and parked; ask their source to send them again, then drop them",
	}, s.o.now())
}

// ParkedItems lists the parked items in sequence order.
func (s *Store) ParkedItems() ([]ParkedItem, error) {
	var list []ParkedItem
	err := s.dead.each(func(seq uint64, r parkedRecord) error {
		p := ParkedItem{
			Header: Header{Seq: seq, Lanes: r.note.Lanes, Size: len(r.envelope)},
			Parked: r.note.Parked, At: r.note.At, Parks: r.note.Parks, Retried: r.note.Retry,
		}
		if e, err := decodeEnvelope(r.envelope); err == nil {
			p.Header = e.Header
		}
		list = append(list, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list parked items: %w", err)
	}
	return list, nil
}

// Retry makes a parked item deliverable again, in its old place: before
// everything of its lanes that came after it. The decision survives a restart.
// Errors wrap ErrNotFound when no such item is parked, ErrDamaged when it cannot
// be read.
func (s *Store) Retry(seq uint64) error {
	r, err := s.dead.get(seq)
	if err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	item, err := s.dead.item(&r)
	if err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	e, err := decodeEnvelope(r.envelope)
	if err != nil || item.Seq != seq {
		return fmt.Errorf("retry: %w: item %d", ErrDamaged, seq)
	}
	r.note.Retry = true
	if err := s.dead.put(seq, &r); err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.parked[seq] || s.sched.entries[seq] != nil || s.sched.retries[seq] != nil {
		return nil // already on its way
	}
	s.retrying(&entry{Header: e.Header})
	s.sched.unhold(seq)
	s.progress()
	return nil
}

// retrying schedules an item of dead.db.
func (s *Store) retrying(e *entry) { s.sched.insert(e) }

// Drop gives a parked item up: it is deleted, a held lane goes on, and the lane's
// next item carries a Gap. reason goes to the log; the caller audits. Errors wrap
// ErrNotFound.
func (s *Store) Drop(seq uint64, reason string) error {
	r, err := s.dead.get(seq)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return fmt.Errorf("drop: %w", err)
	}
	s.mu.Lock()
	if e := s.sched.entries[seq]; e != nil && e.claim {
		s.mu.Unlock()
		return fmt.Errorf("drop: item %d is being delivered: %w", seq, ErrStale)
	}
	if e := s.sched.entries[seq]; e != nil {
		s.sched.remove(e)
	}
	delete(s.sched.retries, seq)
	s.mu.Unlock()
	if err := s.dead.remove(seq); err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	s.o.Logger.Warn("queue: parked item dropped", "seq", seq, "reason", reason)
	s.space.add(-int64(len(r.envelope)))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parked, seq)
	if r.note.Policy == Hold {
		s.addGap(slices.Clone(r.note.Lanes), seq)
	}
	s.sched.unhold(seq)
	s.progress()
	return nil
}
