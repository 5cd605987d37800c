package structure

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"cardferry/hl7"
)

// TreeOptions say how to print a message. The zero value prints no content and
// is fit for a support case.
type TreeOptions struct {
	// Values prints what was sent. Without it only the kind and length of each
	// value are printed, and no names that a sender made up.
	Values bool
	// Width is how many characters of a value are printed; 0 means 100, less than
	// 0 all.
	Width int
}

const defaultWidth = 100

// Tree prints a message with the names of its version: segments in the groups of
// their structure, fields, repetitions, components and subcomponents, each that
// was sent on a line of its own. Positions are those of paths: a line ".4" below
// "3[2]" of PID is PID-3[2].4. Whatever [hl7.Parse] takes is printed, also what
// the standard does not know. The error is that of w.
func Tree(w io.Writer, m *hl7.Message, o TreeOptions) error {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	d := speak(m.Version())
	t := tree{w: bufio.NewWriter(w), m: m, o: o, d: d, plan: arrange(m, d, nil)}
	t.head()
	t.message()
	return t.w.Flush()
}

// tree prints one message. Errors of the writer stay in it until Flush.
type tree struct {
	w    *bufio.Writer
	m    *hl7.Message
	o    TreeOptions
	d    *dialect
	plan arrangement

	indent int   // columns, by the groups around the segment
	open   []int // nodes of the groups the segment is in
	nth    []int // how often each group of the structure has begun within the one around it

	segment int // index of the segment that is printed, -1 before the first
	valued  hl7.Position
	typ     *datatype // of the field that is printed, nil when not known
	varies  *datatype // what OBX-2 names, nil when nothing known
}

func (t *tree) head() {
	name := "message of a type that is not known"
	if t.plan.grammar != nil {
		name = t.plan.grammar.name
		t.nth = make([]int, len(t.plan.grammar.nodes))
	}
	if code, trigger, _ := t.m.Type(); t.o.Values || t.plan.grammar != nil && t.d.structureOf(code, trigger) == name {
		name = clean(code) + "^" + clean(trigger) + " (" + name + ")"
	}
	n := len(t.m.Segments())
	_, _ = fmt.Fprintf(t.w, "%s, version %s, %s, %d segments\n", name, t.d.version, t.m.Charset(), n)
}

// message prints the leaves as they come; one is held back until the next shows
// whether it has company.
func (t *tree) message() {
	t.segment = -1
	var held hl7.Position
	var value hl7.Value
	have := false
	for p, v := range t.m.Leaves() {
		if have {
			t.leaf(held, value, p)
		}
		held, value, have = p, v, true
	}
	if have {
		t.leaf(held, value, hl7.Position{Segment: -1})
	}
	t.begin(len(t.plan.lines))
}

// begin prints the heads of the segments up to one.
func (t *tree) begin(segment int) {
	for t.segment < segment {
		t.segment++
		if t.segment < len(t.plan.lines) {
			t.segmentHead()
		}
	}
}

func (t *tree) segmentHead() {
	t.valued, t.typ, t.varies = hl7.Position{}, nil, nil
	s, line := t.m.Segments()[t.segment], t.plan.lines[t.segment]
	t.groups(line.place)
	t.pad()
	name := s.Name()
	switch {
	case line.def != nil:
		_, _ = fmt.Fprintf(t.w, "%s  %s", name, line.def.title)
	case isSiteName(name):
		_, _ = fmt.Fprintf(t.w, "%s  (segment of the site)", name)
	case name != "" && (t.o.Values || isSegmentName(name)):
		_, _ = fmt.Fprintf(t.w, "%s  (not known)", clean(name))
	default:
		_, _ = fmt.Fprintf(t.w, "?    (line without a segment name)  %s", t.text(s.At(hl7.Path{}).Text(), len(s.Raw())))
	}
	if t.plan.grammar != nil && line.node == 0 && line.def != nil {
		_, _ = t.w.WriteString("  (not in this place)")
	}
	_ = t.w.WriteByte('\n')
	if name == "MSH" || name == "FHS" || name == "BHS" {
		t.line("1", "Field Separator", t.show(s.Field(1).Value))
		t.line("2", "Encoding Characters", t.show(s.Field(2).Value))
	}
}

// groups prints the names of the groups that begin with a segment.
func (t *tree) groups(p place) {
	if p.node == 0 {
		return
	}
	g := t.plan.grammar
	var path []int
	for at := g.nodes[p.node].parent; at > 0; at = g.nodes[at].parent {
		if g.nodes[at].kind == group {
			path = append(path, at)
		}
	}
	keep := 0
	for keep < len(path) && keep < len(t.open) && t.open[keep] == path[len(path)-1-keep] &&
		(p.fresh < 0 || g.nodes[t.open[keep]].depth < p.fresh) {
		keep++
	}
	t.open = t.open[:keep]
	for len(t.open) < len(path) {
		at := path[len(path)-1-len(t.open)]
		t.indent = 2 * len(t.open)
		t.pad()
		t.nth[at]++
		for kid := at + 1; kid < len(g.nodes) && g.nodes[kid].depth > g.nodes[at].depth; kid++ {
			t.nth[kid] = 0
		}
		_, _ = t.w.WriteString(g.nodes[at].name)
		if t.nth[at] > 1 {
			_, _ = fmt.Fprintf(t.w, "[%d]", t.nth[at])
		}
		_ = t.w.WriteByte('\n')
		t.open = append(t.open, at)
	}
	t.indent = 2 * len(t.open)
}

// leaf prints one value and the lines above it that are not there yet.
func (t *tree) leaf(p hl7.Position, v hl7.Value, next hl7.Position) {
	t.begin(p.Segment)
	if p.Field == 0 {
		return
	}
	sameField := t.valued.Segment == p.Segment && t.valued.Field == p.Field
	sameRep := sameField && t.valued.Repetition == p.Repetition
	sameComponent := sameRep && t.valued.Component == p.Component
	t.valued = p
	if !sameField {
		t.field(p, v)
	}
	goesOn := next.Segment == p.Segment && next.Field == p.Field && next.Repetition == p.Repetition
	alone := !sameRep && !goesOn && p.Component == 1 && p.Subcomponent == 1
	if !sameRep {
		position := strconv.Itoa(p.Field)
		if p.Repetition > 1 {
			position += "[" + strconv.Itoa(p.Repetition) + "]"
		}
		if alone {
			t.line(position, t.fieldName(p.Field), t.show(v))
			return
		}
		t.line(position, t.fieldName(p.Field), "")
	}
	goesOn = goesOn && next.Component == p.Component
	name, sub := t.componentName(p)
	position := "  ." + strconv.Itoa(p.Component)
	if !sameComponent && !goesOn && p.Subcomponent == 1 {
		t.line(position, "  "+name, t.show(v))
		return
	}
	if !sameComponent {
		t.line(position, "  "+name, "")
	}
	t.line("    ."+strconv.Itoa(p.Subcomponent), "    "+sub, t.show(v))
}

// field notes the datatype of the field that begins.
func (t *tree) field(p hl7.Position, v hl7.Value) {
	t.typ = nil
	def := t.plan.lines[p.Segment].def
	if def == nil {
		return
	}
	if p.Field <= len(def.fields) {
		t.typ = def.fields[p.Field-1].typ
	}
	if t.typ != nil && t.typ.name == "varies" {
		t.typ = t.varies
	}
	if def.name == "OBX" && p.Field == 2 {
		t.varies = t.d.datatypes[string(v.Raw())]
	}
}

func (t *tree) fieldName(n int) string {
	def := t.plan.lines[t.segment].def
	if def == nil || n > len(def.fields) {
		return ""
	}
	name := def.fields[n-1].Name
	if t.typ != nil && def.fields[n-1].Datatype == "varies" {
		name += " (" + t.typ.name + ")"
	}
	return name
}

// componentName names a component and the subcomponent in it.
func (t *tree) componentName(p hl7.Position) (component, subcomponent string) {
	if t.typ == nil || p.Component > len(t.typ.components) {
		return "", ""
	}
	c := &t.typ.components[p.Component-1]
	if p.Subcomponent <= len(c.typ.components) {
		subcomponent = c.typ.components[p.Subcomponent-1].Name
	}
	return c.Name, subcomponent
}

// nameColumn is where values begin, behind position and name.
const nameColumn = 48

// line prints a position, a name and a value.
func (t *tree) line(position, name, value string) {
	t.pad()
	text := fmt.Sprintf("  %-9s%s", position, name)
	if value != "" {
		text = fmt.Sprintf("%-*s %s", nameColumn, text, value)
	}
	_, _ = t.w.WriteString(strings.TrimRight(text, " "))
	_ = t.w.WriteByte('\n')
}

func (t *tree) pad() {
	for range t.indent {
		_ = t.w.WriteByte(' ')
	}
}

// show is a value as it may be seen.
func (t *tree) show(v hl7.Value) string {
	if v.Kind() == hl7.Null {
		return `"" (delete)`
	}
	return t.text(v.Text(), len(v.Raw()))
}

// text is a text as it may be seen: quoted when blanks or control characters
// would not be, cut when long. size is its bytes as sent.
func (t *tree) text(s string, size int) string {
	n := utf8.RuneCountInString(s)
	if !t.o.Values {
		if n == size {
			return "(" + plural(n, "character") + ")"
		}
		return "(" + plural(n, "character") + ", " + plural(size, "byte") + ")"
	}
	if t.o.Width < 0 || n <= t.o.Width {
		return clean(s)
	}
	end := 0
	for range t.o.Width {
		_, w := utf8.DecodeRuneInString(s[end:])
		end += w
	}
	return clean(s[:end]) + " ... (" + plural(n, "character") + ")"
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// clean is s as it is, or quoted where a terminal would not show it so.
func clean(s string) string {
	if s != "" && s[0] != ' ' && s[len(s)-1] != ' ' && s[0] != '"' && strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	if s == "" {
		return s
	}
	return strconv.Quote(s)
}

func hidden(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }
