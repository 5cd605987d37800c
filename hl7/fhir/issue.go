package fhir

import (
	"slices"
	"strconv"
	"strings"

	"cardferry/hl7/fhir/resource"
)

// Issue is something that was not translated as sent, or that a Bundle violates.
// It holds positions and codes, never values.
type Issue struct {
	// Code is stable, see the Code constants.
	Code string
	// Severity is "error", "warning" or "information" as in OperationOutcome.
	Severity string
	// Position is where in the message: "PID-3[2].4"; empty for Bundle checks.
	Position string
	// Row is the id of the mapping row, when one was at work.
	Row string
	// Expression is the FHIR path: "Patient.maritalStatus".
	Expression string
	// Detail says what is wrong and what to do.
	Detail string
}

// String is the issue in one line, without values: "PID-3[2].4: Patient.name: …".
func (i Issue) String() string {
	var parts []string
	for _, p := range []string{i.Position, i.Expression, i.Detail} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return i.Code
	}
	return strings.Join(parts, ": ")
}

// The codes of issues.
const (
	CodeSummary      = "summary"       // counts of the translation, in every outcome
	CodeUnmapped     = "unmapped"      // a value stayed in the raw message only
	CodeUnmappedCode = "unmapped-code" // a code without a counterpart
	CodeValue        = "value"         // a value that does not fit its datatype
	CodeDeleted      = "deleted"       // the sender asks to delete the element
	CodeInvalid      = "invalid"       // an element or resource was taken out: it would not be valid
	CodeNoStructure  = "no-structure"  // no tables for this event
	CodeLimit        = "limit"         // the message is larger than the tables look
	CodeMerge        = "merge"         // a merge that names the same patient twice
	CodeRepeated     = "repeated"      // a segment that stands once came again
)

// maxIssues bounds the outcome of one message; the counts are always exact.
const maxIssues = 200

func (r *run) issue(i Issue) {
	if len(r.issues) < maxIssues {
		r.issues = append(r.issues, i)
	}
}

// count closes the books: every non-empty subcomponent is mapped or raw only.
// Positions that stayed raw are listed once per field.
func (r *run) count() (mapped, unmapped int) {
	for i := range r.view.segments {
		seg := &r.view.segments[i]
		last := uint16(0)
		for j := range seg.leaves {
			l := &seg.leaves[j]
			if l.used {
				mapped++
				continue
			}
			unmapped++
			if l.field != last {
				last = l.field
				r.issue(Issue{Code: CodeUnmapped, Severity: "information",
					Position: cursor{seg: seg, lo: j, hi: j + 1, depth: atSub}.position()})
			}
		}
	}
	return mapped, unmapped
}

// issueTypes are the codes of OperationOutcome.issue.code by issue code.
var issueTypes = map[string]string{
	CodeSummary: "informational", CodeUnmapped: "informational", CodeUnmappedCode: "code-invalid", CodeValue: "value",
	CodeDeleted: "informational", CodeInvalid: "invalid", CodeNoStructure: "not-supported", CodeLimit: "too-long", CodeMerge: "duplicate",
	CodeRepeated: "structure",
}

// issueSystem is the code system of issue codes.
const issueSystem = "urn:cardferry:issue"

// outcome makes the OperationOutcome of a translation.
func (r *run) outcome(mapped, unmapped int) {
	node := r.add("OperationOutcome").node
	summary := "values mapped: " + strconv.Itoa(mapped) + ", in the raw message only: " + strconv.Itoa(unmapped)
	r.outcomeIssue(node, &Issue{Code: CodeSummary, Severity: "information", Detail: summary})
	for i := range r.issues {
		r.outcomeIssue(node, &r.issues[i])
	}
}

func (r *run) outcomeIssue(node *resource.Node, i *Issue) {
	is := node.Add(&r.arena, node.Type().MustElement("issue"))
	is.Set(&r.arena, "severity", i.Severity)
	is.Set(&r.arena, "code", issueTypes[i.Code])
	is.Set(&r.arena, "details.coding.system", issueSystem)
	is.Set(&r.arena, "details.coding.code", i.Code)
	text := make([]string, 0, 3)
	if i.Position != "" {
		text = append(text, "at "+i.Position)
	}
	if i.Row != "" {
		text = append(text, "row "+i.Row)
	}
	if i.Detail != "" {
		text = append(text, i.Detail)
	}
	set(r, is, "diagnostics", strings.Join(text, "; "))
	if i.Expression != "" {
		is.Set(&r.arena, "expression", i.Expression)
	}
}

// problems turns problems of the element table into issues.
func problems(list []resource.Problem) []Issue {
	out := make([]Issue, 0, len(list))
	for _, p := range list {
		out = append(out, Issue{Code: CodeInvalid, Severity: "error", Expression: p.Path, Detail: p.Code + ": " + p.Text})
	}
	return out
}

// ValidateBundle checks a Bundle's JSON against R4: known elements, cardinality,
// primitive forms, required bindings, the invariants of package resource, unique
// fullUrls and that references inside the Bundle resolve. It needs no tables and
// is safe for concurrent use. Nil means valid.
func ValidateBundle(b []byte) []Issue {
	n, found, err := resource.ReadBundle(b)
	if err != nil {
		return []Issue{{Code: CodeInvalid, Severity: "error", Detail: err.Error()}}
	}
	found = append(found, resource.CheckBundle(n)...)
	if len(found) == 0 {
		return nil
	}
	return slices.Clip(problems(found))
}
