package structure

import (
	"strconv"
	"unicode/utf8"

	"cardferry/hl7"
)

// checker goes once over a message. Its state is where it stands.
type checker struct {
	m      *hl7.Message
	o      Options
	d      *dialect
	escape byte // 0 when MSH-2 declares none
	list   findings
	plan   arrangement

	// The segment it is in.
	segment int // index in Message.Segments, -1 before the first
	def     *segment
	seen    bits
	varies  *datatype // what OBX-2 names, nil when nothing known

	field fieldState
	group composite // the components of the repetition
	sub   composite // the subcomponents of the component
}

// fieldState is one repetition of a field.
type fieldState struct {
	number, repetition int
	def                *field
	typ                *datatype // nil: not looked at
	chars              int       // characters so far
	end                int       // offset behind the last leaf
	null               bool
	deep               bool // a finding about too many parts was made
	repeats            bool // a finding about too many repetitions was made
}

// composite is one level of parts that belong together.
type composite struct {
	typ   *datatype
	have  bits
	parts parts
	start int // offset of its first leaf
	last  int // the part it is in
}

func newChecker(m *hl7.Message, o Options) *checker {
	v, _ := resolve(m.Version())
	return &checker{m: m, o: o, d: dialects[v](), escape: m.Delimiters().Escape, list: findings{strict: o.Strict, max: o.Max}, segment: -1}
}

// version looks at MSH-12.
func (c *checker) version() {
	f := c.m.Segments()[0].Field(12)
	if _, known := resolve(f.Text()); !known && f.Kind() == hl7.Text {
		c.list.add(CodeVersionUnknown, Warning, "MSH-12", f.Offset(), "not a version of HL7 v2; read as "+c.d.version.String())
	}
}

// fields looks at every leaf in one pass.
func (c *checker) fields() {
	c.list.room(c.o.Max)
	for p, v := range c.m.Leaves() {
		for c.segment < p.Segment {
			c.next()
		}
		if c.def != nil {
			c.leaf(p, v)
		}
	}
	for c.segment < len(c.m.Segments()) {
		c.next()
	}
}

// next ends the segment and begins the one behind it.
func (c *checker) next() {
	if c.segment >= 0 {
		c.endField()
		c.endSegment()
	}
	c.segment++
	c.def, c.seen, c.varies, c.field = nil, bits{}, nil, fieldState{}
	if c.segment < len(c.plan.lines) {
		c.def = c.plan.lines[c.segment].def
	}
	if c.def != nil && (c.def.name == "MSH" || c.def.name == "BHS" || c.def.name == "FHS") {
		c.seen.add(1)
		c.seen.add(2)
	}
}

func (c *checker) endSegment() {
	if c.def == nil {
		return
	}
	open := bits{c.def.required[0] &^ c.seen[0], c.def.required[1] &^ c.seen[1]}
	if open == (bits{}) {
		return
	}
	s := c.m.Segments()[c.segment]
	for n := 1; n <= len(c.def.fields); n++ {
		if !open.has(n) || c.list.full() {
			continue
		}
		at := s.Field(n).Offset()
		if at == 0 {
			at = s.Offset() + len(s.Raw())
		}
		c.list.add(CodeFieldMissing, Warning, c.path(hl7.Path{Field: n}), at, c.def.fields[n-1].Name+" is required")
	}
}

// leaf takes one subcomponent that is not empty.
func (c *checker) leaf(p hl7.Position, v hl7.Value) {
	f := &c.field
	switch {
	case p.Field != f.number:
		c.endField()
		c.beginField(p, v)
	case p.Repetition != f.repetition:
		c.endRepetition()
		c.beginRepetition(p, v)
	case p.Component != c.group.last:
		c.endComponent()
	}
	if f.def == nil || f.typ == nil {
		return
	}
	raw := v.Raw()
	if f.def.MaxLength > 0 {
		c.measure(v, raw)
	}
	null := len(raw) == 2 && raw[0] == '"' && raw[1] == '"'
	if p.Component == 1 && p.Subcomponent == 1 && null {
		f.null = true
	}
	c.part(p, v, raw, null)
}

// measure counts characters, the delimiters between leaves included and escapes
// as what they stand for.
func (c *checker) measure(v hl7.Value, raw []byte) {
	f := &c.field
	if f.end > 0 {
		f.chars += v.Offset() - f.end
	}
	f.end = v.Offset() + len(raw)
	f.chars += c.length(v, raw)
}

// length is how many characters a leaf has.
func (c *checker) length(v hl7.Value, raw []byte) int {
	for _, b := range raw {
		if b >= utf8.RuneSelf || b == c.escape && b != 0 {
			return utf8.RuneCountInString(v.Text())
		}
	}
	return len(raw)
}

func (c *checker) beginField(p hl7.Position, v hl7.Value) {
	c.field = fieldState{number: p.Field}
	f := &c.field
	c.seen.add(p.Field)
	if p.Field <= len(c.def.fields) && p.Field > 0 && c.def.fields[p.Field-1].typ != nil {
		f.def = &c.def.fields[p.Field-1]
	}
	switch {
	case p.Field == 0:
	case f.def == nil:
		if !c.list.full() {
			c.list.add(CodeFieldUnknown, Info, c.path(hl7.Path{Field: p.Field}), v.Offset(),
				c.def.name+" has "+strconv.Itoa(len(c.def.fields))+" fields in "+c.d.version.String())
		}
	case f.def.Usage == Withdrawn:
		if !c.list.full() {
			c.list.add(CodeFieldWithdrawn, Info, c.path(hl7.Path{Field: p.Field}), v.Offset(), f.def.Name+" is withdrawn in "+c.d.version.String())
		}
	default:
		f.typ = f.def.typ
	}
	if f.typ != nil && f.typ.name == "varies" {
		f.typ = c.varies
	}
	if c.def.name == "OBX" && p.Field == 2 {
		c.varies = c.d.datatypes[string(v.Raw())]
	}
	c.beginRepetition(p, v)
}

func (c *checker) beginRepetition(p hl7.Position, v hl7.Value) {
	f := &c.field
	f.repetition, f.chars, f.end, f.null, f.deep = p.Repetition, 0, 0, false, false
	c.group = composite{typ: f.typ, start: v.Offset(), last: p.Component}
	c.sub = composite{}
	if f.def != nil && f.typ != nil && f.def.Repeats > 0 && p.Repetition > f.def.Repeats && !f.repeats {
		f.repeats = true
		if !c.list.full() {
			c.list.add(CodeFieldRepeats, Warning, c.path(hl7.Path{Field: f.number, Repetition: p.Repetition}), v.Offset(),
				f.def.Name+" stands at most "+times(f.def.Repeats))
		}
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

func (c *checker) endField() {
	c.endRepetition()
	c.field = fieldState{}
}

func (c *checker) endRepetition() {
	f := &c.field
	if f.def == nil || f.typ == nil || f.repetition == 0 {
		return
	}
	c.endComponent()
	if f.def.MaxLength > 0 && f.chars > f.def.MaxLength && !f.deep && !c.list.full() {
		s := Warning
		if len(f.typ.components) > 0 {
			s = Info // the sum of the parts; receivers cut parts
		}
		c.list.add(CodeTooLong, s, c.path(c.at(0, 0)), c.group.start,
			f.def.Name+" has "+strconv.Itoa(f.chars)+" characters, "+c.d.version.String()+" allows "+strconv.Itoa(f.def.MaxLength))
	}
	if f.null && c.group.have == (bits{1}) {
		return
	}
	c.complete(&c.group, 0)
}

// endComponent ends the subcomponents of a component.
func (c *checker) endComponent() {
	if c.sub.typ != nil {
		c.complete(&c.sub, c.group.last)
		c.sub = composite{}
	}
}

// complete looks at the parts of a composite together: of the repetition, or of
// its component within.
func (c *checker) complete(g *composite, within int) {
	at := func(part int) hl7.Path {
		if within == 0 {
			return c.at(part, 0)
		}
		return c.at(within, part)
	}
	if g.typ == nil || len(g.typ.components) == 0 || g.have == (bits{}) {
		return
	}
	open := bits{g.typ.required[0] &^ g.have[0], g.typ.required[1] &^ g.have[1]}
	for n := 1; open != (bits{}) && n <= len(g.typ.components); n++ {
		if open.has(n) && !c.list.full() {
			c.list.add(CodeComponentMissing, Warning, c.path(at(n)), g.start, g.typ.components[n-1].Name+" is required in "+g.typ.name)
		}
	}
	if g.typ.rule == nil {
		return
	}
	v := g.typ.rule(&g.parts)
	if v.code == "" || c.list.full() {
		return
	}
	offset := g.start
	if p := g.parts[v.part]; p.Kind() == hl7.Text {
		offset = p.Offset()
	}
	c.list.add(v.code, v.severity, c.path(at(v.part)), offset, v.text)
}

// at is a path in the current repetition.
func (c *checker) at(component, subcomponent int) hl7.Path {
	p := hl7.Path{Field: c.field.number, Component: component, Subcomponent: subcomponent}
	if c.field.repetition > 1 {
		p.Repetition = c.field.repetition
	}
	return p
}

// path completes a path with the segment.
func (c *checker) path(p hl7.Path) string {
	line := c.plan.lines[c.segment]
	p.Segment = c.def.name
	if c.plan.count[p.Segment] > 1 {
		p.Occurrence = line.occurrence
	}
	return p.String()
}
