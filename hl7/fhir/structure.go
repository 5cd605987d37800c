package fhir

import (
	"fmt"
	"slices"
	"strings"

	"cardferry/hl7/fhir/definition"
)

// structure is a message structure: its segment groups and what their segments
// become.
type structure struct {
	name   string
	root   *groupDef
	groups map[string]*groupDef
}

// groupDef is a repeating group of segments. The group opens at one of its
// opening segments; with several (ORC OBR) a later one belongs to the group that
// an earlier one opened.
type groupDef struct {
	name     string
	parent   *groupDef
	children []*groupDef // in table order
	opens    []string
	members  []string
	places   map[string][]*place // by segment
}

// place is a row of the message table: a segment at its place in the structure
// becomes (part of) a resource.
type place struct {
	id    string
	when  *condition
	label string // "Patient", "Patient/subsumed"
	typ   *definition.Type
	use   *mapping
	links []link
	amend bool // ?Patient: only when another segment made the resource
	brief bool // ~Patient: the message mentions the resource, it is not about it
}

// link sets a reference once all segments are translated.
type link struct {
	holder string // label of the resource that refers; empty for this one
	steps  []step
	target string // label of the resource referred to; "$" for this one
}

// anyMessage is the structure of events without one of their own.
const anyMessage = "*"

// maxGroups bounds the groups of one structure.
const maxGroups = 100

func (c *compiler) structures(events, groups, messages []*record) {
	t := c.t
	t.structures, t.events = map[string]*structure{}, map[string]string{}
	for _, r := range events {
		t.events[r.id] = r.cells["structure"]
		c.structure(r.cells["structure"])
	}
	for range 2 { // parents may be declared after their children
		for _, r := range groups {
			for name := range strings.FieldsSeq(r.cells["structure"]) {
				c.group(r, c.structure(name))
			}
		}
	}
	for _, r := range groups {
		for name := range strings.FieldsSeq(r.cells["structure"]) {
			s := t.structures[name]
			g, parent := s.groups[r.cells["group"]], s.groups[r.cells["parent"]]
			switch {
			case parent == nil:
				c.mistake(r.failf("no group %q in structure %s", r.cells["parent"], s.name))
			case g != nil && g.parent == parent && !slices.Contains(parent.children, g):
				parent.children = append(parent.children, g)
			}
		}
	}
	if t.structures[anyMessage] == nil {
		c.mistake(fmt.Errorf("structures: a row with id * (any other message) is missing"))
	}
	for _, r := range messages {
		if r.removed() {
			continue
		}
		if strings.TrimSpace(r.cells["structure"]) == "" {
			c.mistake(r.failf("column structure is empty"))
		}
		for name := range strings.FieldsSeq(r.cells["structure"]) {
			if err := c.place(r, name); err != nil {
				c.mistake(r.fail(err))
				break
			}
		}
	}
}

func (c *compiler) structure(name string) *structure {
	s := c.t.structures[name]
	if s == nil {
		root := &groupDef{places: map[string][]*place{}}
		s = &structure{name: name, root: root, groups: map[string]*groupDef{"": root}}
		c.t.structures[name] = s
	}
	return s
}

func (c *compiler) group(r *record, s *structure) {
	name := r.cells["group"]
	g := s.groups[name]
	if g == nil {
		if len(s.groups) > maxGroups {
			c.mistake(r.failf("more than %d groups in a structure", maxGroups))
			return
		}
		g = &groupDef{name: name, places: map[string][]*place{}}
		s.groups[name] = g
	}
	if g == s.root {
		c.mistake(r.failf("column group is empty"))
		return
	}
	g.opens, g.members = strings.Fields(r.cells["opens"]), strings.Fields(r.cells["members"])
	parent := s.groups[r.cells["parent"]]
	for p := parent; p != nil; p = p.parent {
		if p == g {
			c.mistake(r.failf("group %s is inside itself", name))
			return
		}
	}
	g.parent = parent
	if len(g.opens) == 0 {
		c.mistake(r.failf("column opens is empty"))
	}
}

func (c *compiler) place(r *record, structure string) error {
	s := c.t.structures[structure]
	if s == nil {
		return fmt.Errorf("no structure %q", structure)
	}
	g := s.groups[r.cells["group"]]
	if g == nil {
		return fmt.Errorf("no group %q in structure %s", r.cells["group"], s.name)
	}
	p := &place{id: r.id}
	p.label, p.amend = strings.CutPrefix(r.cells["resource"], "?")
	p.label, p.brief = strings.CutPrefix(p.label, "~")
	var err error
	if p.typ, err = c.labelType(p.label); err != nil {
		return err
	}
	if p.use = c.t.segments[r.cells["map"]]; p.use == nil {
		return fmt.Errorf("no segment map %q", r.cells["map"])
	}
	if p.use.typ != p.typ {
		return fmt.Errorf("resource %s and map %s are of different types", p.label, p.use.name)
	}
	if w := r.cells["when"]; w != "" {
		if p.when, err = parseCondition(w, ""); err != nil {
			return err
		}
	}
	for l := range strings.SplitSeq(r.cells["links"], ";") {
		if l = strings.TrimSpace(l); l == "" {
			continue
		}
		compiled, err := c.link(l, p)
		if err != nil {
			return err
		}
		p.links = append(p.links, compiled)
	}
	seg := r.cells["segment"]
	if len(seg) != 3 {
		return fmt.Errorf("column segment is not a segment name")
	}
	if g != s.root && !slices.Contains(g.opens, seg) && !slices.Contains(g.members, seg) {
		return fmt.Errorf("group %s does not hold segment %s", g.name, seg)
	}
	g.places[seg] = append(g.places[seg], p)
	return nil
}

// link compiles "path=Label" or "Label:path=Label"; $ is the row's resource.
func (c *compiler) link(s string, p *place) (link, error) {
	path, target, ok := strings.Cut(s, "=")
	if !ok {
		return link{}, fmt.Errorf("link %q is not written as path=Resource", s)
	}
	l := link{target: target}
	typ := p.typ
	var err error
	if holder, rest, ok := strings.Cut(path, ":"); ok {
		l.holder, path = holder, rest
		if typ, err = c.labelType(holder); err != nil {
			return l, err
		}
	}
	var end *definition.Type
	if l.steps, end, err = c.target(path, typ, ""); err != nil {
		return l, err
	}
	to := p.typ
	if target != "$" {
		if to, err = c.labelType(target); err != nil {
			return l, err
		}
	}
	last := l.steps[len(l.steps)-1].elem
	if end.Name != "Reference" || last == nil || !allowed(last, to.Name) {
		return l, fmt.Errorf("link %q: the path is no reference to %s", s, to.Name)
	}
	return l, nil
}

// labelType is the resource type of a label: what stands before the slash.
func (c *compiler) labelType(label string) (*definition.Type, error) {
	name, _, _ := strings.Cut(label, "/")
	typ, ok := c.model.Lookup(name)
	if !ok || !typ.Resource {
		return nil, fmt.Errorf("%q is not an R4 resource type", name)
	}
	return typ, nil
}

// group is one occurrence of a groupDef in a message.
type group struct {
	def       *groupDef
	parent    *group
	segments  []*segment
	resources []*built
	below     []labelled // the resources of the children, by label
}

// labelled counts resources of one label; first is the only one when n is 1.
type labelled struct {
	label string
	first *built
	n     int
}

// add puts a resource into the group's scope.
func (g *group) add(b *built) {
	g.resources = append(g.resources, b)
	if g.parent == nil {
		return
	}
	p := g.parent
	for i := range p.below {
		if p.below[i].label == b.label {
			p.below[i].n++
			return
		}
	}
	p.below = append(p.below, labelled{b.label, b, 1})
}

// segment returns the segment of that name in this group or around it: the last
// one up to position seq of the message, else the first one behind it.
func (g *group) segment(name string, seq int) *segment {
	for ; g != nil; g = g.parent {
		var found *segment
		for _, s := range g.segments {
			if s.name != name {
				continue
			}
			if found != nil && s.seq > seq {
				break
			}
			found = s
		}
		if found != nil {
			return found
		}
	}
	return nil
}

// enclosing returns the latest resource of that label in this group or around it.
func (g *group) enclosing(label string) *built {
	for ; g != nil; g = g.parent {
		for i := len(g.resources) - 1; i >= 0; i-- {
			if g.resources[i].label == label {
				return g.resources[i]
			}
		}
	}
	return nil
}

// resource is [group.enclosing]; else the only one in the groups below or beside,
// so that a specimen is found from the observations of its order.
func (g *group) resource(label string) *built {
	if b := g.enclosing(label); b != nil {
		return b
	}
	for at := g; at != nil; at = at.parent {
		for i := range at.below {
			if l := &at.below[i]; l.label == label {
				if l.n > 1 {
					return nil
				}
				return l.first
			}
		}
	}
	return nil
}

// enterSegment finds the group a segment belongs to, opening groups as needed.
// A segment that fits nowhere stays in the innermost group.
func (r *run) enterSegment(s *structure, g *group, name string) *group {
	for at := g; at != nil; at = at.parent {
		if at.def != s.root && s.continues(at, name) {
			return at
		}
		for _, def := range at.def.children {
			if slices.Contains(def.opens, name) {
				return r.open(at, def)
			}
		}
		if slices.Contains(at.def.members, name) || len(at.def.places[name]) > 0 && !slices.Contains(at.def.opens, name) {
			return at
		}
	}
	// Out of place (no PID before OBR): open the group at the root.
	if def := s.root.opener(name); def != nil {
		return r.open(r.root, def)
	}
	return g
}

// continues says whether an opening segment belongs to the open group: it comes
// later in the list than all opening segments seen.
func (s *structure) continues(g *group, name string) bool {
	i := slices.Index(g.def.opens, name)
	if i <= 0 {
		return false
	}
	for _, seg := range g.segments {
		if slices.Index(g.def.opens, seg.name) >= i {
			return false
		}
	}
	return true
}

// opener is the first group in or below g that the segment opens.
func (g *groupDef) opener(name string) *groupDef {
	for _, child := range g.children {
		if slices.Contains(child.opens, name) {
			return child
		}
		if found := child.opener(name); found != nil {
			return found
		}
	}
	return nil
}

func (r *run) open(parent *group, def *groupDef) *group {
	g := r.groups.next()
	g.def, g.parent = def, parent
	return g
}
