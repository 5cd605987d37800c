package fhir

import (
	"sort"
	"strconv"
	"unicode/utf8"

	"cardferry/hl7"
)

// Limits of what the tables see of one message; beyond them a value stays in
// the raw message only, and the outcome says so.
const (
	maxFields     = 1000
	maxReps       = 60_000
	maxComponents = 1000
	maxLeaves     = 200_000
)

// leaf is one non-empty subcomponent.
type leaf struct {
	field, rep, comp, sub uint16 // from 1
	null                  bool   // "" was sent
	used                  bool   // some row took it
	text                  string
}

// segment is a segment with its leaves in message order.
type segment struct {
	name   string
	nth    int // which of its name, from 1
	seq    int // position in the message, from 0
	grp    *group
	leaves []leaf
	starts [indexedFields + 2]uint16 // where the leaves of a field begin, when indexed
	dense  bool                      // starts is filled
}

// indexedFields is the number of fields that are found without searching.
const indexedFields = 50

// index notes where each field begins.
func (s *segment) index() {
	if len(s.leaves) >= 1<<16 {
		return
	}
	s.dense = true
	i := 0
	for f := range s.starts {
		for i < len(s.leaves) && int(s.leaves[i].field) < f {
			i++
		}
		s.starts[f] = uint16(i)
	}
}

// field is a field with all its repetitions.
func (s *segment) field(n int) cursor {
	if s.dense && n <= indexedFields {
		return cursor{s, int(s.starts[n]), int(s.starts[n+1]), atField}
	}
	return cursor{seg: s, hi: len(s.leaves)}.down(n)
}

// view is a message taken apart once, so that rows find values without
// searching for delimiters again.
type view struct {
	segments  []segment
	truncated bool // a limit was reached
}

func newView(m *hl7.Message, mem *scratch) view {
	segs := m.Segments()
	if cap(mem.segments) < len(segs) {
		mem.segments = make([]segment, len(segs))
	}
	mem.segments = mem.segments[:len(segs)]
	v := view{segments: mem.segments}
	for i := range segs {
		name := segs[i].Name()
		mem.counts[name]++
		v.segments[i] = segment{name: name, nth: mem.counts[name], seq: i}
	}
	whole, escape := string(m.Bytes()), m.Delimiters().Escape
	leaves := mem.leaves[:0]
	starts := make([]int, len(segs)+1)
	at := 0
	for p, x := range m.Leaves() {
		if len(leaves) == maxLeaves || p.Field > maxFields || p.Repetition > maxReps ||
			p.Component > maxComponents || p.Subcomponent > maxComponents {
			v.truncated = true
			continue
		}
		for ; at <= p.Segment; at++ {
			starts[at] = len(leaves)
		}
		leaves = append(leaves, leaf{
			field: uint16(p.Field), rep: uint16(p.Repetition), comp: uint16(p.Component), sub: uint16(p.Subcomponent),
			null: x.Kind() == hl7.Null, text: textOf(x, whole, escape),
		})
	}
	for ; at <= len(segs); at++ {
		starts[at] = len(leaves)
	}
	mem.leaves = leaves
	for i := range v.segments {
		v.segments[i].leaves = leaves[starts[i]:starts[i+1]:starts[i+1]]
		v.segments[i].index()
	}
	return v
}

// textOf is the text of a leaf: a part of the whole message where it is plain
// ASCII, which is the same in every character set, else a text of its own.
func textOf(x hl7.Value, whole string, escape byte) string {
	raw := x.Raw()
	for _, c := range raw {
		if c < ' ' || c >= utf8.RuneSelf || c == escape {
			return x.Text()
		}
	}
	at := x.Offset()
	if end := at + len(raw); end > len(whole) || whole[at:end] != string(raw) || len(raw) == 2 && raw[0] == '"' {
		return x.Text()
	}
	return whole[at : at+len(raw)]
}

// depth is how deep in a segment a cursor is.
type depth uint8

const (
	atSegment depth = iota
	atField         // all repetitions
	atRep
	atComp
	atSub
)

// cursor is a stretch of a segment's leaves: a field, a repetition, …
type cursor struct {
	seg    *segment
	lo, hi int
	depth  depth
}

func (c cursor) absent() bool { return c.lo >= c.hi }

func (l *leaf) at(d depth) uint16 {
	switch d {
	case atField:
		return l.field
	case atRep:
		return l.rep
	case atComp:
		return l.comp
	}
	return l.sub
}

// down narrows to part n of the next level.
func (c cursor) down(n int) cursor {
	if c.absent() {
		return c
	}
	d := c.depth + 1
	if d > atSub {
		if n != 1 {
			c.hi = c.lo
		}
		return c
	}
	lo := c.seek(c.lo, d, n)
	return cursor{c.seg, lo, c.seek(lo, d, n+1), d}
}

// seek is the first leaf from i on whose position at depth d is n or more.
func (c cursor) seek(i int, d depth, n int) int {
	leaves := c.seg.leaves
	for end := min(i+16, c.hi); i < end; i++ { // nearly always near
		if int(leaves[i].at(d)) >= n {
			return i
		}
	}
	return i + sort.Search(c.hi-i, func(k int) bool { return int(leaves[i+k].at(d)) >= n })
}

// leaf is the first subcomponent of the value, what a reader of a simple type
// sees; nil when it is absent though later parts are there.
func (c cursor) leaf() *leaf {
	if c.absent() {
		return nil
	}
	l := &c.seg.leaves[c.lo]
	if c.depth < atSub && l.sub != 1 || c.depth < atComp && l.comp != 1 || c.depth < atRep && l.rep != 1 || c.depth < atField {
		return nil
	}
	return l
}

// text is the text of the leaf, "" when absent or null.
func (c cursor) text() string {
	if l := c.leaf(); l != nil && !l.null {
		return l.text
	}
	return ""
}

// valued says that there is something that is not the null value.
func (c cursor) valued() bool {
	for i := c.lo; i < c.hi; i++ {
		if !c.seg.leaves[i].null {
			return true
		}
	}
	return false
}

// null says that the whole value is the null value.
func (c cursor) null() bool {
	return c.hi-c.lo == 1 && c.seg.leaves[c.lo].null && c.leaf() != nil
}

// use notes that the leaf was translated.
func (c cursor) use() {
	if l := c.leaf(); l != nil {
		l.used = true
	}
}

func (c cursor) useAll() {
	for i := c.lo; i < c.hi; i++ {
		c.seg.leaves[i].used = true
	}
}

// position names the cursor's place: "PID-3[2].4", "OBX[3]-5".
func (c cursor) position() string {
	b := make([]byte, 0, 24)
	b = append(b, c.seg.name...)
	if c.seg.nth > 1 {
		b = append(strconv.AppendInt(append(b, '['), int64(c.seg.nth), 10), ']')
	}
	if c.absent() || c.depth == atSegment {
		return string(b)
	}
	l := &c.seg.leaves[c.lo]
	b = strconv.AppendInt(append(b, '-'), int64(l.field), 10)
	if c.depth >= atRep && l.rep > 1 {
		b = append(strconv.AppendInt(append(b, '['), int64(l.rep), 10), ']')
	}
	if c.depth >= atComp {
		b = strconv.AppendInt(append(b, '.'), int64(l.comp), 10)
	}
	if c.depth >= atSub && l.sub > 1 {
		b = strconv.AppendInt(append(b, '.'), int64(l.sub), 10)
	}
	return string(b)
}
