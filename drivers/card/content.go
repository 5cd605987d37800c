package card

import (
	"bytes"
	"slices"
)

// content is what one or more responses say together, about to be masked. First
// look says what is structure and where values begin and end; then mask fills out.
type content struct {
	b      []byte // as the card sent it
	out    []byte
	keep   []bool // structure, which stays
	leaves []leaf
	inner  map[int]*content // inflated parts, by where they begin
	notes  []string

	from []int  // exchanges it comes from
	part *part  // step that read it; nil when no step keeps it
	name string // of the capture
}

// leaf is one value.
type leaf struct {
	from, to int
	kind     leafKind
	layout   string         // of a date
	year     int            // what its calendar adds to the year
	convert  []func([]byte) // what its bytes go through before they mean something; each undoes itself
}

type leafKind int

const (
	anyLeaf leafKind = iota
	textLeaf
	wide16Leaf // UTF-16, big endian
	wide16LittleLeaf
	bcdLeaf
	dateLeaf
	packedDateLeaf
	binaryLeaf
	imageLeaf
	zippedLeaf
	blankLeaf
)

func newContent(b []byte) *content {
	return &content{b: b, out: bytes.Clone(b), keep: make([]bool, len(b)), inner: map[int]*content{}}
}

func (c *content) keepRange(from, to int) {
	for i := max(0, from); i < min(to, len(c.keep)); i++ {
		c.keep[i] = true
	}
}

// trimmed leaves out padding at both ends.
func (c *content) trimmed(from, to int) (int, int) {
	pad := func(b byte) bool { return b == 0 || b == ' ' || b == 0xFF }
	for from < to && pad(c.b[from]) {
		from++
	}
	for from < to && pad(c.b[to-1]) {
		to--
	}
	return from, to
}

// keepBetween keeps what no leaf covers in a range.
func (c *content) keepBetween(from, to int) {
	c.keepRange(from, to)
	for _, l := range c.leaves {
		if l.from >= from && l.to <= to {
			for i := l.from; i < l.to; i++ {
				c.keep[i] = false
			}
		}
	}
}

// learn tells the masker what must not show.
func (c *content) learn(m *masker) {
	m.learn(c.b, c.keep)
	for _, in := range c.inner {
		in.learn(m)
	}
}

// allow tells the masker what may show wherever it is.
func (c *content) allow(m *masker) {
	m.allow(c.b, c.keep)
	for _, in := range c.inner {
		in.allow(m)
	}
}

// mask fills out. Smaller leaves go first: they know best.
func (c *content) mask(m *masker) {
	copy(c.out, c.b)
	done := slices.Clone(c.keep)
	slices.SortStableFunc(c.leaves, func(a, b leaf) int { return (a.to - a.from) - (b.to - b.from) })
	all := append(slices.Clone(c.leaves), leaf{to: len(c.b)})
	for _, l := range all {
		if l.kind == zippedLeaf { // made again as a whole
			c.maskZipped(m, l)
			for i := l.from; i < l.to; i++ {
				done[i] = true
			}
		}
	}
	m.keep = c.keep
	for _, l := range all {
		for p := l.from; p < l.to; {
			if done[p] {
				p++
				continue
			}
			end := p
			for end < l.to && !done[end] {
				done[end] = true
				end++
			}
			part := l
			part.from, part.to = p, end
			if part.to-part.from != l.to-l.from && (l.kind == dateLeaf || l.kind == packedDateLeaf) {
				part.kind = anyLeaf
			}
			c.maskLeaf(m, part)
			p = end
		}
	}
}

func (c *content) maskLeaf(m *masker, l leaf) {
	lo, hi := c.trimmed(l.from, l.to)
	if lo >= hi {
		return
	}
	v := c.out[lo:hi]
	for _, f := range l.convert {
		f(v)
		defer f(v) // backwards
	}
	if l.kind == anyLeaf || l.kind == textLeaf || l.kind == bcdLeaf {
		l = judge(v, c.out[l.from:l.to], l)
	}
	switch l.kind {
	case dateLeaf, packedDateLeaf:
		m.date(c.out, lo, hi, l.layout, l.year, l.kind == packedDateLeaf)
	case textLeaf:
		m.text(c.out, lo, hi)
	case wide16Leaf, wide16LittleLeaf: // units count from where the value begins
		m.utf16(c.out, l.from, l.to, l.kind == wide16LittleLeaf)
	case bcdLeaf:
		m.bcd(c.out, lo, hi)
	case blankLeaf:
		m.zero(c.out, lo, hi)
		c.notes = append(c.notes, "values are blanked")
	case imageLeaf:
		m.zero(c.out, min(l.from+3, l.to), max(l.from, l.to-2))
		c.notes = append(c.notes, "a picture is blanked")
	default:
		m.binary(c.out, lo, hi)
	}
}
