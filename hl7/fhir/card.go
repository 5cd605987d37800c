package fhir

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cardferry/hl7/fhir/definition"
	"cardferry/hl7/fhir/r4"
	"cardferry/hl7/fhir/resource"
)

// CardRead is how a card or code was read; see package drivers for the values.
type CardRead struct {
	Time      time.Time
	Reader    string // stable name of the reader
	Medium    string // "tw-nhi"
	Profile   string // "tw-nhi@1", empty when nothing recognised the card
	Assurance string // "chip-read"
	Simulated bool
}

// PatientBundle wraps what a card said in a transaction Bundle: the Patient, the
// Coverages with the patient as beneficiary, and a Provenance that names reader,
// profile and assurance. Ids are derived as in Translate. A simulated read is
// tagged and labelled as test data in every resource. The inputs are not changed.
// The error is for a read without a patient and for an empty key; what is not
// valid R4 is left out.
func (t *Translator) PatientBundle(p *r4.Patient, coverage []r4.Coverage, c CardRead, key string) ([]byte, error) {
	if p == nil {
		return nil, errors.New("patient bundle: the read has no patient")
	}
	if cleanText(key) == "" {
		return nil, errNoKey
	}
	mem := t.borrow()
	defer t.giveBack(mem)
	r := run{t: t, key: key, scratch: mem, zone: t.config.Zone, root: &group{}}
	patient, err := r.adopt("Patient", p)
	if err != nil {
		return nil, err
	}
	for i := range coverage {
		b, err := r.adopt("Coverage", coverage[i])
		if err != nil {
			return nil, err
		}
		if old := b.node.Child("beneficiary"); old != nil {
			b.node.Remove(old)
		}
		ref := b.node.Add(&r.arena, b.node.Type().MustElement("beneficiary"))
		r.refer(ref, b, patient)
	}
	r.settle()
	if !patient.live() {
		return nil, errors.New("patient bundle: the patient is empty or not valid R4; check the card profile's output")
	}
	recorded := ""
	if !c.Time.IsZero() {
		recorded = c.Time.Format("2006-01-02T15:04:05.000Z07:00")
	}
	r.reader(r.provenance(recorded), &c)
	if c.Simulated {
		for _, b := range r.built {
			r.tag(b.node, "tag", tagSystem, "simulated")
			r.tag(b.node, "security", "http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST")
		}
	}
	return r.bundle(), nil
}

// adopt takes a resource built in Go into the run.
func (r *run) adopt(label string, v any) (*built, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("patient bundle: write %s: %w", label, err)
	}
	n, _, err := resource.Read(b, definition.R4()) // what does not fit is left out
	if err != nil {
		return nil, fmt.Errorf("patient bundle: %s: %w", label, err)
	}
	if n.Type().Name != label {
		return nil, fmt.Errorf("patient bundle: resourceType is not %s", label)
	}
	made := r.makings.next()
	*made = built{label: label, node: n, grp: r.root, seg: &noSegment}
	r.built = append(r.built, made)
	r.root.add(made)
	return made, nil
}

// reader adds the reader to the Provenance of a card read.
func (r *run) reader(n *resource.Node, c *CardRead) {
	device := r.arena.New(typeOf("Device"))
	n.Attach(n.Type().MustElement("contained"), device)
	device.Set(&r.arena, "id", "reader")
	set(r, device, "distinctIdentifier", cleanText(c.Reader))
	if c.Profile != "" {
		r.deviceVersion(device, "profile", cleanText(c.Profile))
	}
	agent := n.Add(&r.arena, n.Type().MustElement("agent"))
	agent.Set(&r.arena, "type.coding.system", participantType)
	agent.Set(&r.arena, "type.coding.code", "performer")
	agent.Set(&r.arena, "who.reference", "#reader")
	activity := "card read"
	if c.Medium != "" {
		activity += ": " + cleanText(c.Medium)
	}
	n.Set(&r.arena, "activity.text", activity)
	if c.Assurance != "" {
		r.tag(n, "tag", assuranceSystem, c.Assurance)
	}
}

func (r *run) tag(n *resource.Node, list, system, code string) {
	meta := n.Slot(&r.arena, n.Type().MustElement("meta"), 0)
	tag := meta.Add(&r.arena, meta.Type().MustElement(list))
	tag.Set(&r.arena, "system", system)
	tag.Set(&r.arena, "code", code)
}
