package structure

import (
	"strconv"
	"strings"

	"cardferry/hl7"
)

// placed is what the structure pass knows of one segment.
type placed struct {
	place
	def        *segment // nil when the version has no such segment
	occurrence int      // from 1 among the segments of that name
}

// arrangement is a message laid over its structure.
type arrangement struct {
	grammar *grammar // nil when there are no rules for it
	lines   []placed
	count   map[string]int // segments by name
}

// arrange lays m over the structure of its type. It reports to report what does
// not fit; report may be nil.
func arrange(m *hl7.Message, d *dialect, report *orderReport) arrangement {
	segs := m.Segments()
	a := arrangement{lines: make([]placed, len(segs)), count: make(map[string]int, 16)}
	for i, s := range segs {
		name := s.Name()
		a.count[name]++
		a.lines[i] = placed{place{0, -1}, d.segments[name], a.count[name]}
	}
	a.grammar = d.grammarOf(m)
	if a.grammar == nil {
		return a
	}
	n := len(a.grammar.symbols)
	w := orderWalk{a: &a, m: matcher{g: a.grammar}, report: report, last: make([]int, n), seen: make([]bool, n), early: make([]bool, n)}
	for i, s := range segs {
		if sym, ok := a.grammar.symbols[s.Name()]; ok {
			w.last[sym] = i
		}
	}
	for i, s := range segs {
		w.segment(i, s)
	}
	w.m.end()
	end := segs[len(segs)-1]
	w.passed("at the end", end.Offset()+len(end.Raw()))
	return a
}

// grammarOf is the grammar that holds for a message: the one MSH-9.3 names, or
// the one of its event.
func (d *dialect) grammarOf(m *hl7.Message) *grammar {
	code, trigger, declared := m.Type()
	if g := d.messages[declared]; g != nil {
		return g
	}
	return d.messages[d.structureOf(code, trigger)]
}

// orderWalk takes the segments of one message through the matcher.
type orderWalk struct {
	a      *arrangement
	m      matcher
	report *orderReport
	last   []int  // the last segment of each symbol
	seen   []bool // symbols that found a place
	early  []bool // symbols that stood too early: they are not missing later
}

func (w *orderWalk) segment(i int, s hl7.Segment) {
	line := &w.a.lines[i]
	name := s.Name()
	sym, known := w.a.grammar.symbols[name]
	switch {
	case i == 0:
		line.place = w.m.begin()
	case !known:
		if w.report != nil && line.def != nil && name != "ADD" && name != "DSC" {
			w.report.unexpected(w, s, line)
		}
		return
	default:
		p, ok := w.m.step(sym, false)
		if !ok {
			if p, ok = w.m.step(sym, true); !ok {
				w.m.missing = w.m.missing[:0]
			}
			ok = ok && !w.comeLater(i)
			if ok {
				w.passed("before "+w.path(name, line), s.Offset())
			}
		}
		if !ok {
			w.early[sym] = len(w.m.missing) > 0
			if w.report != nil {
				w.report.misplaced(w, s, sym, line)
			}
			return
		}
		line.place = p
		w.m.accept(p)
	}
	w.seen[sym] = true
}

// passed reports what the matcher had to pass over.
func (w *orderWalk) passed(where string, offset int) {
	if w.report == nil {
		return
	}
	for _, at := range w.m.missing {
		if sym, ok := w.a.grammar.symbols[w.a.grammar.starts(at)]; ok && w.early[sym] {
			w.early[sym] = false
			continue
		}
		w.report.missing(w.a.grammar, at, where, offset)
	}
}

// comeLater says whether a segment that would be missing stands further down: it
// is this one that is too early then.
func (w *orderWalk) comeLater(i int) bool {
	for _, at := range w.m.missing {
		sym, ok := w.a.grammar.symbols[w.a.grammar.starts(at)]
		if ok && w.last[sym] > i {
			return true
		}
	}
	return false
}

func (w *orderWalk) path(name string, line *placed) string {
	return segmentPath(name, line.occurrence, w.a.count[name])
}

// segmentPath writes the occurrence only where there are several.
func segmentPath(name string, occurrence, count int) string {
	if count < 2 {
		occurrence = 0
	}
	return hl7.Path{Segment: name, Occurrence: occurrence}.String()
}

// orderReport turns what the walk meets into findings.
type orderReport struct{ list *findings }

func (r *orderReport) missing(g *grammar, at int, where string, offset int) {
	if r.list.full() {
		return
	}
	n := &g.nodes[at]
	name := g.starts(at)
	text := name + " is missing " + where
	if n.kind == group {
		text = "group " + n.name + " is missing " + where + "; it has " + name
	}
	r.list.add(CodeSegmentMissing, Warning, name, offset, text)
}

func (r *orderReport) unexpected(w *orderWalk, s hl7.Segment, line *placed) {
	if r.list.full() {
		return
	}
	name := s.Name()
	r.list.add(CodeSegmentUnexpected, Warning, w.path(name, line), s.Offset(), name+" is not part of "+w.a.grammar.name)
}

// misplaced reports a segment of the structure that stands where it may not. If
// it was missed before, it is late, not missing.
func (r *orderReport) misplaced(w *orderWalk, s hl7.Segment, sym int, line *placed) {
	name, g := s.Name(), w.a.grammar
	for i, f := range r.list.kept {
		if f.Code == CodeSegmentMissing && f.Path == name {
			r.list.drop(i)
			break
		}
	}
	if r.list.full() {
		return
	}
	code := CodeSegmentOrder
	var text string
	switch {
	case len(w.m.missing) > 0:
		var first []string
		for _, at := range w.m.missing {
			first = append(first, g.starts(at))
		}
		text = name + " is too early: " + g.name + " has it behind " + strings.Join(first, " and ")
	case w.seen[sym]:
		code, text = CodeSegmentRepeats, name+" stands here once more than "+g.name+" has room for"
	default:
		text = name + " is too late: " + g.name + " has it " + g.neighbour(sym)
	}
	r.list.add(code, Warning, w.path(name, line), s.Offset(), text)
}

// structure looks at the order of segments.
func (c *checker) structure() {
	c.list.room(c.o.Max)
	c.plan = arrange(c.m, c.d, &orderReport{&c.list})
	code, trigger, declared := c.m.Type()
	expected := c.d.structureOf(code, trigger)
	at := c.m.Segments()[0].Field(9).Offset()
	switch {
	case c.plan.grammar == nil && expected == "" && !c.list.full():
		c.list.add(CodeStructureUnknown, Info, "MSH-9", at, "there are no rules for this message type and event; the order of segments was not looked at")
	case declared != "" && expected != "" && declared != expected && !c.list.full():
		c.list.add(CodeStructureMismatch, Warning, "MSH-9.3", at, "the structure of this event is "+expected)
	}
	for i, s := range c.m.Segments() {
		c.name(i, s)
	}
}

// name looks at the segment's name alone.
func (c *checker) name(i int, s hl7.Segment) {
	line := &c.plan.lines[i]
	name := s.Name()
	switch {
	case line.def != nil || isSiteName(name):
	case !isSegmentName(name):
		if !c.list.full() {
			c.list.add(CodeSegmentName, Warning, "", s.Offset(), "line "+strconv.Itoa(i+1)+" does not start with a segment name")
		}
	case !c.list.full():
		c.list.add(CodeSegmentUnknown, Warning, segmentPath(name, line.occurrence, c.plan.count[name]), s.Offset(),
			"there is no such segment in "+c.d.version.String()+" (segments of a site's own start with Z)")
	}
}

// isSegmentName says whether a name is three capitals or digits, a letter first.
func isSegmentName(name string) bool {
	if len(name) != 3 || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for _, c := range []byte(name[1:]) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// isSiteName says whether a segment is one that a site made (HL7 v2.9, 2.13.2).
func isSiteName(name string) bool { return isSegmentName(name) && name[0] == 'Z' }
