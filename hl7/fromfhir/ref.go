package fromfhir

import (
	"strings"

	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
)

// referral is what RF1-1 (HL7 table 0283) says, and whether it is a cancellation
// (trigger event I14 instead of I12; both have the structure REF_I12).
type referral struct {
	status    hl7.CWE
	cancelled bool
}

var (
	pending  = hl7.CWE{Code: "P", Text: "Pending", System: "HL70283"}
	accepted = hl7.CWE{Code: "A", Text: "Accepted", System: "HL70283"}
	rejected = hl7.CWE{Code: "R", Text: "Rejected", System: "HL70283"}
)

// taskStatuses and requestStatuses give it by Task.status and, without a Task, by
// ServiceRequest.status. What is a draft, an error or unknown is no referral yet.
var taskStatuses = map[string]referral{
	"requested": {status: pending}, "received": {status: pending}, "ready": {status: pending}, "on-hold": {status: pending},
	"accepted": {status: accepted}, "in-progress": {status: accepted}, "completed": {status: accepted},
	"rejected": {status: rejected}, "failed": {status: rejected}, "cancelled": {rejected, true}, "entered-in-error": {rejected, true},
}

var requestStatuses = map[string]referral{
	"active": {status: pending}, "on-hold": {status: pending}, "completed": {status: accepted}, "revoked": {rejected, true}, "entered-in-error": {rejected, true},
}

// priorities is HL7 table 0280 by request priority; "urgent" has none of its own.
var priorities = map[string]hl7.CWE{
	"routine": {Code: "R", Text: "Routine", System: "HL70280"},
	"urgent":  {Code: "A", Text: "ASAP", System: "HL70280"},
	"asap":    {Code: "A", Text: "ASAP", System: "HL70280"},
	"stat":    {Code: "S", Text: "STAT", System: "HL70280"},
}

// REF is a REF^I12, or a REF^I14 where it was cancelled, of the referral in doc: a
// ServiceRequest, that of the Task when there is one (HL7 v2.5.1, 11.6).
func REF(doc []byte, o Options) ([]byte, error) {
	w, err := begin(doc, o)
	if err != nil {
		return nil, err
	}
	var t task
	var s serviceRequest
	n, taskAt := w.referral(&t)
	if w.err != nil {
		return nil, w.err
	}
	w.decode(n, &s, "ServiceRequest")
	if w.mixedUp(t.For, max(taskAt, 0), s.Subject, n) {
		w.fail("Task.for", ErrPatient, "the ServiceRequest is about somebody else")
	}
	what, about := w.referralStatus(&t, &s, taskAt >= 0), []*head{&s.head}
	if taskAt >= 0 {
		about = []*head{&t.head, &s.head}
	}
	trigger := "I12"
	if what.cancelled {
		trigger = "I14"
	}
	w.header("REF", trigger, "REF_I12", about, about[0].ResourceType, t.LastModified, t.AuthoredOn, s.AuthoredOn)
	w.rf1(&s, what.status)
	w.providers(&s, n, &t, taskAt)
	w.patient(s.Subject, n, "ServiceRequest.subject")
	w.diagnoses(&s, n)
	w.allergies(&s, n)
	w.supporting(&s, n)
	w.visit(s.Encounter, n)
	var notes []string
	for _, list := range [][]annotation{s.Note, t.Note} {
		for i := range list {
			notes = append(notes, list[i].Text)
		}
	}
	w.notes(append(notes, label(t.StatusReason))...)
	return w.bytes()
}

// referral finds the ServiceRequest, and the Task or -1.
func (w *writer) referral(t *task) (request, taskAt int) {
	tasks, requests := w.in.all("Task"), w.in.all("ServiceRequest")
	switch {
	case len(tasks) > 1 || len(tasks) == 0 && len(requests) != 1:
		w.fail("", ErrInput, "one referral is wanted: a Task with its ServiceRequest in focus, or one ServiceRequest")
		return 0, -1
	case len(tasks) == 0:
		return requests[0], -1
	}
	w.decode(tasks[0], t, "Task")
	n, ok := w.in.resolve(t.Focus, tasks[0])
	switch {
	case !ok:
		w.fail("Task.focus", ErrReference, "")
	case !w.in.is(n, "ServiceRequest"):
		w.fail("Task.focus", ErrInput, "a referral is a ServiceRequest")
	}
	return n, tasks[0]
}

func (w *writer) referralStatus(t *task, s *serviceRequest, hasTask bool) referral {
	path, status, codes := "ServiceRequest.status", s.Status, requestStatuses
	if hasTask {
		path, status, codes = "Task.status", t.Status, taskStatuses
	}
	what, ok := codes[status]
	switch {
	case status == "":
		w.fail(path, ErrMissing, "")
	case !ok:
		w.fail(path, ErrUnsupported, "it is no referral that can be sent")
	}
	return what
}

// rf1 writes RF1 (HL7 v2.5.1, 11.8.1). What is asked for is RF1-3, a table of the
// site's own.
func (w *writer) rf1(s *serviceRequest, status hl7.CWE) {
	w.b.Segment("RF1").Set(1, status)
	if s.Priority != "" {
		p, ok := priorities[s.Priority]
		if !ok {
			w.fail("ServiceRequest.priority", ErrUnsupported, "")
		}
		w.b.Set(2, p)
	}
	id := w.pickEI(s.Identifier, "PLAC", "", "FILL")
	if id.ID == "" {
		id.ID = s.ID // what the platform itself calls it
	}
	if id.ID == "" {
		w.fail("ServiceRequest.identifier", ErrMissing, "RF1-6 is required")
	}
	w.b.Set(3, w.ce(s.Code)).Set(6, id)
	period := s.OccurrencePeriod
	if s.OccurrenceDateTime != "" {
		period = &r4.Period{Start: s.OccurrenceDateTime}
	}
	if period != nil {
		w.b.Set(7, w.time(period.Start, "ServiceRequest.occurrence")).Set(8, w.time(period.End, "ServiceRequest.occurrencePeriod.end"))
	}
	w.b.Set(9, w.time(s.AuthoredOn, "ServiceRequest.authoredOn")).Set(10, ces(w, s.ReasonCode)...)
}

// providers writes a PRD (HL7 v2.5.1, 11.8.3) for who refers and for each that the
// patient is referred to, roles of HL7 table 0286.
func (w *writer) providers(s *serviceRequest, n int, t *task, taskAt int) {
	written := 0
	prd := func(role hl7.CWE, ref *r4.Reference, from int) {
		if ref != nil && w.prd(role, ref, from) {
			written++
		}
	}
	refers := hl7.CWE{Code: "RP", Text: "Referring provider", System: "HL70286"}
	referredTo := hl7.CWE{Code: "RT", Text: "Referred to provider", System: "HL70286"}
	if s.Requester != nil || taskAt < 0 {
		prd(refers, s.Requester, n)
	} else {
		prd(refers, t.Requester, taskAt)
	}
	for i := range s.Performer {
		prd(referredTo, &s.Performer[i], n)
	}
	if len(s.Performer) == 0 && taskAt >= 0 {
		prd(referredTo, t.Owner, taskAt)
	}
	if written == 0 {
		w.fail("ServiceRequest.requester", ErrMissing, "a referral names a provider (PRD); include requester or performer")
	}
}

// prd writes one provider, a person or an organization, and says whether there was
// one.
func (w *writer) prd(role hl7.CWE, ref *r4.Reference, from int) bool {
	var ids []r4.Identifier
	var contacts []r4.ContactPoint
	var name, location hl7.Data
	var addresses []hl7.Data
	if p, ok := w.practitioner(ref, from); ok {
		ids, contacts = p.Identifier, p.Telecom
		if len(p.Name) > 0 {
			name = xpn(&p.Name[0])
		}
		for i := range p.Address {
			addresses = append(addresses, xad(&p.Address[i]))
		}
		if n, ok := w.in.resolve(ref, from); ok && w.in.is(n, "PractitionerRole") {
			var role practitionerRole
			w.decode(n, &role, "PractitionerRole")
			contacts = append(contacts, role.Telecom...)
			if works := w.placeName(role.Organization, n); works != "" {
				location = hl7.PL{Description: works}
			}
		}
	} else if p, _, ok := w.place(ref, from); ok {
		ids, contacts = p.Identifier, p.Telecom
		if p.Name != "" { // a provider that is no person has its name as the place
			location = hl7.PL{Description: p.Name}
		}
	} else {
		return false
	}
	home, work := telecom(contacts)
	w.b.Segment("PRD").Set(1, role).Set(2, name).Set(3, addresses...).Set(4, location).Set(5, append(work, home...)...).Set(7, w.plns(ids)...)
	return true
}

// plns is PRD-7 (PLN, HL7 v2.5.1, 2.A.51): number, type, who gives it. The type is
// required; a number that has none is U, unspecified (HL7 table 0203).
func (w *writer) plns(ids []r4.Identifier) []hl7.Data {
	var out []hl7.Data
	for i := range ids {
		id := &ids[i]
		if id.Value == "" {
			continue
		}
		kind := identifierType(id)
		if kind == "" {
			kind = "U"
		}
		hd := w.authority(id.System)
		out = append(out, hl7.Components{hl7.ST(id.Value), hl7.ST(kind), hl7.ST(hd.NamespaceID + hd.UniversalID)})
	}
	return out
}

// diagnoses writes a DG1 (HL7 v2.5.1, 6.5.2) for each Condition that is a reason.
// DG1-6 (table 0052) is final for a confirmed one and working for one that is being
// looked into; a Condition that says neither is left to RF1-10.
func (w *writer) diagnoses(s *serviceRequest, from int) {
	set := 0
	for i := range s.ReasonReference {
		path := at("ServiceRequest.reasonReference", i)
		n, ok := w.in.resolve(&s.ReasonReference[i], from)
		if !ok {
			w.fail(path, ErrReference, "")
			return
		}
		if !w.in.is(n, "Condition") {
			continue
		}
		var c condition
		w.decode(n, &c, path)
		kind := map[string]string{"confirmed": "F", "provisional": "W", "differential": "W", "unconfirmed": "W"}[codeOf(c.VerificationStatus, "http://terminology.hl7.org/CodeSystem/condition-ver-status")]
		code := w.ce(c.Code)
		if kind == "" || code == (hl7.CWE{}) {
			continue
		}
		set++
		since := c.RecordedDate
		if since == "" {
			since = c.OnsetDateTime
		}
		w.b.Segment("DG1").Set(1, number(set)).Set(3, code).Set(5, w.time(since, path+".recordedDate")).Text(6, kind)
	}
}

// allergenTypes is HL7 table 0127 by AllergyIntolerance.category, severities is
// table 0128 by reaction severity.
var (
	allergenTypes = map[string]hl7.CWE{
		"food": {Code: "FA", Text: "Food allergy", System: "HL70127"}, "medication": {Code: "DA", Text: "Drug allergy", System: "HL70127"},
		"environment": {Code: "EA", Text: "Environmental allergy", System: "HL70127"},
	}
	severities = map[string]hl7.CWE{
		"mild": {Code: "MI", Text: "Mild", System: "HL70128"}, "moderate": {Code: "MO", Text: "Moderate", System: "HL70128"}, "severe": {Code: "SV", Text: "Severe", System: "HL70128"},
	}
)

// allergies writes an AL1 (HL7 v2.5.1, 3.4.6) for each AllergyIntolerance among the
// supporting information.
func (w *writer) allergies(s *serviceRequest, from int) {
	set := 0
	for i := range s.SupportingInfo {
		n, ok := w.in.resolve(&s.SupportingInfo[i], from)
		if !ok || !w.in.is(n, "AllergyIntolerance") {
			continue
		}
		path := at("ServiceRequest.supportingInfo", i)
		var a allergy
		w.decode(n, &a, path)
		code := w.required(a.Code, path+".code", "AL1-3")
		set++
		w.b.Segment("AL1").Set(1, number(set))
		if len(a.Category) > 0 {
			w.b.Set(2, allergenTypes[a.Category[0]])
		}
		w.b.Set(3, code)
		if len(a.Reaction) > 0 {
			w.b.Set(4, severities[a.Reaction[0].Severity])
		}
		var reactions []hl7.Data
		for r := range a.Reaction {
			for m := range a.Reaction[r].Manifestation {
				reactions = append(reactions, hl7.ST(strings.ReplaceAll(label(&a.Reaction[r].Manifestation[m]), "\n", " ")))
			}
		}
		w.b.Set(5, reactions...)
	}
}

// supporting writes the reports and results among the supporting information, each
// in an OBSERVATION group of its own.
func (w *writer) supporting(s *serviceRequest, from int) {
	set := 0
	for i := range s.SupportingInfo {
		path := at("ServiceRequest.supportingInfo", i)
		n, ok := w.in.resolve(&s.SupportingInfo[i], from)
		if !ok {
			w.fail(path, ErrReference, "")
			return
		}
		r := results{writer: w, done: map[int]bool{}, subject: s.Subject, at: from}
		switch {
		case w.in.is(n, "DiagnosticReport"):
			var p report
			w.decode(n, &p, path)
			if w.mixedUp(s.Subject, from, p.Subject, n) {
				w.fail(path, ErrPatient, "it is a report of somebody else")
			}
			set++
			w.obr(set, &p, n, path)
			r.forms = p.PresentedForm
			r.wrong = p.Status == "entered-in-error"
			r.observations(p.Result, n, path+".result")
			r.documents(p.Code, wholeStatus(reportStatuses[p.Status], r.wrong), path)
		case w.in.is(n, "Observation"):
			var o observation
			w.decode(n, &o, path)
			set++
			w.b.Segment("OBR").Set(1, number(set)).Set(2, w.pickEI(o.Identifier, "PLAC")).Set(3, w.pickEI(o.Identifier, "FILL", "")).Set(4, w.required(o.Code, path+".code", "OBR-4"))
			w.b.Set(7, w.time(o.EffectiveDateTime, path+".effectiveDateTime"))
			r.observations(s.SupportingInfo[i:i+1], from, path)
		}
	}
}
