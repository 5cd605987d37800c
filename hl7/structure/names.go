package structure

// Usage says whether a field or component must be sent.
type Usage byte

// The usage codes of the standard's attribute tables (HL7 v2.9, 2.5.3.4).
const (
	Required    Usage = 'R'
	Optional    Usage = 'O'
	Conditional Usage = 'C'
	Backward    Usage = 'B' // kept for backward compatibility, may still be sent
	Withdrawn   Usage = 'X' // must not be sent any more (W in v2.7 and later)
)

// String is the letter.
func (u Usage) String() string { return string(rune(u)) }

// Field is what the standard says of one field.
type Field struct {
	Name     string
	Datatype string // "varies" where another field names it
	Table    int    // number of the HL7 table of its codes, 0 for none
	Usage    Usage
	// Repeats is how often it may stand, 0 for any number.
	Repeats int
	// MaxLength is in characters for one repetition, 0 where the standard has
	// none.
	MaxLength int
}

// Component is what the standard says of one component of a datatype.
type Component struct {
	Name      string
	Datatype  string
	Table     int // as in [Field]
	Usage     Usage
	MaxLength int // as in [Field]
}

// SegmentName is the title of a segment ("Patient Identification") in a version
// as MSH-12 writes it. Versions the tables lack are read as the one before, or as
// 2.5.1 where there is none.
func SegmentName(seg, version string) (string, bool) {
	s := speak(version).segments[seg]
	if s == nil {
		return "", false
	}
	return s.title, true
}

// FieldName is the nth (from 1) field of a segment; see [SegmentName] for the
// version.
func FieldName(seg string, n int, version string) (Field, bool) {
	s := speak(version).segments[seg]
	if s == nil || n < 1 || n > len(s.fields) || s.fields[n-1].typ == nil {
		return Field{}, false
	}
	return s.fields[n-1].Field, true
}

// Components are the components of a datatype in order, none for a primitive or
// unknown one; see [SegmentName] for the version.
func Components(datatype, version string) []Component {
	t := speak(version).datatypes[datatype]
	if t == nil || len(t.components) == 0 {
		return nil
	}
	out := make([]Component, len(t.components))
	for i, c := range t.components {
		out[i] = c.Component
	}
	return out
}

// ForEvent is the message structure that belongs to a message code and a
// trigger event ("ADT", "A04" -> "ADT_A01"); see [SegmentName] for the version.
func ForEvent(code, trigger, version string) (string, bool) {
	s := speak(version).structureOf(code, trigger)
	return s, s != ""
}
