package fhir

import "cardferry/hl7/fhir/resource"

// scratch is memory that translations use one after the other.
type scratch struct {
	arena    resource.Arena
	repair   resource.Repairer
	segments []segment
	counts   map[string]int // segments by name
	leaves   []leaf
	groups   slab[group]
	makings  slab[built]
	built    []*built
	refs     []reference
	later    []pendingLink
	trail    []*row
	keys     map[[16]byte]int // uses of identity keys, by their UUID
	byID     map[string]*built
	buf      []byte
}

// slab hands out values in blocks and takes all of them back at once.
type slab[T any] struct {
	blocks [][]T
	used   int // blocks begun
	free   []T
}

const slabBlock = 32

func (s *slab[T]) next() *T {
	if len(s.free) == 0 {
		if s.used == len(s.blocks) {
			s.blocks = append(s.blocks, make([]T, slabBlock))
		}
		s.free = s.blocks[s.used]
		s.used++
	}
	v := &s.free[0]
	s.free = s.free[1:]
	return v
}

func (s *slab[T]) reset(keep int) {
	for _, b := range s.blocks[:s.used] {
		clear(b)
	}
	s.blocks = s.blocks[:min(len(s.blocks), keep)]
	s.used, s.free = 0, nil
}

// keptBytes bounds what a scratch keeps of a large message; keptItems bounds its
// lists.
const (
	keptBytes = 1 << 20
	keptItems = 1 << 12
)

// borrow takes a scratch out of the translator's pool; giveBack wipes it, since
// it held patient data, and returns it.
func (t *Translator) borrow() *scratch {
	if s, ok := t.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{counts: map[string]int{}, keys: map[[16]byte]int{}, byID: map[string]*built{}}
}

func (t *Translator) giveBack(s *scratch) {
	s.arena.Reset()
	s.groups.reset(keptItems / slabBlock)
	s.makings.reset(keptItems / slabBlock)
	s.segments = wipe(s.segments, keptItems)
	s.leaves = wipe(s.leaves, keptBytes/64)
	s.built = wipe(s.built, keptItems)
	s.refs = wipe(s.refs, keptItems)
	s.later = wipe(s.later, keptItems)
	s.buf = wipe(s.buf, keptBytes)
	if len(s.keys) > keptItems || len(s.byID) > keptItems {
		s.keys, s.byID = map[[16]byte]int{}, map[string]*built{}
	}
	clear(s.counts)
	clear(s.keys)
	clear(s.byID)
	t.pool.Put(s)
}

// wipe clears a list and empties it; a large one is let go.
func wipe[T any](s []T, keep int) []T {
	clear(s)
	if cap(s) > keep {
		return nil
	}
	return s[:0]
}
