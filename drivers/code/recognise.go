package code

import (
	"bytes"
	"encoding/hex"
	"slices"
	"time"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"
)

// MediumAmbiguous is the medium of a scan that rules of equal priority claim for
// different things, such as a number that may name a patient or pay a bill. It has
// no patient; extras.candidates lists the media and extras.code has the text.
const MediumAmbiguous = "ambiguous"

// Recognise says what a scan is. It never fails: a code of no rule is medium
// "unknown" with warning "code_unknown" and its text in extras.code (extras.codeHex
// when it is no text). ID, Time and Reader stay empty. A payment code or bank card
// has a warning and nothing of its value. Codes that only an online service can
// resolve carry the warning "needs_online"; one-time codes extras.oneTime.
func (r *Rules) Recognise(scan []byte) drivers.Read {
	if r == nil {
		return unknown(scan, "", true)
	}
	if len(scan) > MaxScan {
		return drivers.Read{
			Medium: drivers.MediumUnknown, Assurance: drivers.MemoryRead,
			Warnings: []drivers.Warning{{Code: "code_unknown"}},
		}
	}
	text, lossy, err := Text(scan, "")
	if err != nil {
		return unknown(scan, "", true)
	}
	matches := r.matches(text)
	switch {
	case len(matches) == 0:
		return unknown(scan, text, lossy)
	case !agree(matches):
		return ambiguous(matches, text)
	}
	// Rules that agree on the medium may differ in how much of the scan is in order.
	read := matches[0].read()
	for _, m := range matches[1:] {
		if r := m.read(); len(r.Warnings) < len(read.Warnings) {
			read = r
		}
	}
	if lossy {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: "lossy_text"})
	}
	return read
}

// agree says whether all matches are for the same medium.
func agree(matches []match) bool {
	for _, m := range matches {
		if m.rule.medium != matches[0].rule.medium {
			return false
		}
	}
	return true
}

// OneTime says whether a read is of a code that changes with every showing. Such a
// code is neither cached nor taken for a repetition.
func OneTime(read drivers.Read) bool {
	once, _ := read.Extras["oneTime"].(bool)
	return once
}

func unknown(scan []byte, text string, lossy bool) drivers.Read {
	read := drivers.Read{
		Medium: drivers.MediumUnknown, Assurance: drivers.MemoryRead,
		Warnings: []drivers.Warning{{Code: "code_unknown"}},
	}
	switch {
	case lossy:
		read.Extras = map[string]any{"codeHex": hex.EncodeToString(bytes.TrimSpace(scan))}
	case text != "":
		read.Extras = map[string]any{"code": text}
	}
	return read
}

func ambiguous(matches []match, text string) drivers.Read {
	var media []string
	for _, m := range matches {
		media = append(media, m.rule.medium)
	}
	slices.Sort(media)
	return drivers.Read{
		Medium: MediumAmbiguous, Assurance: drivers.MemoryRead,
		Extras:   map[string]any{"candidates": slices.Compact(media), "code": text},
		Warnings: []drivers.Warning{{Code: "ambiguous"}},
	}
}

// match is a rule that applies to a scan, with the values of its placeholders.
type match struct {
	rule     *rule
	values   map[string]string
	warnings []drivers.Warning
}

// matches returns the rules of the highest priority that apply to text.
func (r *Rules) matches(text string) []match {
	var found []match
	today := r.now()
	for _, rule := range r.rules {
		m, ok := rule.apply(text, today)
		switch {
		case !ok || len(found) > 0 && found[0].rule.priority > rule.priority:
		case len(found) > 0 && found[0].rule.priority < rule.priority:
			found = []match{m}
		default:
			found = append(found, m)
		}
	}
	return found
}

// apply tries one rule.
func (r *rule) apply(text string, today time.Time) (match, bool) {
	if id, rest := cutAIM(text); id != "" && r.takesAIM(id) {
		text = rest
	}
	for _, n := range r.normalise {
		text = n.apply(text)
	}
	groups := r.match.FindStringSubmatch(text)
	if groups == nil {
		return match{}, false
	}
	m := match{rule: r, values: map[string]string{"text": text}}
	for i, name := range r.match.SubexpNames() {
		if name != "" && groups[i] != "" {
			m.values[name] = groups[i]
		}
	}
	for _, c := range r.checks {
		derived, ok := c.algorithm.check(m.values[c.of], today)
		switch {
		case !ok && c.onFail == "reject":
			return match{}, false
		case !ok:
			m.warnings = append(m.warnings, drivers.Warning{Code: "check_digit", Field: c.of})
		}
		for k, v := range derived {
			m.values[c.of+"."+k] = v
		}
	}
	return m, true
}

// takesAIM says whether the rule takes the identifier id, such as "Q1", off.
func (r *rule) takesAIM(id string) bool {
	return slices.Contains(r.aim, "any") || slices.Contains(r.aim, id) || slices.Contains(r.aim, id[:1])
}

// read builds what the rule says.
func (m match) read() drivers.Read {
	r := m.rule
	read := drivers.Read{Medium: r.medium, Profile: r.profile(), Assurance: drivers.MemoryRead, Warnings: m.warnings}
	for _, w := range r.warnings {
		read.Warnings = append(read.Warnings, drivers.Warning{Code: w})
	}
	extras := map[string]any{}
	for _, e := range r.extras {
		if v := e.value.expand(m.values); v != "" {
			extras[e.key] = v
		}
	}
	if r.oneTime {
		extras["oneTime"] = true
	}
	if len(extras) > 0 {
		read.Extras = extras
	}
	if r.patient != nil {
		read.Patient, read.Warnings = r.patient.build(m.values, read.Warnings)
	}
	return read
}

// build fills the shape in, leaving out what is empty.
func (p *patientShape) build(values map[string]string, warnings []drivers.Warning) (*r4.Patient, []drivers.Warning) {
	patient := r4.NewPatient()
	for _, id := range p.identifiers {
		value := id.value.expand(values)
		if value == "" {
			continue
		}
		out := r4.Identifier{Use: id.use, System: id.system, Value: value}
		if id.typeCode != "" {
			out.Type = &r4.CodeableConcept{
				Coding: []r4.Coding{{System: "http://terminology.hl7.org/CodeSystem/v2-0203", Code: id.typeCode}},
				Text:   id.typeText,
			}
		}
		patient.Identifier = append(patient.Identifier, out)
	}
	for _, n := range p.names {
		if name, ok := n.build(values); ok {
			patient.Name = append(patient.Name, name)
		}
	}
	if s := p.birthDate.expand(values); s != "" {
		if t, err := time.Parse(p.dateFormat, s); err == nil {
			patient.BirthDate = t.Format(time.DateOnly)
		} else {
			warnings = append(warnings, drivers.Warning{Code: "unreadable", Field: "birthDate"})
		}
	}
	if s := p.gender.expand(values); s != "" {
		if p.genderMap != nil {
			s = p.genderMap[s]
		}
		if patient.Gender = s; s == "" {
			warnings = append(warnings, drivers.Warning{Code: "unreadable", Field: "gender"})
		}
	}
	if s := p.address.expand(values); s != "" {
		patient.Address = []r4.Address{{Text: s}}
	}
	return patient, warnings
}

func (n nameShape) build(values map[string]string) (r4.HumanName, bool) {
	name := r4.HumanName{Use: n.use, Text: n.text.expand(values), Family: n.family.expand(values)}
	for _, g := range n.given {
		if s := g.expand(values); s != "" {
			name.Given = append(name.Given, s)
		}
	}
	if name.Text == "" && name.Family == "" && name.Given == nil {
		return name, false
	}
	if n.language != "" {
		name.Extension = []r4.Extension{{URL: "http://hl7.org/fhir/StructureDefinition/language", ValueCode: n.language}}
	}
	return name, true
}
