package structure

import (
	"cmp"
	"slices"
	"strconv"

	"cardferry/hl7"
)

// Severity orders findings.
type Severity uint8

// The severities.
const (
	Info    Severity = iota // worth knowing, nothing is wrong
	Warning                 // not as the standard has it
	Error                   // only with [Options.Strict]: the standard forbids it
)

// String names the severity.
func (s Severity) String() string { return [...]string{"info", "warning", "error"}[s] }

// MarshalText writes the name, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Code is a stable name for one kind of finding.
type Code string

// The codes.
const (
	CodeStructureUnknown  Code = "structure_unknown"  // no rules for this message type and event: order not looked at
	CodeStructureMismatch Code = "structure_mismatch" // MSH-9.3 is not the structure of the event
	CodeVersionUnknown    Code = "version_unknown"    // MSH-12 is no version: read as 2.5.1
	CodeSegmentMissing    Code = "segment_missing"    // a required segment is not there
	CodeSegmentUnexpected Code = "segment_unexpected" // the structure has no such segment
	CodeSegmentOrder      Code = "segment_order"      // the structure has it elsewhere
	CodeSegmentRepeats    Code = "segment_repeats"    // once more than the structure allows
	CodeSegmentUnknown    Code = "segment_unknown"    // neither of the version nor a Z segment
	CodeSegmentName       Code = "segment_name"       // a line without a valid segment name
	CodeFieldMissing      Code = "field_missing"      // a required field is empty
	CodeFieldUnknown      Code = "field_unknown"      // beyond the last field of the version
	CodeFieldWithdrawn    Code = "field_withdrawn"    // no longer to be sent in this version
	CodeFieldRepeats      Code = "field_repeats"      // repeats more often than allowed
	CodeComponentMissing  Code = "component_missing"  // a required component is empty, or one that goes with another
	CodeComponentUnknown  Code = "component_unknown"  // beyond the last component or subcomponent
	CodeDatatype          Code = "datatype"           // not a value of its datatype
	CodeTooLong           Code = "too_long"           // longer than the version allows
	CodeTableValue        Code = "table_value"        // not a code of a table that HL7 closes
	CodeCheckDigit        Code = "check_digit"        // does not fit the check digit scheme the sender names
	CodeMore              Code = "more"               // there are more findings than were asked for
)

// strictly are the codes that [Options.Strict] makes errors.
func strictly(c Code) bool {
	switch c {
	case CodeSegmentMissing, CodeSegmentUnexpected, CodeSegmentOrder, CodeSegmentRepeats, CodeFieldMissing, CodeFieldRepeats,
		CodeComponentMissing, CodeDatatype, CodeTableValue:
		return true
	}
	return false
}

// Finding is one thing a person may want to know about a message. It holds no
// content.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Path is in the form that [hl7.ParsePath] reads: "PID-3[2].4". It is empty
	// for lines without a segment name.
	Path string `json:"path,omitempty"`
	// Offset is in bytes from the start of the message (UTF-16: of its UTF-8
	// form). For what is missing it is where it belongs.
	Offset int    `json:"offset"`
	Text   string `json:"text"`
}

// Options say how to validate. The zero value gives at most 100 findings, none
// worse than a warning.
type Options struct {
	// Max is the most findings returned; 0 means 100. One more, with code "more",
	// counts the rest.
	Max int
	// Strict makes errors of what the standard forbids.
	Strict bool
}

const defaultMax = 100

// Validate holds a message against the structure, fields and datatypes of its
// version and returns what it finds, ordered by offset. Content that is outside
// the standard is never a finding where the standard leaves room: Z segments
// and user-defined tables.
func Validate(m *hl7.Message, o Options) []Finding {
	if o.Max <= 0 {
		o.Max = defaultMax
	}
	c := newChecker(m, o)
	c.version()
	c.structure()
	c.fields()
	return c.list.sorted(o.Max)
}

// findings keeps the first max of each pass and counts the rest.
type findings struct {
	strict bool
	max    int
	kept   []Finding
	rest   int
}

// full says whether one more would only be counted; it counts it.
func (f *findings) full() bool {
	if len(f.kept) < f.max {
		return false
	}
	f.rest++
	return true
}

func (f *findings) add(code Code, s Severity, path string, offset int, text string) {
	if f.strict && s == Warning && strictly(code) {
		s = Error
	}
	f.kept = append(f.kept, Finding{code, s, path, offset, text})
}

// room allows as many findings again for the next pass.
func (f *findings) room(n int) { f.max = len(f.kept) + n }

// drop removes the finding at an index.
func (f *findings) drop(i int) { f.kept = slices.Delete(f.kept, i, i+1) }

// sorted orders the findings and cuts them to n.
func (f *findings) sorted(n int) []Finding {
	slices.SortStableFunc(f.kept, func(a, b Finding) int { return cmp.Compare(a.Offset, b.Offset) })
	if len(f.kept) > n {
		f.rest += len(f.kept) - n
		f.kept = f.kept[:n]
	}
	if f.rest > 0 {
		last := 0
		if len(f.kept) > 0 {
			last = f.kept[len(f.kept)-1].Offset
		}
		f.kept = append(f.kept, Finding{CodeMore, Info, "", last, strconv.Itoa(f.rest) + " more findings are not listed"})
	}
	return f.kept
}
