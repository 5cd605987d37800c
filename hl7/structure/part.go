package structure

import (
	"bytes"
	"strconv"

	"cardferry/hl7"
)

// part looks at one leaf by its place in the datatype.
func (c *checker) part(p hl7.Position, v hl7.Value, raw []byte, null bool) {
	typ := c.field.typ
	g := &c.group
	g.last = p.Component
	g.have.add(p.Component)
	if p.Component <= maxParts && p.Subcomponent == 1 {
		g.parts[p.Component] = v
	}
	closed, limit := c.field.def.codes, 0
	if len(typ.components) == 0 {
		if p.Component > 1 || p.Subcomponent > 1 {
			c.tooDeep(p, v, typ)
			return
		}
	} else {
		if p.Component > len(typ.components) {
			c.tooMany(p, v, typ)
			return
		}
		comp := &typ.components[p.Component-1]
		typ, closed, limit = comp.typ, comp.codes, comp.MaxLength
		if len(typ.components) == 0 {
			if p.Subcomponent > 1 {
				c.tooDeep(p, v, typ)
				return
			}
		} else {
			sub := &c.sub
			if sub.typ == nil {
				*sub = composite{typ: typ, start: v.Offset()}
			}
			sub.have.add(p.Subcomponent)
			if p.Subcomponent <= maxParts {
				sub.parts[p.Subcomponent] = v
			}
			if p.Subcomponent > len(typ.components) {
				c.tooMany(p, v, typ)
				return
			}
			comp := &typ.components[p.Subcomponent-1]
			typ, closed, limit = comp.typ, comp.codes, comp.MaxLength
		}
	}
	for len(typ.components) > 0 { // deeper than HL7 can say: the first part stands for all
		comp := &typ.components[0]
		typ, closed, limit = comp.typ, comp.codes, comp.MaxLength
	}
	if !null {
		c.value(p, v, raw, typ, closed, limit)
	}
}

// value looks at one primitive value.
func (c *checker) value(p hl7.Position, v hl7.Value, raw []byte, typ *datatype, closed *codes, limit int) {
	if typ.check != nil {
		if reason := typ.check(raw); reason != "" {
			if !c.list.full() {
				c.list.add(CodeDatatype, Warning, c.path(c.leafPath(p)), v.Offset(), reason)
			}
			return
		}
	}
	if closed != nil && typ.name == "ID" && !closed.has(raw) && !c.list.full() {
		c.list.add(CodeTableValue, Warning, c.path(c.leafPath(p)), v.Offset(), "not a code of table "+tableNumber(closed.number)+" ("+closed.name+")")
	}
	if limit > 0 && len(raw) > limit && len(c.field.typ.components) > 0 && !c.list.full() {
		if n := c.length(v, raw); n > limit {
			c.list.add(CodeTooLong, Info, c.path(c.leafPath(p)), v.Offset(),
				strconv.Itoa(n)+" characters, the datatype allows "+strconv.Itoa(limit)+" in "+c.d.version.String())
		}
	}
}

// leafPath names a leaf as shortly as is clear.
func (c *checker) leafPath(p hl7.Position) hl7.Path {
	typ := c.field.typ
	if len(typ.components) == 0 {
		return c.at(0, 0)
	}
	if p.Component <= len(typ.components) && len(typ.components[p.Component-1].typ.components) > 0 {
		return c.at(p.Component, p.Subcomponent)
	}
	return c.at(p.Component, 0)
}

// tooDeep reports parts in a value that has none, most often a delimiter in a
// text that was not escaped. One finding a repetition is enough.
func (c *checker) tooDeep(p hl7.Position, v hl7.Value, typ *datatype) {
	if c.field.deep {
		return
	}
	c.field.deep = true
	if c.list.full() {
		return
	}
	path := c.at(p.Component, 0)
	if p.Subcomponent > 1 {
		path.Subcomponent = p.Subcomponent
	}
	text := typ.name + " has no parts"
	switch typ.name {
	case "ST", "TX", "FT":
		text += "; a delimiter in a text must be escaped"
	}
	c.list.add(CodeComponentUnknown, Warning, c.path(path), v.Offset(), text)
}

// tooMany reports a part beyond the last of its datatype.
func (c *checker) tooMany(p hl7.Position, v hl7.Value, typ *datatype) {
	if c.field.deep {
		return
	}
	c.field.deep = true
	if c.list.full() {
		return
	}
	path := c.at(p.Component, 0)
	if typ != c.field.typ {
		path.Subcomponent = p.Subcomponent
	}
	c.list.add(CodeComponentUnknown, Info, c.path(path), v.Offset(), typ.name+" has fewer parts in "+c.d.version.String())
}

// has looks a code up. Sites may make message types and events of their own.
func (t *codes) has(raw []byte) bool {
	if t.site && raw[0] == 'Z' {
		return true
	}
	_, ok := t.set[string(bytes.TrimSpace(raw))]
	return ok
}

// tableNumber is the four digits HL7 writes.
func tableNumber(n int) string {
	b := [4]byte{'0', '0', '0', '0'}
	for i := 3; i >= 0 && n > 0; i-- {
		b[i] += byte(n % 10)
		n /= 10
	}
	return string(b[:])
}
