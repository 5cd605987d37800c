package hl7

import "iter"

// Position is where a leaf stands. Segment indexes [Message.Segments] from 0, the
// others count from 1 in HL7 numbering.
type Position struct {
	Segment, Field, Repetition, Component, Subcomponent int
}

// Leaves walks every subcomponent that is not empty, in order, in one pass. The
// encoding characters (MSH-1, MSH-2) and lines without a name are left out.
func (m *Message) Leaves() iter.Seq2[Position, Value] {
	return func(yield func(Position, Value) bool) {
		class := delimiterClasses(&m.cur.d)
		for i, s := range m.segs {
			if !s.walk(&class, i, yield) {
				return
			}
		}
	}
}

// The classes a byte can have in a walk; greater is a coarser separator.
const (
	classData = iota
	classSubcomponent
	classComponent
	classRepetition
	classField
)

func delimiterClasses(d *Delimiters) (class [256]uint8) {
	class[d.Subcomponent] = classSubcomponent
	class[d.Component] = classComponent
	class[d.Repetition] = classRepetition
	class[d.Field] = classField
	class[0] = classData // not declared is not a separator
	return class
}

// walk yields the leaves of one segment and says whether to go on.
func (s Segment) walk(class *[256]uint8, index int, yield func(Position, Value) bool) bool {
	name := s.name()
	if len(name) == 0 {
		return true
	}
	p := Position{Segment: index}
	at := s.start + uint32(len(name))
	if isHeader(name) && at < s.end {
		p.Field = 2
		start, end, ok := part(s.v.s, at+1, s.end, s.v.d.Field, 1)
		if !ok || start == s.end {
			return true
		}
		at = end
	}
	b := s.v.s[:s.end]
	leaf := at
	for i := int(at); i < len(b); i++ {
		c := class[b[i]]
		if c == classData {
			continue
		}
		end := uint32(i)
		if end > leaf && !yield(p, Value{v: s.v, start: leaf, end: end, lvl: subcomponentLevel}) {
			return false
		}
		leaf = end + 1
		p.next(c)
	}
	return leaf >= s.end || yield(p, Value{v: s.v, start: leaf, end: s.end, lvl: subcomponentLevel})
}

// next moves behind a separator.
func (p *Position) next(class uint8) {
	switch class {
	case classField:
		p.Field++
		p.Repetition, p.Component, p.Subcomponent = 1, 1, 1
	case classRepetition:
		p.Repetition++
		p.Component, p.Subcomponent = 1, 1
	case classComponent:
		p.Component++
		p.Subcomponent = 1
	default:
		p.Subcomponent++
	}
}
