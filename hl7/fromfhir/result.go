package fromfhir

import (
	"strconv"

	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
)

// observationStatuses is HL7 table 0085 by Observation.status. "unknown" has no
// code there.
var observationStatuses = map[string]string{
	"registered": "I", "preliminary": "P", "final": "F", "amended": "C", "corrected": "C", "cancelled": "X", "entered-in-error": "W",
}

// reportStatuses is HL7 table 0123 by DiagnosticReport.status. A report that was
// an error is a correction of which every result is wrong (OBX-11 W).
var reportStatuses = map[string]string{
	"registered": "I", "partial": "A", "preliminary": "P", "final": "F", "amended": "C", "corrected": "C", "appended": "C",
	"cancelled": "X", "entered-in-error": "C",
}

// results writes the OBX of one OBR.
type results struct {
	*writer
	done      map[int]bool  // observations that are written
	n         int           // OBX-1
	wrong     bool          // all of it was entered in error
	subject   *r4.Reference // whose results they are, in the resource at
	at        int
	forms     []attachment // of the report; those that are written are empty
	specimens []int
}

// observations writes what a list of references leads to, members included, each
// once.
func (r *results) observations(refs []r4.Reference, from int, path string) {
	for i := range refs {
		p := at(path, i)
		n, ok := r.in.resolve(&refs[i], from)
		switch {
		case !ok:
			r.fail(p, ErrReference, "")
			return
		case !r.in.is(n, "Observation"):
			r.fail(p, ErrUnsupported, "a result is an Observation")
			return
		case r.done[n]:
			continue
		}
		r.done[n] = true
		r.observation(n)
	}
}

func (r *results) observation(n int) {
	var o observation
	path := "Observation[" + strconv.Itoa(len(r.done)-1) + "]" // nth that is written
	r.decode(n, &o, path)
	if r.mixedUp(r.subject, r.at, o.Subject, n) {
		r.fail(path+".subject", ErrPatient, "it is a result of somebody else")
	}
	status := r.status(&o, path)
	if s, ok := r.in.resolve(o.Specimen, n); ok {
		r.specimen(s)
	}
	v := r.value(&o.measured, path)
	if v.datatype == "" && o.DataAbsentReason == nil {
		if v = r.repeated(&o); v.datatype != "" {
			o.Component = nil
		} else {
			v = r.form(&o)
		}
	}
	// A panel that only holds others together is not a result of its own.
	if v.datatype != "" || o.DataAbsentReason != nil || len(o.Component)+len(o.HasMember) == 0 {
		r.obx(n, &o, &o.measured, v, status, "", path)
		var notes []string
		for i := range o.Note {
			notes = append(notes, o.Note[i].Text)
		}
		if o.DataAbsentReason != nil {
			notes = append(notes, label(o.DataAbsentReason))
		}
		r.notes(append(notes, unflagged(o.Interpretation)...)...)
	}
	// Components belong together by OBX-4 (HL7 v2.5.1, 7.4.2.4).
	group := ""
	if len(o.Component) > 0 {
		group = strconv.Itoa(len(r.done))
	}
	for i := range o.Component {
		c := &o.Component[i]
		p := at(path+".component", i)
		r.obx(n, &o, c, r.value(c, p), status, group, p)
		if c.DataAbsentReason != nil {
			r.notes(label(c.DataAbsentReason))
		}
	}
	r.observations(o.HasMember, n, path+".hasMember")
}

func (r *results) status(o *observation, path string) string {
	switch status, ok := observationStatuses[o.Status]; {
	case o.Status == "":
		r.fail(path+".status", ErrMissing, "OBX-11 is required")
		return ""
	case !ok:
		r.fail(path+".status", ErrUnsupported, "table 0085 has no such status")
		return ""
	case r.wrong:
		return "W"
	default:
		return status
	}
}

// obx writes OBX (HL7 v2.5.1, 7.4.2).
func (r *results) obx(n int, o *observation, m *measured, v content, status, group, path string) {
	code := r.required(m.Code, path+".code", "OBX-3")
	r.n++
	r.b.Segment("OBX").Set(1, number(r.n)).Text(2, v.datatype).Set(3, code).Text(4, group).Set(5, v.values...).Set(6, v.units)
	r.b.Text(7, r.normal(m.ReferenceRange, path)).Set(8, flags(m.Interpretation)...).Text(11, status)
	switch {
	case o.EffectiveDateTime != "":
		r.b.Set(14, r.time(o.EffectiveDateTime, path+".effectiveDateTime"))
	case o.EffectiveInstant != "":
		r.b.Set(14, r.time(o.EffectiveInstant, path+".effectiveInstant"))
	case o.EffectivePeriod != nil:
		r.b.Set(14, r.time(o.EffectivePeriod.Start, path+".effectivePeriod.start"))
	}
	r.b.Set(16, r.xcns(o.Performer, n)...).Set(17, r.ce(o.Method)).Set(19, r.time(o.Issued, path+".issued"))
	for i := range o.Performer {
		if org, typ, ok := r.place(&o.Performer[i], n); ok && typ == "Organization" && org.Name != "" {
			r.b.Set(23, hl7.Components{hl7.ST(org.Name)})
			break
		}
	}
}

const interpretations = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

// flags is OBX-8: the codes of v3 ObservationInterpretation are those of HL7 table
// 0078.
func flags(list []r4.CodeableConcept) []hl7.Data {
	var out []hl7.Data
	for i := range list {
		for _, system := range []string{interpretations, v2Tables + "0078"} {
			if code := codeOf(&list[i], system); code != "" {
				out = append(out, hl7.ST(code))
				break
			}
		}
	}
	return out
}

// unflagged are the interpretations that have no code of table 0078, as texts.
func unflagged(list []r4.CodeableConcept) []string {
	var out []string
	for i := range list {
		if len(flags(list[i:i+1])) == 0 {
			out = append(out, label(&list[i]))
		}
	}
	return out
}

// repeated is the value of an Observation whose components are all codes under its
// own code: one OBX-5 with repetitions, which is what they are made from.
func (r *results) repeated(o *observation) content {
	v := content{datatype: "CWE"}
	for i := range o.Component {
		c := &o.Component[i]
		if c.ValueCodeableConcept == nil || c.DataAbsentReason != nil || len(c.Interpretation)+len(c.ReferenceRange) > 0 || r.cwe(c.Code) != r.cwe(o.Code) {
			return content{}
		}
		v.values = append(v.values, r.cwe(c.ValueCodeableConcept))
	}
	if len(v.values) == 0 {
		return content{}
	}
	return v
}

// form is the document of an Observation that has no value: R4 has no attachment
// for one, so the translation to FHIR makes it a presented form of the report, by
// the name of the Observation.
func (r *results) form(o *observation) content {
	name := label(o.Code)
	for i := range r.forms {
		if f := &r.forms[i]; f.Title == name && name != "" {
			v := r.document(f, at("DiagnosticReport.presentedForm", i))
			*f = attachment{}
			return v
		}
	}
	return content{}
}

// documents writes the presented forms that are left under the report's own code.
func (r *results) documents(code *r4.CodeableConcept, status string, path string) {
	for i := range r.forms {
		v := r.document(&r.forms[i], at(path+".presentedForm", i))
		if v.datatype == "" {
			continue
		}
		r.n++
		r.b.Segment("OBX").Set(1, number(r.n)).Text(2, v.datatype).Set(3, r.ce(code)).Text(4, documentGroup(i, len(r.forms))).Set(5, v.values...)
		r.b.Text(11, status)
		r.notes(r.forms[i].Title)
	}
}

// documentGroup tells documents of one code apart (OBX-4).
func documentGroup(i, n int) string {
	if n < 2 {
		return ""
	}
	return "D" + strconv.Itoa(i+1)
}

func (r *results) specimen(n int) {
	if !r.in.is(n, "Specimen") {
		return
	}
	for _, s := range r.specimens {
		if s == n {
			return
		}
	}
	r.specimens = append(r.specimens, n)
}

// spm writes SPM (HL7 v2.5.1, 7.4.3) of the specimens. One of no type is left
// out: SPM-4 is required.
func (r *results) spm() {
	set := 0
	for _, n := range r.specimens {
		var s specimen
		r.decode(n, &s, "Specimen")
		kind := r.cwe(s.Type)
		if kind == (hl7.CWE{}) {
			continue
		}
		set++
		placer, filler := r.pickEI(s.Identifier, "PLAC"), r.pickEI(s.Identifier, "FILL", "")
		r.b.Segment("SPM").Set(1, number(set)).Set(2, hl7.Components{placer, filler}).Set(4, kind)
		if c := s.Collection; c != nil {
			r.b.Set(7, r.cwe(c.Method)).Set(8, r.cwe(c.BodySite))
			if q := c.Quantity; q != nil && q.Value != "" {
				r.b.Set(12, hl7.Components{hl7.ST(r.decimal(q.Value, "Specimen.collection.quantity.value")), r.units(q)})
			}
			period := c.Period
			if c.DateTime != "" {
				period = &r4.Period{Start: c.DateTime}
			}
			r.b.Set(17, r.period(period, "Specimen.collection"))
		}
		r.b.Set(18, r.time(s.ReceivedTime, "Specimen.receivedTime"))
	}
}
