package fromfhir

import (
	"strings"

	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
)

// nameTypes is HL7 table 0200 by HumanName.use; the other uses have no code.
var nameTypes = map[string]string{"official": "L", "usual": "D", "nickname": "N", "anonymous": "S", "maiden": "M"}

func xpn(n *r4.HumanName) hl7.XPN {
	out := hl7.XPN{Family: n.Family, Suffix: strings.Join(n.Suffix, " "), Prefix: strings.Join(n.Prefix, " "), Type: nameTypes[n.Use]}
	if len(n.Given) > 0 {
		out.Given, out.Middle = n.Given[0], strings.Join(n.Given[1:], " ")
	}
	if out.Family == "" && out.Given == "" {
		out.Family = n.Text // a name that nobody took apart
	}
	return out
}

// addressTypes is HL7 table 0190 by Address.use.
var addressTypes = map[string]string{"home": "H", "work": "B", "temp": "C", "billing": "BI"}

func xad(a *r4.Address) hl7.XAD {
	out := hl7.XAD{City: a.City, State: a.State, PostalCode: a.PostalCode, Country: a.Country, County: a.District, Type: addressTypes[a.Use]}
	if len(a.Line) > 0 {
		out.Street, out.Other = a.Line[0], strings.Join(a.Line[1:], " ")
	}
	if out == (hl7.XAD{Type: out.Type}) {
		out.Street = a.Text
	}
	return out
}

// xtn is a way of reaching somebody (HL7 v2.5.1, 2.A.89, tables 0201 and 0202).
func xtn(c *r4.ContactPoint) hl7.XTN {
	use := map[string]string{"home": "PRN", "mobile": "PRN", "work": "WPN"}[c.Use]
	switch c.System {
	case "email":
		return hl7.XTN{Use: "NET", Equipment: "Internet", Email: c.Value}
	case "fax":
		return hl7.XTN{Number: c.Value, Use: use, Equipment: "FX"}
	case "pager":
		return hl7.XTN{Number: c.Value, Use: use, Equipment: "BP"}
	case "phone", "sms":
		if c.Use == "mobile" {
			return hl7.XTN{Number: c.Value, Use: use, Equipment: "CP"}
		}
		return hl7.XTN{Number: c.Value, Use: use, Equipment: "PH"}
	}
	return hl7.XTN{Use: use, Any: c.Value}
}

// telecom are the ways of reaching somebody, those for work apart.
func telecom(list []r4.ContactPoint) (home, work []hl7.Data) {
	for i := range list {
		switch c := &list[i]; {
		case c.Value == "" || c.Use == "old":
		case c.Use == "work":
			work = append(work, xtn(c))
		default:
			home = append(home, xtn(c))
		}
	}
	return home, work
}

// sexes is HL7 table 0001 by Patient.gender.
var sexes = map[string]string{"male": "M", "female": "F", "other": "O", "unknown": "U"}

// patient writes PID (HL7 v2.5.1, 3.4.2) of the subject of a resource.
func (w *writer) patient(subject *r4.Reference, from int, path string) {
	var p patient
	n, ok := w.in.resolve(subject, from)
	switch {
	case ok && w.in.is(n, "Patient"):
		w.decode(n, &p, "Patient")
		path = "Patient"
	case ok:
		w.fail(path, ErrPatient, "it is no Patient")
	case subject == nil:
		w.fail(path, ErrMissing, "")
	case subject.Identifier == nil:
		w.fail(path, ErrReference, "")
	default: // a logical reference says all that PID requires
		p.Identifier = []r4.Identifier{*subject.Identifier}
		if subject.Display != "" {
			p.Name = []r4.HumanName{{Text: subject.Display}}
		}
	}
	if w.err != nil {
		return
	}
	w.b.Segment("PID").Set(1, number(1)).Set(3, w.patientIDs(p.Identifier, path)...)
	var names []hl7.Data
	for i := range p.Name {
		if x := xpn(&p.Name[i]); x.Family != "" || x.Given != "" {
			names = append(names, x)
		}
	}
	if len(names) == 0 {
		w.fail(path+".name", ErrMissing, "PID-5 is required")
	}
	w.b.Set(5, names...).Set(7, w.time(p.BirthDate, path+".birthDate"))
	if p.Gender != "" {
		sex, ok := sexes[p.Gender]
		if !ok {
			w.fail(path+".gender", ErrUnsupported, "")
		}
		w.b.Text(8, sex)
	}
	var addresses []hl7.Data
	for i := range p.Address {
		addresses = append(addresses, xad(&p.Address[i]))
	}
	home, work := telecom(p.Telecom)
	w.b.Set(11, addresses...).Set(13, home...).Set(14, work...)
	if p.BirthOrder != "" {
		w.b.Text(24, "Y").Text(25, p.BirthOrder.String())
	}
	w.b.Set(29, w.time(p.DeadSince, path+".deceasedDateTime"))
	switch {
	case p.DeadSince != "" || p.Dead != nil && *p.Dead:
		w.b.Text(30, "Y")
	case p.Dead != nil:
		w.b.Text(30, "N")
	}
}

// patientIDs is PID-3, the identifier that the receiver knows first.
func (w *writer) patientIDs(ids []r4.Identifier, path string) []hl7.Data {
	var known, rest []hl7.Data
	for i := range ids {
		switch id := &ids[i]; {
		case id.Value == "" || id.Use == "old":
		case id.System == w.o.PatientIdentifierSystem && id.System != "":
			known = append(known, w.cx(id))
		default:
			rest = append(rest, w.cx(id))
		}
	}
	if len(known) == 0 && w.o.PatientIdentifierSystem != "" || len(known)+len(rest) == 0 {
		w.fail(path+".identifier", ErrPatient, "none is of Options.PatientIdentifierSystem; link the patient to a local one first")
	}
	return append(known, rest...)
}

// visitRoles is where PV1 names a participant, by HL7 table 0912 and FHIR's
// participation types.
var visitRoles = []struct {
	code  string
	field int
}{{"ATND", 7}, {"REF", 8}, {"CON", 9}, {"ADM", 17}}

// patientClasses is HL7 table 0004 by FHIR's encounter class (v3 ActCode).
var patientClasses = map[string]string{"IMP": "I", "ACUTE": "I", "NONAC": "I", "AMB": "O", "EMER": "E", "PRENC": "P", "UNK": "U"}

// visit writes PV1 (HL7 v2.5.1, 3.4.3) of the encounter, when it is here.
func (w *writer) visit(ref *r4.Reference, from int) {
	n, ok := w.in.resolve(ref, from)
	if !ok || !w.in.is(n, "Encounter") {
		return
	}
	var e encounter
	w.decode(n, &e, "Encounter")
	class := "U" // table 0004: unknown
	if e.Class != nil && e.Class.Code != "" {
		class = e.Class.Code // table 0004 is the site's to extend
		if c, ok := patientClasses[class]; ok {
			class = c
		}
	}
	w.b.Segment("PV1").Set(1, number(1)).Text(2, class)
	if len(e.Location) > 0 {
		w.b.Set(3, hl7.PL{Description: w.placeName(e.Location[0].Location, n)})
	}
	for _, role := range visitRoles {
		var people []hl7.Data
		for i := range e.Participant {
			for t := range e.Participant[i].Type {
				if codeOf(&e.Participant[i].Type[t], "http://terminology.hl7.org/CodeSystem/v3-ParticipationType") == role.code {
					people = append(people, w.xcn(e.Participant[i].Individual, n))
				}
			}
		}
		w.b.Set(role.field, people...)
	}
	for i := range e.Identifier {
		if e.Identifier[i].Value != "" {
			w.b.Set(19, w.cx(&e.Identifier[i]))
			break
		}
	}
	if e.Period != nil {
		w.b.Set(44, w.time(e.Period.Start, "Encounter.period.start")).Set(45, w.time(e.Period.End, "Encounter.period.end"))
	}
}

// practitioner finds who a reference means, through a PractitionerRole as well.
func (w *writer) practitioner(ref *r4.Reference, from int) (practitioner, bool) {
	var p practitioner
	n, ok := w.in.resolve(ref, from)
	if ok && w.in.is(n, "PractitionerRole") {
		var role practitionerRole
		w.decode(n, &role, "PractitionerRole")
		ref, from = role.Practitioner, n
		n, ok = w.in.resolve(ref, from)
	}
	switch {
	case ok && w.in.is(n, "Practitioner"):
		w.decode(n, &p, "Practitioner")
		return p, true
	case ok || ref == nil || ref.Display == "" && ref.Identifier == nil:
		return p, false
	}
	if typ := referenceType(ref); typ != "" && typ != "Practitioner" && typ != "PractitionerRole" {
		return p, false
	}
	if ref.Identifier != nil {
		p.Identifier = []r4.Identifier{*ref.Identifier}
	}
	if ref.Display != "" {
		p.Name = []r4.HumanName{{Text: ref.Display}}
	}
	return p, true
}

// referenceType is the type that a reference itself tells, "" for none.
func referenceType(ref *r4.Reference) string {
	if ref == nil {
		return ""
	}
	if ref.Type != "" {
		return ref.Type
	}
	part := strings.Split(ref.Reference, "/")
	if len(part) < 2 {
		return ""
	}
	return part[len(part)-2]
}

// xcn is a person with the first identifier and name; nil when nobody is named.
func (w *writer) xcn(ref *r4.Reference, from int) hl7.Data {
	p, ok := w.practitioner(ref, from)
	if !ok {
		return nil
	}
	out := hl7.XCN{}
	for i := range p.Identifier {
		if id := &p.Identifier[i]; id.Value != "" {
			out.ID, out.Authority, out.Type = id.Value, w.authority(id.System), identifierType(id)
			break
		}
	}
	if len(p.Name) > 0 {
		out.Name = xpn(&p.Name[0])
	}
	if out == (hl7.XCN{}) {
		return nil
	}
	return out
}

func (w *writer) xcns(refs []r4.Reference, from int) []hl7.Data {
	var out []hl7.Data
	for i := range refs {
		if x := w.xcn(&refs[i], from); x != nil {
			out = append(out, x)
		}
	}
	return out
}

// place finds an Organization, Location, Device or HealthcareService; a reference
// that is only a text is one too.
func (w *writer) place(ref *r4.Reference, from int) (place, string, bool) {
	var p place
	n, ok := w.in.resolve(ref, from)
	switch {
	case ok:
		typ := w.in.resources[n].ResourceType
		switch typ {
		case "Organization", "Location", "Device", "HealthcareService":
			w.decode(n, &p, typ)
			if p.Name == "" && len(p.DeviceName) > 0 {
				p.Name = p.DeviceName[0].Name
			}
			return p, typ, true
		}
		return p, "", false
	case ref == nil || ref.Display == "" && ref.Identifier == nil:
		return p, "", false
	}
	p.Name = ref.Display
	if ref.Identifier != nil {
		p.Identifier = []r4.Identifier{*ref.Identifier}
	}
	return p, referenceType(ref), true
}

func (w *writer) placeName(ref *r4.Reference, from int) string {
	p, _, _ := w.place(ref, from)
	return p.Name
}
