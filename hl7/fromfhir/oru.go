package fromfhir

import (
	"strings"

	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
)

// ORU is an ORU^R01 of the DiagnosticReports in doc with the Observations they
// name, one ORDER_OBSERVATION each (HL7 v2.5.1, 7.3.1). All are about one patient.
func ORU(doc []byte, o Options) ([]byte, error) {
	w, err := begin(doc, o)
	if err != nil {
		return nil, err
	}
	found := w.in.all("DiagnosticReport")
	if len(found) == 0 {
		return nil, &Error{Err: ErrInput, Detail: "it holds no DiagnosticReport"}
	}
	reports := make([]report, len(found))
	heads := make([]*head, len(found))
	for i, n := range found {
		w.decode(n, &reports[i], at("DiagnosticReport", i))
		heads[i] = &reports[i].head
		if !w.samePatient(reports[0].Subject, found[0], reports[i].Subject, n) {
			w.fail(at("DiagnosticReport", i)+".subject", ErrPatient, "send the reports of each patient in a message of their own")
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	first := &reports[0]
	w.header("ORU", "R01", "ORU_R01", heads, "DiagnosticReport[0]", first.Issued)
	w.patient(first.Subject, found[0], "DiagnosticReport[0].subject")
	w.visit(first.Encounter, found[0])
	for i := range reports {
		if w.err == nil {
			w.report(i+1, &reports[i], found[i], at("DiagnosticReport", i))
		}
	}
	return w.bytes()
}

func (w *writer) samePatient(a *r4.Reference, fromA int, b *r4.Reference, fromB int) bool {
	n, okN := w.in.resolve(a, fromA)
	m, okM := w.in.resolve(b, fromB)
	switch {
	case okN || okM:
		return okN && okM && n == m
	case a == nil || b == nil:
		return a == b
	case a.Identifier != nil && b.Identifier != nil:
		return a.Identifier.System == b.Identifier.System && a.Identifier.Value == b.Identifier.Value
	}
	return a.Reference == b.Reference && a.Identifier == b.Identifier
}

// mixedUp says whether two references are certainly to different patients, so that
// one's results are never told as the other's.
func (w *writer) mixedUp(a *r4.Reference, fromA int, b *r4.Reference, fromB int) bool {
	if a == nil || b == nil {
		return false
	}
	n, okN := w.in.resolve(a, fromA)
	m, okM := w.in.resolve(b, fromB)
	if okN && okM {
		return n != m
	}
	if x, y := a.Identifier, b.Identifier; x != nil && y != nil && x.System == y.System {
		return x.Value != y.Value
	}
	return !okN && !okM && a.Reference != "" && b.Reference != "" && !strings.HasSuffix(a.Reference, b.Reference) && !strings.HasSuffix(b.Reference, a.Reference)
}

// report writes ORC, OBR and what belongs to it.
func (w *writer) report(set int, p *report, n int, path string) {
	order := w.order(p, n)
	placer, filler := w.orderNumbers(p, &order)
	w.b.Segment("ORC").Text(1, "RE").Set(2, placer).Set(3, filler).Set(12, w.xcn(order.Requester, order.at))
	w.obr(set, p, n, path)

	r := results{writer: w, done: map[int]bool{}, wrong: p.Status == "entered-in-error", forms: p.PresentedForm, subject: p.Subject, at: n}
	for i := range p.Specimen {
		if s, ok := w.in.resolve(&p.Specimen[i], n); ok {
			r.specimen(s)
		}
	}
	r.observations(p.Result, n, path+".result")
	r.documents(p.Code, wholeStatus(reportStatuses[p.Status], r.wrong), path)
	r.spm()
}

// wholeStatus is the OBX-11 of a document that is the report itself.
func wholeStatus(status string, wrong bool) string {
	switch {
	case wrong:
		return "W"
	case status == "A": // table 0085 has no partial of a single value
		return "P"
	}
	return status
}

// ordered is the order that a report is based on, and where it is.
type ordered struct {
	serviceRequest
	at int
}

func (w *writer) order(p *report, n int) ordered {
	o := ordered{at: n}
	if len(p.BasedOn) == 0 {
		return o
	}
	if m, ok := w.in.resolve(&p.BasedOn[0], n); ok && w.in.is(m, "ServiceRequest") {
		w.decode(m, &o.serviceRequest, "ServiceRequest")
		o.at = m
	} else if id := p.BasedOn[0].Identifier; id != nil {
		o.Identifier = []r4.Identifier{*id}
	}
	return o
}

// orderNumbers are the placer's and the filler's number (HL7 v2.5.1, 4.5.3.2).
func (w *writer) orderNumbers(p *report, order *ordered) (placer, filler hl7.EI) {
	placer, filler = w.pickEI(order.Identifier, "PLAC", ""), w.pickEI(p.Identifier, "FILL", "")
	if placer.ID == "" {
		placer = w.pickEI(p.Identifier, "PLAC")
	}
	if filler.ID == "" {
		filler = w.pickEI(order.Identifier, "FILL")
	}
	if filler.ID == "" {
		filler.ID = p.ID // what the platform itself calls it
	}
	return placer, filler
}

// obr writes OBR (HL7 v2.5.1, 7.4.1) and its notes.
func (w *writer) obr(set int, p *report, n int, path string) {
	status := reportStatuses[p.Status]
	switch {
	case p.Status == "":
		w.fail(path+".status", ErrMissing, "OBR-25 is required in results")
	case status == "":
		w.fail(path+".status", ErrUnsupported, "table 0123 has no such status")
	}
	code := w.required(p.Code, path+".code", "OBR-4")
	order := w.order(p, n)
	placer, filler := w.orderNumbers(p, &order)
	w.b.Segment("OBR").Set(1, number(set)).Set(2, placer).Set(3, filler).Set(4, code)
	period := p.EffectivePeriod
	if p.EffectiveDateTime != "" {
		period = &r4.Period{Start: p.EffectiveDateTime}
	}
	if period != nil {
		w.b.Set(7, w.time(period.Start, path+".effective")).Set(8, w.time(period.End, path+".effectivePeriod.end"))
	}
	w.b.Set(16, w.xcn(order.Requester, order.at)).Set(22, w.time(p.Issued, path+".issued"))
	for i := range p.Category {
		if section := codeOf(&p.Category[i], v2Tables+"0074"); section != "" {
			w.b.Text(24, section)
			break
		}
	}
	w.b.Text(25, status).Set(31, ces(w, order.ReasonCode)...)
	var interpreters []hl7.Data
	for i := range p.ResultsInterpreter {
		if x, ok := w.xcn(&p.ResultsInterpreter[i], n).(hl7.XCN); ok {
			interpreters = append(interpreters, ndl(x))
		}
	}
	if len(interpreters) > 0 { // one principal, the rest assist
		w.b.Set(32, interpreters[0]).Set(33, interpreters[1:]...)
	}
	notes := []string{p.Conclusion}
	for i := range p.ConclusionCode {
		notes = append(notes, label(&p.ConclusionCode[i]))
	}
	for i := range order.Note {
		notes = append(notes, order.Note[i].Text)
	}
	w.notes(notes...)
}

// ndl is a name with a place and times (HL7 v2.5.1, 2.A.46), its first component a
// CNN.
func ndl(x hl7.XCN) hl7.Data {
	a := x.Authority
	return hl7.Components{hl7.Components{hl7.ST(x.ID), hl7.ST(x.Name.Family), hl7.ST(x.Name.Given), hl7.ST(x.Name.Middle), hl7.ST(x.Name.Suffix), hl7.ST(x.Name.Prefix),
		nil, nil, hl7.ST(a.NamespaceID), hl7.ST(a.UniversalID), hl7.ST(a.UniversalIDType)}}
}
