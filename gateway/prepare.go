package gateway

import (
	"encoding/json"
	"fmt"

	"cardferry/drivers"
	"cardferry/hl7"
	"cardferry/hl7/fhir"
	"cardferry/sync/queue"
	"cardferry/sync/upstream"
)

// prepare makes of a queued item what the upstream takes: a FHIR transaction
// Bundle. It is a pure function of the item and the tables, so every attempt
// sends the same bytes. An error parks the item. The Bundle is valid R4 already:
// the translator takes out what is not, ingest refuses what is not.
func (g *Gateway) prepare(it queue.Item) (upstream.Request, error) {
	body, err := g.bundle(it)
	if err != nil {
		return upstream.Request{}, err
	}
	req := upstream.Request{
		Key: it.ID, Class: it.Class.String(), Kind: it.Kind,
		Body: body, ContentType: "application/fhir+json",
	}
	for _, l := range it.Lanes {
		req.Lanes = append(req.Lanes, string(l))
	}
	return req, nil
}

func (g *Gateway) bundle(it queue.Item) ([]byte, error) {
	switch it.Kind {
	case queue.KindFHIRBundle:
		return it.Payload, nil
	case queue.KindCardRead:
		var r drivers.Read
		if err := json.Unmarshal(it.Payload, &r); err != nil {
			return nil, &upstream.Refused{Code: "unreadable", Detail: "the stored read is not JSON"}
		}
		return g.translator.PatientBundle(r.Patient, r.Coverage, fhir.CardRead{
			Time: r.Time, Reader: r.Reader, Medium: r.Medium, Profile: r.Profile,
			Assurance: string(r.Assurance), Simulated: r.Simulated,
		}, it.ID)
	case queue.KindHL7v2:
		m, err := g.message(it)
		if err != nil {
			return nil, &upstream.Refused{Code: "unreadable", Detail: err.Error()}
		}
		res, err := g.translator.Translate(m, it.ID)
		if err != nil {
			return nil, &upstream.Refused{Code: "untranslatable", Detail: err.Error()}
		}
		return res.Bundle, nil
	}
	return nil, &upstream.Refused{Code: "unknown_kind", Detail: fmt.Sprintf("items of kind %q need a newer version", it.Kind)}
}

// message reads a queued message as its sender's are to be read, segments that were
// continued (ADD) put together.
func (g *Gateway) message(it queue.Item) (*hl7.Message, error) {
	reading := g.intake.Reading(it.Source)
	m, err := hl7.Parse(it.Payload, reading)
	if err != nil || !m.Continuation().Addenda {
		return m, err
	}
	whole, err := hl7.Join([][]byte{it.Payload}, reading)
	if err != nil {
		return m, nil //nolint:nilerr // a part whose others never came: translated as far as it goes
	}
	return hl7.Parse(whole, reading)
}

// policy says what a refused item does to its patient's lane: administrative
// events must keep their order and wait for a person; results and reads go on
// with a gap notice.
func policy(it queue.Item) queue.Policy {
	if it.Kind != queue.KindHL7v2 {
		return queue.Continue
	}
	m, err := hl7.Parse(it.Payload, hl7.Options{})
	if err != nil {
		return queue.Hold
	}
	if code, _, _ := m.Type(); code == "ORU" {
		return queue.Continue
	}
	return queue.Hold
}
