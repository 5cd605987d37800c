package fhir

import (
	"strings"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/fhir/definition"
	"cardferry/hl7/fhir/resource"
)

// The rows executed for one message are bounded by its values, whatever the
// tables say. A result of ten values takes about 150.
const (
	rowsPerMessage = 20_000
	rowsPerValue   = 100
)

// maxInstances bounds the elements that rows put into one instance: identifiers
// of a patient, lines of notes. It keeps the work linear in the message.
const maxInstances = 1000

// run is one translation in progress.
type run struct {
	t    *Translator
	msg  *hl7.Message
	key  string // idempotency key
	view view
	zone *time.Location
	*scratch
	root   *group
	typ    *definition.Type // of the resource that the trail is in
	issues []Issue
	budget int
	sender string // MSH-3.1
	// origins notes what made each node, for Explain; nil otherwise.
	origins map[*resource.Node]origin
}

// built is a resource being made.
type built struct {
	label   string // "Patient", "Patient/subsumed"; the type for those made behind a reference
	node    *resource.Node
	grp     *group
	seg     *segment // the segment that made it first
	url, id string   // "urn:uuid:…" and what follows
	put     string   // "Patient/…", where the entry goes
	naming  bool     // its id is being derived
	display string
	gone    bool
	brief   bool   // mentioned only: tagged partial
	same    *built // another resource with the same id takes its place
}

// reference is a Reference node and the resource it points to.
type reference struct {
	node   *resource.Node
	holder *built
	to     *built
}

type pendingLink struct {
	link *link
	id   string // of the row
	self *built
	grp  *group
	seg  *segment
}

// segments walks the message and executes the rows of each segment's place.
func (r *run) segments(s *structure) {
	r.root = r.groups.next()
	r.root.def = s.root
	g := r.root
	for i := range r.view.segments {
		seg := &r.view.segments[i]
		g = r.enterSegment(s, g, seg.name)
		g.segments = append(g.segments, seg)
		seg.grp = g
	}
	for i := range r.view.segments {
		seg := &r.view.segments[i]
		for _, p := range seg.grp.def.places[seg.name] {
			r.place(p, seg.grp, seg)
		}
	}
	for i := range r.later {
		r.link(&r.later[i])
	}
}

func (r *run) place(p *place, g *group, seg *segment) {
	sc := scope{run: r, grp: g, seg: seg}
	if p.when != nil && !p.when.holds(&sc) {
		return
	}
	b := g.enclosing(p.label)
	fresh := b == nil
	if !fresh && !p.amend && b.grp == g && b.seg != seg && b.seg.name == seg.name {
		// Two PIDs where one belongs are two patients, never one of both.
		fresh = true
		r.issue(Issue{Code: CodeRepeated, Severity: "warning", Position: cursor{seg: seg}.position(), Row: p.id,
			Detail: "the segment stands once in this group; it is taken as a resource of its own"})
	}
	if b == nil && p.amend {
		return
	}
	if fresh {
		b = r.makings.next()
		*b = built{label: p.label, node: r.arena.New(p.typ), grp: g, seg: seg, brief: p.brief}
	}
	r.typ, r.trail = p.typ, r.trail[:0]
	r.mapping(p.use, b, b.node, &sc)
	if fresh {
		if b.node.First() == nil {
			return
		}
		r.built = append(r.built, b)
		g.add(b)
	}
	for i := range p.links {
		r.later = append(r.later, pendingLink{&p.links[i], p.id, b, g, seg})
	}
}

// expression is the element path of a row for issues, spelt by the rows that led
// to it.
func (r *run) expression(w *row) string {
	parts := []string{r.typ.Name}
	for _, row := range append(r.trail[:len(r.trail):len(r.trail)], w) {
		if row.text != "$this" {
			parts = append(parts, bare(row.text))
		}
	}
	return strings.Join(parts, ".")
}

// bare is a target without labels, URLs and resources behind references.
func bare(target string) string {
	var b strings.Builder
	depth := 0
	for i := range len(target) {
		switch target[i] {
		case '[', '<', '(':
			depth++
		case ']', '>', ')':
			depth--
		default:
			if depth == 0 {
				b.WriteByte(target[i])
			}
		}
	}
	return b.String()
}

// mapping executes all rows of a map onto node, an instance of the map's type.
func (r *run) mapping(m *mapping, b *built, node *resource.Node, sc *scope) {
	for _, w := range m.rows {
		if r.budget--; r.budget < 0 {
			return
		}
		r.row(w, b, node, sc)
	}
}

// row executes one row for each repetition of its source.
func (r *run) row(w *row, b *built, node *resource.Node, sc *scope) {
	over := &w.src
	if w.each != nil {
		over = w.each
	}
	here := scope{run: r, grp: sc.grp, seg: sc.seg, cur: sc.cur, row: sc.row}
	if over.relative || over.field == 0 {
		if over.field == 0 && !over.relative {
			here.cur = cursor{}
		}
		r.once(w, b, node, here.find(&w.src), 0, sc, &here)
		return
	}
	field := sc.fieldOf(over)
	if field.absent() {
		return
	}
	if w.call != nil && w.call.whole {
		here.cur = field
		r.once(w, b, node, field, 0, sc, &here)
		return
	}
	for c := field; c.lo < field.hi; {
		rep := int(c.seg.leaves[c.lo].rep)
		here.cur = c.down(rep)
		r.once(w, b, node, here.find(&w.src), rep-1, sc, &here)
		c.lo = here.cur.hi
	}
}

// once executes a row for the value c, repetition rep (from 0). caller is the
// scope the map was called in, here that of the value.
func (r *run) once(w *row, b *built, node *resource.Node, c cursor, rep int, caller, here *scope) {
	if c.absent() && (w.src.field > 0 || w.src.relative) {
		return
	}
	if w.when != nil && !w.when.holds(here) {
		return
	}
	here.row = w
	if w.call != nil && w.call.name == "@noted" {
		c.useAll()
		return
	}
	if c.null() {
		if w.value == nil {
			c.use()
			r.issue(Issue{Code: CodeDeleted, Severity: "information", Position: c.position(), Row: w.id,
				Expression: r.expression(w)})
		}
		return
	}
	text := ""
	if w.use == nil && (w.call == nil || w.typ.Primitive != nil) {
		if text = r.text(w, c, here, caller); text == "" {
			return
		}
	}
	target, owner := r.steps(w.target, b, node, rep, here.seg)
	if target == nil {
		return
	}
	if r.origins != nil && w.use == nil && target.Text() == "" {
		r.origins[target] = origin{w.id, c.position()}
	}
	switch {
	case w.use != nil:
		inner := scope{run: r, grp: here.grp, seg: here.seg, cur: c, row: w}
		if w.caller {
			inner.row = caller.row
		}
		r.trail = append(r.trail, w)
		r.mapping(w.use, owner, target, &inner)
		r.trail = r.trail[:len(r.trail)-1]
	case w.typ.Primitive == nil:
		if w.call.name == "@narrative" {
			w.call.attach(r, target, c)
			return
		}
		w.call.build(r, w.reported(caller), target, c, r.vocabulary(w, caller))
	case target.Text() == "":
		target.SetText(text)
		if w.value == nil || w.notes {
			c.use()
		}
	}
}

// reported is the id of the row that an issue with a code names: the one that
// chose the vocabulary.
func (w *row) reported(caller *scope) string {
	if w.caller && caller.row != nil {
		return caller.row.id
	}
	return w.id
}

// vocabulary is the one of the row, or of the row that called its map.
func (r *run) vocabulary(w *row, caller *scope) *vocabulary {
	if w.caller && caller.row != nil {
		return caller.row.vocab
	}
	return w.vocab
}

// text makes the value of a primitive target, "" when there is none.
func (r *run) text(w *row, c cursor, here, caller *scope) string {
	var raw string
	switch {
	case w.value != nil:
		raw = w.value.expand(here)
	case w.call != nil:
		if raw = w.call.text(here, c); raw == "" && w.call.name != "@data" {
			return "" // nothing there to say it of
		}
		return r.valid(w, c, raw)
	default:
		raw = c.text()
	}
	if raw == "" {
		return ""
	}
	if v := r.vocabulary(w, caller); v != nil && w.value == nil {
		to, known := v.lookup(raw, r.sender)
		if to.code == "" {
			r.issue(Issue{Code: CodeUnmappedCode, Severity: "warning", Position: c.position(), Row: w.reported(caller), Detail: unmappedDetail(known)})
			return ""
		}
		raw = to.code
	}
	return r.valid(w, c, r.scalar(w.typ.Primitive, raw))
}

func unmappedDetail(known bool) string {
	if known {
		return "the guide has no FHIR code for this v2 code; add a vocabulary row"
	}
	return "code is not in the vocabulary table; add a row"
}

// valid passes a value of the right form on and reports any other.
func (r *run) valid(w *row, c cursor, s string) string {
	if s != "" && w.typ.Primitive.Valid(s) {
		return s
	}
	r.issue(Issue{Code: CodeValue, Severity: "warning", Position: c.position(), Row: w.id, Detail: "not a FHIR " + w.typ.Name})
	return ""
}

// steps goes from node along a target, adding what is missing. It returns the
// node to fill and the resource that holds it, or nil when another row already
// chose a variant of a choice element.
func (r *run) steps(steps []step, b *built, node *resource.Node, rep int, seg *segment) (*resource.Node, *built) {
	seq := 0
	if seg != nil {
		seq = seg.seq
	}
	for i := range steps {
		st := &steps[i]
		if st.enter != nil {
			b, node = r.enter(st, b, node, seg)
			if node == nil {
				return nil, nil
			}
			continue
		}
		if node.Len() >= maxInstances && node.Child(st.elem.Name) != nil {
			r.view.truncated = true
			return nil, nil
		}
		if st.elem.Choice != "" && node.Has(st.elem) && node.Child(st.elem.Name) == nil {
			return nil, nil
		}
		key := uint64(st.label)<<48 | uint64(seq)&0xFFFFFFFF
		if st.shared {
			key |= 0xFFFFFFFF
		}
		if st.elem.Many {
			key |= uint64(rep) & 0xFFFF << 32
			rep = 0
		}
		node = node.Slot(&r.arena, st.elem, key)
		if st.url != "" && node.First() == nil {
			node.Set(&r.arena, "url", st.url)
		}
	}
	return node, b
}

// enter goes from a reference to the resource behind it, making it when it is
// new.
func (r *run) enter(st *step, holder *built, node *resource.Node, seg *segment) (*built, *resource.Node) {
	if i := node.Mark(); i > 0 {
		if to := r.refs[i-1].to; to.node.Type() == st.enter {
			return to, to.node
		}
		return nil, nil
	}
	b := r.makings.next()
	*b = built{label: st.enter.Name, node: r.arena.New(st.enter), grp: holder.grp, seg: seg, brief: true}
	r.built = append(r.built, b)
	r.refer(node, holder, b)
	return b, b.node
}

// link sets a reference between resources of the message.
func (r *run) link(p *pendingLink) {
	holder, to := p.self, p.self
	if p.link.holder != "" {
		holder = p.grp.resource(p.link.holder)
	}
	if p.link.target != "$" {
		to = p.grp.resource(p.link.target)
	}
	if holder == nil || to == nil || holder == to {
		return
	}
	last := p.link.steps[len(p.link.steps)-1].elem
	node, _ := r.steps(p.link.steps[:len(p.link.steps)-1], holder, holder.node, 0, p.seg)
	if node == nil || !last.Many && node.Has(last) {
		return
	}
	ref := node.Add(&r.arena, last)
	if r.origins != nil {
		r.origins[ref] = origin{p.id, cursor{seg: p.seg}.position()}
	}
	r.refer(ref, holder, to)
}

// refer notes that a Reference node points to a resource; the node's mark leads
// back to the note.
func (r *run) refer(node *resource.Node, holder, to *built) {
	r.refs = append(r.refs, reference{node: node, holder: holder, to: to})
	node.SetMark(len(r.refs))
}

// prune removes what stayed empty below n: elements without value and children,
// extensions without a value. It returns false when nothing is left of n.
func prune(n *resource.Node) bool {
	for c := n.First(); c != nil; c = c.Next() {
		if c.Type().Resource {
			continue
		}
		if !prune(c) {
			n.Remove(c)
		}
	}
	if n.Type().Name == "Extension" && n.First() != nil && n.First().Next() == nil && n.First().Element().Name == "url" {
		return false
	}
	return !n.Empty()
}
