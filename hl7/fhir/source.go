package fhir

import (
	"fmt"
	"strconv"
	"strings"
)

// source is a position that a row reads: absolute ("PID-3.4.1", "PID") in the
// segment nearest in scope, or relative to the value a datatype map was called
// with ("CX.4.1", "CX").
type source struct {
	name      string // segment or datatype name
	relative  bool
	field     int // 0: whole segment
	comp, sub int
}

// parseSource reads a position. datatype is the name relative positions carry,
// empty in segment tables.
func parseSource(s, datatype string) (source, error) {
	name, rest, isField := strings.Cut(s, "-")
	var parts []string
	if isField {
		parts = strings.Split(rest, ".")
	} else {
		parts = strings.Split(s, ".")
		name, parts = parts[0], parts[1:]
	}
	p := source{name: name}
	var nums [3]int
	if len(parts) > 3 || !isField && len(parts) > 2 {
		return p, fmt.Errorf("position %q has too many parts", s)
	}
	for i, x := range parts {
		n, err := strconv.Atoi(x)
		if err != nil || n < 1 || n > maxFields {
			return p, fmt.Errorf("position %q: %q is not a number from 1 to %d", s, x, maxFields)
		}
		nums[i] = n
	}
	switch {
	case isField:
		p.field, p.comp, p.sub = nums[0], nums[1], nums[2]
	case datatype != "":
		p.relative, p.comp, p.sub = true, nums[0], nums[1]
		if name != datatype {
			return p, fmt.Errorf("position %q is not of datatype %s", s, datatype)
		}
		return p, nil
	case len(parts) > 0:
		return p, fmt.Errorf("position %q: write segment-field, for example PID-3.1", s)
	}
	if len(name) != 3 || strings.ToUpper(name) != name {
		return p, fmt.Errorf("position %q does not start with a segment name", s)
	}
	return p, nil
}

// scope is where a row runs.
type scope struct {
	run *run
	grp *group
	seg *segment
	cur cursor // the value a datatype map was called with; in a segment map the repetition at hand
	row *row
}

// find is the value at p. A position in the field that the row iterates over is
// taken from the repetition at hand, any other from the first repetition.
func (s *scope) find(p *source) cursor {
	if p.relative {
		return descend(s.cur, p.comp, p.sub)
	}
	if s.inHand(p) {
		return descend(s.cur, p.comp, p.sub)
	}
	f := s.fieldOf(p)
	if p.field == 0 {
		return f
	}
	return descend(f.down(1), p.comp, p.sub)
}

// inHand says whether p lies in the field that the row iterates over.
func (s *scope) inHand(p *source) bool {
	return s.cur.seg != nil && s.cur.depth == atRep && s.cur.seg.name == p.name && !s.cur.absent() &&
		int(s.cur.seg.leaves[s.cur.lo].field) == p.field
}

// valued says whether there is a value at p: for a whole field in any of its
// repetitions.
func (s *scope) valued(p *source) bool {
	if !p.relative && p.comp == 0 && !s.inHand(p) {
		return s.fieldOf(p).valued()
	}
	return s.find(p).valued()
}

// fieldOf is the field of p with all repetitions, or its whole segment.
func (s *scope) fieldOf(p *source) cursor {
	seg := s.seg
	if seg == nil || seg.name != p.name {
		seq := 0
		if seg != nil {
			seq = seg.seq
		}
		if seg = s.grp.segment(p.name, seq); seg == nil {
			return cursor{seg: &noSegment}
		}
	}
	if p.field == 0 {
		return cursor{seg: seg, hi: len(seg.leaves), depth: atSegment}
	}
	return seg.field(p.field)
}

var noSegment segment // never written

func descend(c cursor, comp, sub int) cursor {
	if comp > 0 {
		c = c.down(comp)
	}
	if sub > 0 {
		c = c.down(sub)
	}
	return c
}

// template is text with {positions} and {site} in it.
type template struct {
	parts []templatePart
}

type templatePart struct {
	text string
	from *source
	site bool
}

func parseTemplate(s, datatype string) (*template, error) {
	var t template
	for s != "" {
		text, rest, open := strings.Cut(s, "{")
		if text != "" {
			t.parts = append(t.parts, templatePart{text: text})
		}
		if !open {
			break
		}
		name, tail, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("value %q: a { has no }", s)
		}
		if name == "site" {
			t.parts = append(t.parts, templatePart{site: true})
		} else {
			p, err := parseSource(name, datatypeOf(name, datatype))
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, templatePart{from: &p})
		}
		s = tail
	}
	return &t, nil
}

// datatypeOf is the datatype for a position: none when it is written as a field.
func datatypeOf(position, datatype string) string {
	if strings.Contains(position, "-") {
		return ""
	}
	return datatype
}

func (t *template) constant() (string, bool) {
	if len(t.parts) == 1 && t.parts[0].text != "" {
		return t.parts[0].text, true
	}
	return "", false
}

// fixed is the text of a template without positions for one site.
func (t *template) fixed(site string) (string, bool) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.from != nil {
			return "", false
		}
		if p.site {
			b.WriteString(site)
		}
		b.WriteString(p.text)
	}
	return strings.TrimSpace(b.String()), true
}

// expand fills the template in, noting what it took as used.
func (t *template) expand(s *scope) string {
	if text, ok := t.constant(); ok {
		return text
	}
	if text, ok := s.run.t.fixed[t]; ok {
		return text
	}
	var b strings.Builder
	for i := range t.parts {
		switch p := &t.parts[i]; {
		case p.site:
			b.WriteString(s.run.t.site)
		case p.from != nil:
			c := s.find(p.from)
			b.WriteString(c.text())
			c.use()
		default:
			b.WriteString(p.text)
		}
	}
	return strings.TrimSpace(b.String())
}
