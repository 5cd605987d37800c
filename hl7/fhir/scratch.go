package fhir

import "cardferry/hl7/fhir/resource"

// scratch is memory that translations use one after the other.
type scratch struct {
	arena  resource.Arena
	repair resource.Repairer
	leaves []leaf
	buf    []byte
}

// keptBytes bounds what a scratch keeps of a large message.
const keptBytes = 1 << 20

// borrow takes a scratch out of the translator's pool; giveBack wipes it, since
// it held patient data, and returns it.
func (t *Translator) borrow() *scratch {
	if s, ok := t.pool.Get().(*scratch); ok {
		return s
	}
	return &scratch{}
}

func (t *Translator) giveBack(s *scratch) {
	s.arena.Reset()
	clear(s.leaves)
	clear(s.buf)
	if cap(s.buf) > keptBytes {
		s.buf = nil
	}
	if cap(s.leaves) > keptBytes/64 {
		s.leaves = nil
	}
	t.pool.Put(s)
}
