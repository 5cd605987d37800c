package fhir

import (
	"errors"
	"fmt"
	"strings"

	"cardferry/hl7/fhir/definition"
)

// mapping is a segment or datatype map: the rows that turn one v2 structure into
// an instance of one FHIR type.
type mapping struct {
	name string // "CX[Identifier]", "PID[Patient]"
	v2   string // "CX"
	typ  *definition.Type
	rows []*row
}

// row is one compiled mapping row.
type row struct {
	id     string
	src    source
	each   *source // repeat for each repetition of this field; src otherwise
	when   *condition
	target []step
	text   string // the target as written
	typ    *definition.Type
	use    *mapping
	call   *builtin
	vocab  *vocabulary
	caller bool // take the vocabulary of the row that called this map
	value  *template
	notes  bool // a constant whose condition reads the source: the source counts as mapped
}

// step goes from a node to one of its elements, or from a reference to the
// resource it points to.
type step struct {
	elem  *definition.Element
	label uint16
	// shared: one instance for all segments of the resource, label[*x]
	shared bool
	url    string           // of the extension this step adds
	enter  *definition.Type // resource behind the reference
}

// maxLabels bounds the slot labels of all tables together.
const maxLabels = 1<<16 - 1

// compiler turns records into Tables and collects mistakes.
type compiler struct {
	t        *Tables
	model    *definition.Model
	labels   map[string]uint16
	mistakes []error
}

func (c *compiler) mistake(err error) { c.mistakes = append(c.mistakes, err) }

func (t *Tables) compile(byKind map[string][]*record) error {
	c := compiler{t: t, model: definition.R4(), labels: map[string]uint16{"": 0}}
	for _, kind := range []string{"structures", "groups", "messages", "segments", "datatypes", "vocabulary", "identity"} {
		for _, r := range byKind[kind] {
			if why := r.cells["deviation"]; why != "" && !r.removed() {
				t.deviations = append(t.deviations, Deviation{kind, r.id, why})
			}
		}
	}
	c.vocabularies(byKind["vocabulary"])
	c.systems(byKind["systems"])
	t.datatypes = c.declare(byKind["datatypes"])
	t.segments = c.declare(byKind["segments"])
	c.rows(byKind["datatypes"], t.datatypes, true)
	c.rows(byKind["segments"], t.segments, false)
	c.acyclic()
	c.structures(byKind["structures"], byKind["groups"], byKind["messages"])
	c.identities(byKind["identity"])
	return errors.Join(c.mistakes...)
}

// declare names the maps, so that rows can refer to each other.
func (c *compiler) declare(recs []*record) map[string]*mapping {
	maps := map[string]*mapping{}
	for _, r := range recs {
		name := r.cells["map"]
		if r.removed() || maps[name] != nil {
			continue
		}
		v2, typ, ok := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		typ, _, _ = strings.Cut(typ, "-")
		def, known := c.model.Lookup(typ)
		if !ok || !known || !strings.HasSuffix(name, "]") {
			c.mistake(r.failf("map %q is not written as V2[Type] or V2[Type-Variant] with an R4 type", name))
			continue
		}
		maps[name] = &mapping{name: name, v2: v2, typ: def}
	}
	return maps
}

func (c *compiler) rows(recs []*record, maps map[string]*mapping, datatype bool) {
	for _, r := range recs {
		m := maps[r.cells["map"]]
		if m == nil || r.removed() {
			continue
		}
		dt := ""
		if datatype {
			dt = m.v2
		}
		w, err := c.row(r, m, dt)
		if err != nil {
			c.mistake(r.fail(err))
			continue
		}
		m.rows = append(m.rows, w)
	}
}

func (c *compiler) row(r *record, m *mapping, datatype string) (*row, error) {
	w := &row{id: r.id, text: r.cells["target"]}
	each, src, iterates := strings.Cut(r.cells["source"], ">")
	if !iterates {
		src = each
	}
	var err error
	if w.src, err = parseSource(src, datatypeOf(src, datatype)); err != nil {
		return nil, err
	}
	if iterates {
		e, err := parseSource(each, "")
		if err != nil {
			return nil, err
		}
		w.each = &e
	}
	if s := r.cells["when"]; s != "" {
		if w.when, err = parseCondition(s, datatype); err != nil {
			return nil, err
		}
	}
	if w.target, w.typ, err = c.target(w.text, m.typ, src); err != nil {
		return nil, err
	}
	if s := r.cells["value"]; s != "" {
		if w.value, err = parseTemplate(s, datatype); err != nil {
			return nil, err
		}
		_, constant := w.value.constant()
		w.notes = constant && w.when.mentions(w.src)
	}
	return w, c.action(r, w)
}

// action compiles how the row makes its value: a datatype map, a built-in, a
// value, or the text itself for a primitive target.
func (c *compiler) action(r *record, w *row) error {
	if name := r.cells["vocabulary"]; name == "^" {
		w.caller = true
	} else if name != "" {
		if w.vocab = c.t.vocabulary[name]; w.vocab == nil {
			return fmt.Errorf("no vocabulary %q", name)
		}
	}
	use := r.cells["use"]
	switch {
	case use != "" && w.value != nil:
		return errors.New("a row has either use or value")
	case strings.HasPrefix(use, "@"):
		var err error
		w.call, err = parseBuiltin(use, w.typ)
		return err
	case use != "":
		if w.use = c.t.datatypes[use]; w.use == nil {
			return fmt.Errorf("no datatype map %q", use)
		}
		if w.use.typ != w.typ {
			return fmt.Errorf("target %q is of type %s, map %s makes a %s", w.text, w.typ.Name, use, w.use.typ.Name)
		}
	case w.typ.Primitive == nil:
		return fmt.Errorf("target %q is a %s; name the datatype map that makes it", w.text, w.typ.Name)
	}
	if w.use == nil && w.typ.Primitive == nil {
		return fmt.Errorf("target %q is a %s; a value needs a primitive", w.text, w.typ.Name)
	}
	return nil
}

// target compiles a path such as
//
//	name
//	telecom[PID-13].use
//	extension<http://hl7.org/fhir/StructureDefinition/patient-birthPlace>.valueAddress.text
//	participant.individual(Practitioner)
//	performer(Organization.address)
//	$this
//
// starting at typ. Repeating elements without a label are told apart by the
// source of the row, so that rows of one source meet in one instance.
func (c *compiler) target(s string, typ *definition.Type, src string) ([]step, *definition.Type, error) {
	if s == "$this" {
		return nil, typ, nil
	}
	var steps []step
	rest := s
	for rest != "" {
		end := strings.IndexAny(rest, ".[<(")
		if end < 0 {
			end = len(rest)
		}
		name := rest[:end]
		rest = rest[end:]
		e, ok := typ.Element(name)
		if !ok {
			return nil, nil, fmt.Errorf("target %q: %s has no element %q in R4", s, typ.Name, name)
		}
		st := step{elem: e}
		label := ""
		if e.Many {
			label = src
		}
		var err error
		if st.url, rest, err = bracket(rest, '<', '>'); err != nil {
			return nil, nil, fmt.Errorf("target %q: %w", s, err)
		}
		if st.url != "" {
			if e.Type.Name != "Extension" {
				return nil, nil, fmt.Errorf("target %q: only an extension has a <url>", s)
			}
			label = st.url
		}
		given, tail, err := bracket(rest, '[', ']')
		if err != nil {
			return nil, nil, fmt.Errorf("target %q: %w", s, err)
		}
		if rest = tail; given != "" {
			label = given
			st.shared = given[0] == '*'
		}
		if st.label, err = c.label(label); err != nil {
			return nil, nil, err
		}
		steps = append(steps, st)
		typ = e.Type
		if strings.HasPrefix(rest, "(") {
			if typ, rest, steps, err = c.enter(s, rest, e, steps); err != nil {
				return nil, nil, err
			}
		}
		if rest == "" {
			return steps, typ, nil
		}
		if rest[0] != '.' {
			return nil, nil, fmt.Errorf("target %q: unexpected %q", s, rest)
		}
		rest = rest[1:]
	}
	return nil, nil, fmt.Errorf("target %q is not complete", s)
}

// enter compiles "(Type)" or "(Type.path)" behind a reference element.
func (c *compiler) enter(s, rest string, e *definition.Element, steps []step) (*definition.Type, string, []step, error) {
	if e.Type.Name != "Reference" || !strings.HasSuffix(rest, ")") {
		return nil, "", nil, fmt.Errorf("target %q: a resource in brackets stands last, behind a reference", s)
	}
	name, tail, _ := strings.Cut(rest[1:len(rest)-1], ".")
	typ, ok := c.model.Lookup(name)
	if !ok || !typ.Resource {
		return nil, "", nil, fmt.Errorf("target %q: %q is not a resource type", s, name)
	}
	if !allowed(e, name) {
		return nil, "", nil, fmt.Errorf("target %q: %s may not refer to %s", s, e.Name, name)
	}
	steps = append(steps, step{enter: typ})
	if tail != "" {
		tail = "." + tail
	}
	return typ, tail, steps, nil
}

func allowed(e *definition.Element, typ string) bool {
	if len(e.Targets) == 0 {
		return true
	}
	for _, t := range e.Targets {
		if t == typ {
			return true
		}
	}
	return false
}

// bracket cuts a bracketed text off the front of s.
func bracket(s string, opening, closing byte) (inside, rest string, err error) {
	if s == "" || s[0] != opening {
		return "", s, nil
	}
	i := strings.IndexByte(s, closing)
	if i < 2 {
		return "", "", fmt.Errorf("a %c has no text and %c", opening, closing)
	}
	return s[1:i], s[i+1:], nil
}

func (c *compiler) label(s string) (uint16, error) {
	n, ok := c.labels[s]
	if !ok {
		if len(c.labels) >= maxLabels {
			return 0, errors.New("too many slot labels in all tables together")
		}
		n = uint16(len(c.labels)) // fits: see maxLabels
		c.labels[s] = n
	}
	return n, nil
}

// acyclic refuses datatype maps that would call themselves without end.
func (c *compiler) acyclic() {
	const visiting, done = 1, 2
	state := map[*mapping]int{}
	var visit func(m *mapping) bool
	visit = func(m *mapping) bool {
		switch state[m] {
		case visiting:
			return false
		case done:
			return true
		}
		state[m] = visiting
		for _, w := range m.rows {
			if w.use != nil && !visit(w.use) {
				return false
			}
		}
		state[m] = done
		return true
	}
	for name, m := range c.t.datatypes {
		if !visit(m) {
			c.mistake(fmt.Errorf("datatype map %s calls itself", name))
			return
		}
	}
}
