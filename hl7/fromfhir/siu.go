package fromfhir

import (
	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
)

// booking is what an Appointment's status means: the trigger event (HL7 v2.5.1,
// 10.4) and SCH-25 (HL7 table 0278).
type booking struct {
	trigger string
	status  string
}

// bookings is by Appointment.status. A new appointment and a changed one have the
// same statuses; which it is follows from its version, see trigger.
var bookings = map[string]booking{
	"proposed": {"S12", "Pending"}, "pending": {"S12", "Pending"}, "waitlist": {"S12", "Waitlist"}, "booked": {"S12", "Booked"},
	"arrived": {"S14", "Started"}, "checked-in": {"S14", "Started"}, "fulfilled": {"S14", "Complete"},
	"cancelled": {"S15", "Cancelled"}, "entered-in-error": {"S17", "Deleted"}, "noshow": {"S26", "Noshow"},
}

// events are the trigger events of SIU with their names in HL7 table 0003.
var events = map[string]string{
	"S12": "Notification of new appointment booking", "S13": "Notification of appointment rescheduling", "S14": "Notification of appointment modification",
	"S15": "Notification of appointment cancellation", "S16": "Notification of appointment discontinuation", "S17": "Notification of appointment deletion",
	"S26": "Notification that patient did not show up for schedule appointment",
}

// SIU is the SIU message of the Appointment in doc (HL7 v2.5.1, 10.4): S12 for a
// new one (version 1, or none given), S14 for a later version, S15 for one that is
// cancelled, S17 for one that was an error, S26 for a patient who did not come.
// Options.Event makes an S13 of one that the caller knows was moved.
func SIU(doc []byte, o Options) ([]byte, error) {
	w, err := begin(doc, o)
	if err != nil {
		return nil, err
	}
	found := w.in.all("Appointment")
	if len(found) != 1 {
		return nil, &Error{Err: ErrInput, Detail: "one Appointment is wanted"}
	}
	n := found[0]
	var a appointment
	w.decode(n, &a, "Appointment")
	trigger, status := w.trigger(&a)
	if o.Scheduler == (hl7.XCN{}) {
		w.fail("", ErrMissing, "SCH-16 and SCH-20 are required; set Options.Scheduler")
	}
	if w.err != nil {
		return nil, w.err
	}
	w.header("SIU", trigger, "SIU_S12", []*head{&a.head}, "Appointment", a.Created)
	w.sch(&a, n, trigger, status)
	w.notes(a.Comment)
	w.booked(&a, n)
	w.resources(&a, n, trigger, status)
	return w.bytes()
}

// booked writes the PID of the patient among the participants; one, a group
// appointment has an Appointment for each. Only where the receiver is not said to
// know its patients may there be none.
func (w *writer) booked(a *appointment, n int) {
	for i := range a.Participant {
		if actor := a.Participant[i].Actor; w.actorType(actor, n) == "Patient" {
			w.patient(actor, n, at("Appointment.participant", i)+".actor")
			return
		}
	}
	if w.o.PatientIdentifierSystem != "" {
		w.fail("Appointment.participant", ErrPatient, "no patient takes part")
	}
}

// actorType is the type of what takes part, here or by what the reference tells.
func (w *writer) actorType(ref *r4.Reference, from int) string {
	if m, ok := w.in.resolve(ref, from); ok {
		return w.in.resources[m].ResourceType
	}
	return referenceType(ref)
}

func (w *writer) trigger(a *appointment) (trigger string, status hl7.CWE) {
	b, ok := bookings[a.Status]
	switch {
	case a.Status == "":
		w.fail("Appointment.status", ErrMissing, "")
	case !ok:
		w.fail("Appointment.status", ErrUnsupported, "")
	}
	trigger = b.trigger
	if trigger == "S12" && a.Meta != nil && a.Meta.VersionID != "" && a.Meta.VersionID != "1" {
		trigger = "S14"
	}
	if w.o.Event != "" {
		trigger = w.o.Event
		if events[trigger] == "" {
			w.fail("", ErrUnsupported, "Options.Event is no event of an appointment (S12 to S17, S26)")
		}
	}
	return trigger, hl7.CWE{Code: b.status, System: "HL70278"}
}

// sch writes SCH (HL7 v2.5.1, 10.6.1) and TQ1. The times stand in SCH-11 as well,
// where receivers before v2.5 look for them.
func (w *writer) sch(a *appointment, n int, trigger string, status hl7.CWE) {
	placer, filler := w.pickEI(a.Identifier, "PLAC"), w.pickEI(a.Identifier, "FILL", "")
	if filler.ID == "" {
		filler.ID = a.ID // what the platform itself calls it
	}
	if placer.ID == "" && filler.ID == "" {
		w.fail("Appointment.identifier", ErrMissing, "SCH-1 or SCH-2 is required")
	}
	// SCH-6 is why the message is sent: the event, or why it was cancelled.
	reason := hl7.CWE{Code: trigger, Text: events[trigger], System: "HL70003"}
	if c := w.ce(a.CancelationReason); c != (hl7.CWE{}) {
		reason = c
	}
	w.b.Segment("SCH").Set(1, placer).Set(2, filler).Set(6, reason)
	switch {
	case len(a.ReasonCode) > 0:
		w.b.Set(7, w.ce(&a.ReasonCode[0]))
	case a.Description != "":
		w.b.Set(7, hl7.CWE{Text: a.Description})
	}
	start, end := w.time(a.Start, "Appointment.start"), w.time(a.End, "Appointment.end")
	w.b.Set(8, w.ce(a.AppointmentType))
	if a.MinutesDuration != "" {
		w.b.Text(9, w.decimal(a.MinutesDuration, "Appointment.minutesDuration")).Set(10, hl7.CWE{Code: "min", System: "UCUM"})
	}
	w.b.Set(11, hl7.Components{nil, nil, nil, start, end}).Set(16, w.o.Scheduler).Set(20, w.o.Scheduler).Set(25, status)
	if len(a.BasedOn) > 0 {
		if m, ok := w.in.resolve(&a.BasedOn[0], n); ok && w.in.is(m, "ServiceRequest") {
			var order serviceRequest
			w.decode(m, &order, "ServiceRequest")
			w.b.Set(26, w.pickEI(order.Identifier, "PLAC", "")).Set(27, w.pickEI(order.Identifier, "FILL"))
		}
	}
	if start != nil || end != nil {
		w.b.Segment("TQ1").Set(1, number(1)).Set(7, start).Set(8, end)
	}
}

// resources writes RGS and below it what the appointment takes up (HL7 v2.5.1,
// 10.6.3 to 10.6.7): services, devices, places, people. Their segment action code
// (HL7 table 0206) is required when an earlier message is changed.
func (w *writer) resources(a *appointment, n int, trigger string, status hl7.CWE) {
	action := map[string]string{"S12": "A", "S15": "D", "S16": "D", "S17": "D"}[trigger]
	if action == "" {
		action = "U"
	}
	start := w.time(a.Start, "Appointment.start")
	w.b.Segment("RGS").Set(1, number(1)).Text(2, action)

	for i := range a.ServiceType {
		if code := w.ce(&a.ServiceType[i]); code != (hl7.CWE{}) {
			w.b.Segment("AIS").Set(1, number(i+1)).Text(2, action).Set(3, code).Set(4, start).Set(10, status)
		}
	}
	var devices, places, people []int
	for i := range a.Participant {
		actor := a.Participant[i].Actor
		p, _, _ := w.place(actor, n)
		named := p.Name != "" || w.pickEI(p.Identifier, "").ID != "" // who takes part and is not named is not told
		switch typ := w.actorType(actor, n); {
		case (typ == "Practitioner" || typ == "PractitionerRole") && w.xcn(actor, n) != nil:
			people = append(people, i)
		case typ == "Location" && named:
			places = append(places, i)
		case (typ == "Device" || typ == "HealthcareService") && named:
			devices = append(devices, i)
		}
	}
	for k, i := range devices {
		p, typ, _ := w.place(a.Participant[i].Actor, n)
		// AIG-4 is required: the kind of resource is its type in FHIR.
		w.b.Segment("AIG").Set(1, number(k+1)).Text(2, action).Set(3, hl7.CWE{Code: w.pickEI(p.Identifier, "").ID, Text: p.Name}).Set(4, hl7.CWE{Text: typ}).
			Set(8, start).Set(14, status)
	}
	for k, i := range places {
		p, _, _ := w.place(a.Participant[i].Actor, n)
		w.b.Segment("AIL").Set(1, number(k+1)).Text(2, action).Set(3, hl7.PL{PointOfCare: w.pickEI(p.Identifier, "").ID, Description: p.Name}).Set(6, start).Set(12, status)
	}
	for k, i := range people {
		p := &a.Participant[i]
		var role hl7.Data
		if len(p.Type) > 0 {
			role = w.ce(&p.Type[0])
		}
		w.b.Segment("AIP").Set(1, number(k+1)).Text(2, action).Set(3, w.xcn(p.Actor, n)).Set(4, role).Set(6, start).Set(12, status)
	}
}
