package hl7

import "iter"

// All walks the segments of that name in one pass, with their occurrence
// counted from 1. Reading OBX 1 to n this way takes linear time; with
// [Message.Segment] it would be quadratic.
func (m *Message) All(name string) iter.Seq2[int, Segment] {
	return func(yield func(int, Segment) bool) {
		n := 0
		for _, s := range m.segs {
			if !s.is(name) {
				continue
			}
			if n++; !yield(n, s) {
				return
			}
		}
	}
}

// Group is a run of segments that belong together: one that opens it and all
// behind it up to the next of the same name. An order with its results is the
// group of an OBR. The order of segments is taken as sent; whether it is the one
// the standard wants is not looked at.
type Group []Segment

// Groups walks the groups that segments of that name open, in one pass. What
// comes before the first belongs to none.
func (m *Message) Groups(name string) iter.Seq[Group] {
	return func(yield func(Group) bool) {
		for rest := groupFrom(m.segs, name, 1); len(rest) > 0; {
			n := 1
			for n < len(rest) && !rest[n].is(name) {
				n++
			}
			if !yield(Group(rest[:n:n])) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Segment is the nth (from 1) segment of that name in the group.
func (g Group) Segment(name string, n int) (Segment, bool) { return nth(g, name, n) }

// At is the value at p in the group; p's own group is ignored.
func (g Group) At(p Path) Value {
	s, ok := nth(g, p.Segment, max(p.Occurrence, 1))
	if !ok {
		return Value{}
	}
	return s.At(p)
}

// All walks the repetitions in one pass, counted from 1, empty ones between
// others included.
func (f Field) All() iter.Seq2[int, Repetition] {
	return func(yield func(int, Repetition) bool) {
		if f.start == f.end {
			return
		}
		x := f.Value
		for n := 1; ; n++ {
			rep, ok := f.Value, false
			if sep := x.v.d.Repetition; x.lvl != verbatim {
				rep.lvl = repetitionLevel
				if sep != 0 {
					_, rep.end, _ = part(x.v.s, x.start, x.end, sep, 1)
					ok = rep.end < x.end
				}
				rep.start = x.start
			}
			if !yield(n, Repetition{rep}) || !ok {
				return
			}
			x.start = rep.end + 1
		}
	}
}

// find is the segment that p names.
func (m *Message) find(p Path) (Segment, bool) {
	segs := m.segs
	if p.Group != "" {
		segs = groupFrom(segs, p.Group, max(p.GroupOccurrence, 1))
		for i := 1; i < len(segs); i++ {
			if segs[i].is(p.Group) {
				segs = segs[:i]
			}
		}
	}
	return nth(segs, p.Segment, max(p.Occurrence, 1))
}

// groupFrom is segs from the nth (from 1) segment of that name on.
func groupFrom(segs []Segment, name string, n int) []Segment {
	for i, s := range segs {
		if s.is(name) {
			if n--; n == 0 {
				return segs[i:]
			}
		}
	}
	return nil
}

// nth is the nth (from 1) segment of that name.
func nth(segs []Segment, name string, n int) (Segment, bool) {
	rest := groupFrom(segs, name, n)
	if len(rest) == 0 {
		return Segment{}, false
	}
	return rest[0], true
}
