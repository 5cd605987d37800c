package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// Filter selects stored items. Zero fields select everything.
type Filter struct {
	Class    *Class
	Lane     Lane
	Source   string
	Kind     string
	AfterSeq uint64 // only items behind it, for paging
	Limit    int    // 100 when zero
}

func (f *Filter) match(h *Header) bool {
	return (f.Lane == "" || slices.Contains(h.Lanes, f.Lane)) &&
		(f.Source == "" || f.Source == h.Source) && (f.Kind == "" || f.Kind == h.Kind)
}

// errStop ends a walk early.
var errStop = errors.New("stop")

// List returns items that are stored and neither delivered nor parked, in
// sequence order, without payloads. It reads the segments.
func (s *Store) List(f Filter) ([]Header, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var list []Header
	for class := range numClasses {
		if f.Class != nil && *f.Class != class {
			continue
		}
		found, err := s.listClass(class, &f)
		if err != nil {
			return nil, fmt.Errorf("list queue: %w", err)
		}
		list = append(list, found...)
	}
	slices.SortFunc(list, func(a, b Header) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return list[:min(len(list), f.Limit)], nil
}

// listClass returns the first f.Limit items of a class that match.
func (s *Store) listClass(class Class, f *Filter) (list []Header, err error) {
	s.mu.Lock()
	segs := slices.Clone(s.sched.classes[class].segs)
	s.mu.Unlock()
	for _, g := range segs {
		s.mu.Lock()
		last, acks := g.last, ackSet{words: slices.Clone(g.acks.words)}
		s.mu.Unlock()
		if last <= f.AfterSeq {
			continue
		}
		opened, err := g.view(func(tx *bbolt.Tx) error {
			q, err := items(tx)
			if err != nil {
				return err
			}
			var ord uint32
			return q.ForEach(func(k, v []byte) error {
				at := ord
				ord++
				if len(k) != 8 || binary.BigEndian.Uint64(k) <= f.AfterSeq || acks.has(at) {
					return nil
				}
				if e, err := decodeEnvelope(v); err == nil && f.match(&e.Header) {
					list = append(list, e.Header)
				}
				if len(list) == f.Limit {
					return errStop
				}
				return nil
			})
		})
		if opened {
			s.open.opened(g)
		}
		switch {
		case errors.Is(err, errStop):
			return list, nil
		case errors.Is(err, ErrNotFound): // delivered meanwhile
		case err != nil:
			return nil, err
		}
	}
	return list, nil
}

// Get returns one stored or parked item with its payload. The caller audits.
// Errors wrap ErrNotFound or ErrDamaged.
func (s *Store) Get(seq uint64) (Item, error) {
	if r, err := s.dead.get(seq); err == nil {
		return s.dead.item(&r)
	} else if !errors.Is(err, ErrNotFound) {
		return Item{}, fmt.Errorf("get item %d: %w", seq, err)
	}
	s.mu.Lock()
	var in []*segment
	for i := range s.sched.classes {
		for _, g := range s.sched.classes[i].segs {
			if g.first <= seq && seq <= g.last {
				in = append(in, g)
			}
		}
	}
	s.mu.Unlock()
	for _, g := range in {
		var raw []byte
		opened, err := g.view(func(tx *bbolt.Tx) error {
			q, err := items(tx)
			if err == nil {
				raw = slices.Clone(q.Get(seqKey(seq)))
			}
			return err
		})
		if opened {
			s.open.opened(g)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Item{}, fmt.Errorf("get item %d: %w", seq, err)
		}
		if raw != nil {
			return openEnvelope(g.key, raw)
		}
	}
	return Item{}, fmt.Errorf("%w: item %d", ErrNotFound, seq)
}
