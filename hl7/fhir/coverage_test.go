package fhir

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cardferry/hl7/fhir/definition"
)

// guideRow is one mapping of the implementation guide: which position goes to
// which element (segment and datatype maps), or which segment of a structure to
// which segment map (messages).
type guideRow struct {
	kind, group  string // "segment", "PID[Patient]"; "message", "ADT_A01"
	source, path string
	n            int // rows of the guide that say so
}

// guideReason says why rows of the guide are not mapped: all of a group, of one
// position, or of one top element of it ("*" is any). One that begins with "= "
// says where the same is done.
type guideReason struct {
	group, source, elem, why string
	used                     bool
}

func guideRows(t *testing.T) []guideRow {
	t.Helper()
	var out []guideRow
	kind, group := "", ""
	for _, line := range lineList(t, "testdata/guide/rows.txt") {
		if f, ok := strings.CutPrefix(line, "\t"); ok {
			c := strings.Split(f, "\t")
			n := 1
			if len(c) > 2 {
				n, _ = strconv.Atoi(c[2])
			}
			out = append(out, guideRow{kind, group, c[0], c[1], n})
			continue
		}
		kind, group, _ = strings.Cut(line, " ")
	}
	return out
}

func lineList(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []string
	for s := bufio.NewScanner(f); s.Scan(); {
		if l := s.Text(); strings.TrimSpace(l) != "" && l[0] != '#' {
			out = append(out, l)
		}
	}
	return out
}

// guideReasons reads why.txt: "same A B" says that map B does the work of map A,
// any other line is a reason.
func guideReasons(t *testing.T) (same map[string][]string, reasons []*guideReason) {
	t.Helper()
	same = map[string][]string{}
	for _, l := range lineList(t, "testdata/guide/why.txt") {
		c := strings.Split(l, "\t")
		switch {
		case c[0] == "same" && len(c) == 3:
			same[c[1]] = append(same[c[1]], c[2])
		case len(c) == 4:
			reasons = append(reasons, &guideReason{group: c[0], source: c[1], elem: c[2], why: c[3]})
		default:
			t.Fatalf("why.txt: %q is neither same nor a reason of four columns", l)
		}
	}
	return same, reasons
}

// topElement is the first element of a guide path: "valueQuantity" of
// "valueQuantity.code", "participant" of "participant.actor(Practitioner)".
func topElement(path string) string {
	if i := strings.IndexAny(path, ".[<("); i >= 0 {
		return path[:i]
	}
	return path
}

// covers says whether a map of ours takes the position to the element: "" and
// "$this" of the guide are the whole instance, which any row serves.
func covers(m *mapping, source, elem string) bool {
	choice := choiceOf(m.typ, elem)
	for _, w := range m.rows {
		if !samePosition(w, m.v2, source) {
			continue
		}
		top := topElement(w.text)
		if elem == "$this" || top == elem || top == "$this" || choice != "" && choiceOf(m.typ, top) == choice {
			return true
		}
	}
	return false
}

func choiceOf(typ *definition.Type, name string) string {
	for _, n := range [...]string{name, name + "CodeableConcept"} {
		if e, ok := typ.Element(n); ok && e.Choice != "" {
			return e.Choice
		}
	}
	return ""
}

// samePosition compares field by field in segment maps (PID-3), component by
// component in datatype maps; a row on the whole value reads every component.
func samePosition(w *row, v2, source string) bool {
	_, num, _ := strings.Cut(strings.ReplaceAll(source, "-", "."), ".")
	num, _, _ = strings.Cut(num, ".")
	n, _ := strconv.Atoi(num)
	if w.src.relative {
		return w.src.comp == n || w.src.comp == 0
	}
	return w.src.name == v2 && (w.src.field == n || n == 0)
}

// mappedBy finds the map that covers a row of the guide.
func mappedBy(tables *Tables, g *guideRow, same map[string][]string) bool {
	if g.kind == "message" {
		return placed(tables, g)
	}
	maps := tables.segments
	if g.kind == "datatype" {
		maps = tables.datatypes
	}
	for _, name := range append([]string{g.group}, same[g.group]...) {
		if m := maps[name]; m != nil && covers(m, g.source, topElement(g.path)) {
			return true
		}
	}
	return false
}

// placed says whether the segment becomes the resource of the guide's segment map
// somewhere in the structure.
func placed(tables *Tables, g *guideRow) bool {
	code, trigger, _ := strings.Cut(g.group, "_")
	s := tables.structures[tables.events[code+"^"+trigger]]
	if s == nil || s.name == anyMessage {
		return false
	}
	_, typ, _ := strings.Cut(strings.TrimSuffix(g.path, "]"), "[")
	typ, _, _ = strings.Cut(typ, "-")
	for _, def := range s.groups {
		for _, p := range def.places[g.source] {
			if p.typ.Name == typ {
				return true
			}
		}
	}
	return false
}

// notR4 is the reason that needs no line in why.txt: the path begins with what is
// no element of the type in R4.
func notR4(g *guideRow) string {
	if g.kind == "message" {
		return ""
	}
	_, typ, _ := strings.Cut(strings.TrimSuffix(g.group, "]"), "[")
	typ, _, _ = strings.Cut(typ, "-")
	def, ok := definition.R4().Lookup(typ)
	if !ok || def.Primitive != nil {
		return ""
	}
	top := topElement(g.path)
	if _, ok := def.Element(top); ok || top == "$this" || choiceOf(def, top) != "" {
		return ""
	}
	return "the guide's path is not an element of " + typ + " in R4"
}

func (r *guideReason) matches(g *guideRow) bool {
	group := r.group == g.group
	if prefix, ok := strings.CutSuffix(r.group, "*"); ok && !group {
		if g.kind == "message" {
			group = prefix == "message "
		} else {
			group = strings.HasPrefix(g.group, prefix)
		}
	}
	return group &&
		(r.source == "*" || r.source == g.source) &&
		(r.elem == "*" || r.elem == topElement(g.path) || r.elem == g.path)
}

// TestEveryRowOfTheGuideIsMappedOrHasAReason holds the tables against the guide
// row by row, and docs/mapping-coverage.md against the outcome.
func TestEveryRowOfTheGuideIsMappedOrHasAReason(t *testing.T) {
	tables := shipped(t)
	same, reasons := guideReasons(t)
	report := coverageReport{}
	for _, g := range guideRows(t) {
		why := ""
		if !mappedBy(tables, &g, same) {
			if why = notR4(&g); why == "" {
				for _, r := range reasons {
					if r.matches(&g) {
						r.used, why = true, r.why
						break
					}
				}
			}
			if why == "" {
				t.Errorf("%s %s: %s to %s is neither mapped nor in testdata/guide/why.txt", g.kind, g.group, g.source, g.path)
			}
		}
		report.add(&g, why)
	}
	for _, r := range reasons {
		if !r.used {
			t.Errorf("why.txt: nothing needs the reason for %s %s %s any more", r.group, r.source, r.elem)
		}
	}
	const doc = "../../docs/mapping-coverage.md"
	text := report.markdown(tables)
	if *update {
		if err := os.WriteFile(doc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(doc); err != nil || string(b) != text {
		t.Errorf("docs/mapping-coverage.md is not what the tables do; run go test ./hl7/fhir -run Guide -update (%v)", err)
	}
}

// coverageReport counts rows by kind and group.
type coverageReport struct{ groups []coverageGroup }

type coverageGroup struct {
	kind, name              string
	rows, mapped, elsewhere int
	done, open              []string // table rows: position, element, where or why
}

func (r *coverageReport) add(g *guideRow, why string) {
	n := len(r.groups) - 1
	if n < 0 || r.groups[n].kind != g.kind || r.groups[n].name != g.group {
		r.groups = append(r.groups, coverageGroup{kind: g.kind, name: g.group})
		n++
	}
	at := &r.groups[n]
	at.rows += g.n
	if why == "" {
		at.mapped += g.n
		return
	}
	where, elsewhere := strings.CutPrefix(why, "= ")
	line := fmt.Sprintf("| `%s` | `%s` | %s |", g.source, g.path, where)
	if elsewhere {
		at.elsewhere += g.n
		at.done = append(at.done, line)
		return
	}
	at.open = append(at.open, line)
}

func (r *coverageReport) markdown(tables *Tables) string {
	var b strings.Builder
	b.WriteString(`# What of the HL7 v2-to-FHIR guide is mapped

Generated by ` + "`go test ./hl7/fhir -run Guide -update`" + `, which also fails when this page is not what the tables do. The measure is every
mapping row of the *HL7 Version 2 to FHIR Implementation Guide 1.0.0* (© HL7 International, content CC0-1.0; rows that target SNOMED CT
are left out). A row counts as mapped when a row of ours takes the same position to the same top element of the same resource, or to the
element that does its work; "elsewhere" means that the engine or another table does the same. How ours differ in detail is said row by row in the column *deviation* of ` + "`configs/v2fhir`" + `.

| kind | rows of the guide | mapped | elsewhere | not, with a reason |
|---|--:|--:|--:|--:|
`)
	for _, kind := range [...]string{"message", "segment", "datatype"} {
		rows, mapped, elsewhere := 0, 0, 0
		for _, g := range r.groups {
			if g.kind == kind {
				rows, mapped, elsewhere = rows+g.rows, mapped+g.mapped, elsewhere+g.elsewhere
			}
		}
		fmt.Fprintf(&b, "| %s maps | %d | %d | %d | %d |\n", kind, rows, mapped, elsewhere, rows-mapped-elsewhere)
	}
	b.WriteString("\n## Events with tables\n\nAny other event travels as its raw message with what is known of the patient.\n\n| structure | events |\n|---|---|\n")
	byStructure := map[string][]string{}
	for event, s := range tables.events {
		byStructure[s] = append(byStructure[s], event)
	}
	names := make([]string, 0, len(byStructure))
	for s := range byStructure {
		if s != anyMessage {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	for _, s := range names {
		slices.Sort(byStructure[s])
		fmt.Fprintf(&b, "| %s | %s |\n", s, strings.Join(byStructure[s], " "))
	}
	for _, kind := range [...]string{"message", "segment", "datatype"} {
		fmt.Fprintf(&b, "\n## %s maps\n\n| map | rows | mapped | elsewhere |\n|---|--:|--:|--:|\n", strings.ToUpper(kind[:1])+kind[1:])
		for _, g := range r.groups {
			if g.kind == kind {
				fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", g.name, g.rows, g.mapped, g.elsewhere)
			}
		}
	}
	b.WriteString("\n## Rows that are not mapped, and why\n")
	for _, g := range r.groups {
		if len(g.open) > 0 {
			fmt.Fprintf(&b, "\n### %s\n\n| position | element | why not |\n|---|---|---|\n%s\n", g.name, strings.Join(g.open, "\n"))
		}
	}
	b.WriteString("\n## Rows that are done elsewhere\n")
	for _, g := range r.groups {
		if len(g.done) > 0 {
			fmt.Fprintf(&b, "\n### %s: elsewhere\n\n| position | element | where |\n|---|---|---|\n%s\n", g.name, strings.Join(g.done, "\n"))
		}
	}
	return b.String()
}
