package hl7

import "bytes"

// maxNameLength is the longest token taken for a segment name. The standard has
// three characters; other lengths are kept and warned about.
const maxNameLength = 4

// Segment is one line of a message.
type Segment struct {
	v          *view
	start, end uint32
}

// Field is one field with all its repetitions. Its Value methods see the whole.
type Field struct{ Value }

// Repetition is one repetition of a field.
type Repetition struct{ Value }

// Component is one component of a repetition.
type Component struct{ Value }

// Name is the segment's name as written, "" for a line that has none (for
// example a wrapped narrative). Such a line has no fields.
func (s Segment) Name() string { return segmentName(s.name()) }

// Raw is the segment as sent, without its terminator. The caller must not
// change it.
func (s Segment) Raw() []byte { return s.value().Raw() }

// Offset is where the segment starts in the message, in bytes.
func (s Segment) Offset() int { return int(s.start) }

// Fields counts the fields, the highest n for which Field(n) can be present.
func (s Segment) Fields() int {
	name := s.name()
	if len(name) == 0 || s.start+uint32(len(name)) == s.end {
		return 0
	}
	n := bytes.Count(s.v.s[s.start:s.end], []byte{s.v.d.Field})
	if isHeader(name) {
		n++
	}
	return n
}

// Field is the nth field in HL7 numbering. In MSH, FHS and BHS field 1 is the
// field separator itself and field 2 the encoding characters. A field beyond
// the last is absent.
func (s Segment) Field(n int) Field {
	name := s.name()
	if len(name) == 0 || n < 1 {
		return Field{}
	}
	at := s.start + uint32(len(name))
	if at == s.end {
		return Field{}
	}
	lvl := fieldLevel
	if isHeader(name) {
		switch n {
		case 1:
			return Field{Value{v: s.v, start: at, end: at + 1, lvl: verbatim}}
		case 2:
			lvl = verbatim
		}
		n--
	}
	start, end, ok := part(s.v.s, at+1, s.end, s.v.d.Field, n)
	if !ok {
		return Field{}
	}
	return Field{Value{v: s.v, start: start, end: end, lvl: lvl}}
}

// At is the value at p inside this segment; p's segment and occurrence are
// ignored.
func (s Segment) At(p Path) Value {
	if p.Field == 0 {
		return s.value()
	}
	f := s.Field(p.Field)
	if p.Repetition == 0 && p.Component == 0 {
		return f.Value
	}
	r := f.Rep(max(p.Repetition, 1))
	if p.Component == 0 {
		return r.Value
	}
	c := r.Component(p.Component)
	if p.Subcomponent == 0 {
		return c.Value
	}
	return c.Subcomponent(p.Subcomponent)
}

// Reps counts the repetitions, empty ones between others included; 0 when
// nothing was sent.
func (f Field) Reps() int {
	if f.v == nil {
		return 0
	}
	return f.children(f.v.d.Repetition)
}

// Rep is the ith (from 1) repetition.
func (f Field) Rep(i int) Repetition {
	if f.v == nil {
		return Repetition{}
	}
	return Repetition{f.child(f.v.d.Repetition, i, repetitionLevel)}
}

// Component is the nth (from 1) component of the first repetition.
func (f Field) Component(n int) Component { return f.Rep(1).Component(n) }

// Components counts the components; 0 when nothing was sent.
func (r Repetition) Components() int {
	if r.v == nil {
		return 0
	}
	return r.children(r.v.d.Component)
}

// Component is the nth (from 1) component. Component 1 of a plain field is the
// field.
func (r Repetition) Component(n int) Component {
	if r.v == nil {
		return Component{}
	}
	return Component{r.child(r.v.d.Component, n, componentLevel)}
}

// Subcomponents counts the subcomponents; 0 when nothing was sent.
func (c Component) Subcomponents() int {
	if c.v == nil {
		return 0
	}
	return c.children(c.v.d.Subcomponent)
}

// Subcomponent is the nth (from 1) subcomponent.
func (c Component) Subcomponent(n int) Value {
	if c.v == nil {
		return Value{}
	}
	return c.child(c.v.d.Subcomponent, n, subcomponentLevel)
}

func (s Segment) value() Value { return Value{v: s.v, start: s.start, end: s.end} }

// name is the token before the first field separator, nil when it is no name.
func (s Segment) name() []byte {
	if s.v == nil {
		return nil
	}
	line := s.v.s[s.start:s.end]
	n := 0
	for n < len(line) && isAlnum(line[n]) {
		if n++; n > maxNameLength {
			return nil
		}
	}
	if n == 0 || n < len(line) && line[n] != s.v.d.Field {
		return nil
	}
	return line[:n]
}

func (s Segment) is(name string) bool {
	n := uint32(len(name))
	return n > 0 && s.end-s.start >= n &&
		string(s.v.s[s.start:s.start+n]) == name &&
		(s.end-s.start == n || s.v.s[s.start+n] == s.v.d.Field)
}

// isHeader says whether a segment defines encoding characters.
func isHeader(name []byte) bool {
	switch string(name) {
	case "MSH", "FHS", "BHS":
		return true
	}
	return false
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// segmentName gives the common names without an allocation.
func segmentName(b []byte) string {
	switch string(b) {
	case "MSH":
		return "MSH"
	case "EVN":
		return "EVN"
	case "PID":
		return "PID"
	case "PD1":
		return "PD1"
	case "NK1":
		return "NK1"
	case "PV1":
		return "PV1"
	case "PV2":
		return "PV2"
	case "ORC":
		return "ORC"
	case "OBR":
		return "OBR"
	case "OBX":
		return "OBX"
	case "NTE":
		return "NTE"
	case "AL1":
		return "AL1"
	case "DG1":
		return "DG1"
	case "IN1":
		return "IN1"
	case "SPM":
		return "SPM"
	case "MRG":
		return "MRG"
	case "MSA":
		return "MSA"
	}
	return string(b)
}

// String masks the segment for fmt.
func (s Segment) String() string { return "hl7 segment (masked)" }

// GoString masks the segment for %#v.
func (s Segment) GoString() string { return s.String() }
