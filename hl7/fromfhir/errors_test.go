package fromfhir

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// makers are the three ways out, each with a document it takes.
var makers = []struct {
	name string
	make func([]byte, Options) ([]byte, error)
}{{"report", ORU}, {"referral", REF}, {"appointment", SIU}}

func TestWhatIsNotSaidIsNotInvented(t *testing.T) {
	for _, c := range []struct {
		name, doc, old, new string
		err                 error
		path                string
	}{
		{"report without status", "report", `"status":"amended","code":{"coding":[{"system":"http://loinc.org","code":"11502`, `"code":{"coding":[{"system":"http://loinc.org","code":"11502`, ErrMissing, "DiagnosticReport[0].status"},
		{"report of unknown status", "report", `"status":"amended","code":{"coding"`, `"status":"unknown","code":{"coding"`, ErrUnsupported, "DiagnosticReport[0].status"},
		{"result without status", "report", `"id":"n","status":"final"`, `"id":"n"`, ErrMissing, "Observation[1].status"},
		{"result of unknown status", "report", `"id":"n","status":"final"`, `"id":"n","status":"unknown"`, ErrUnsupported, "Observation[1].status"},
		{"result without code", "report", `"code":{"text":"Film"}`, `"issued":"2026-01-01T00:00:00Z"`, ErrMissing, "Observation[2].code"},
		{"result that is not there", "report", `{"reference":"#m"}`, `{"reference":"#z"}`, ErrReference, "DiagnosticReport[0].result[2]"},
		{"patient without a name", "report", `"name":[{"family":"Lindqvist","given":["Astrid","Maria"]}],`, ``, ErrMissing, "Patient.name"},
		{"patient that is not there", "report", `"subject":{"reference":"#p"}`, `"subject":{"reference":"Patient/9"}`, ErrReference, "DiagnosticReport[0].subject"},
		{"patient without identifier", "report", `"value":"X1"`, `"use":"usual"`, ErrPatient, "Patient.identifier"},
		{"gender that is none", "report", `"gender":"female"`, `"gender":"f"`, ErrUnsupported, "Patient.gender"},
		{"time that is none", "report", `"issued":"2026-03-16T10:59:00+08:00"`, `"issued":"2026-02-30"`, ErrInput, "DiagnosticReport[0].issued"},
		{"time with a clock only", "report", `"issued":"2026-03-16T10:59:00+08:00"`, `"issued":"T10:59:00"`, ErrInput, "DiagnosticReport[0].issued"},
		{"data that is no base64", "report", `JVBERi0xLjQK`, `%%%`, ErrInput, "DiagnosticReport[0].presentedForm[0].data"},
		{"number beyond writing", "report", `1.50e1`, `1e999`, ErrUnsupported, "Observation[1].valueQuantity.value"},
		{"comparator that is none", "report", `"comparator":">="`, `"comparator":"~"`, ErrUnsupported, "Observation[1].valueQuantity.comparator"},
		{"wrong JSON type", "report", `"result":[`, `"result":"x","x":[`, ErrInput, "DiagnosticReport[0]"},
		{"nobody to refer to or from", "referral", `"requester":{"reference":"#d"},"performer":[{"reference":"Organization/o1"}],`, `"performer":[{"reference":"Device/9"}],`, ErrMissing, "ServiceRequest.requester"},
		{"referral that is a draft", "referral", `"status":"requested"`, `"status":"draft"`, ErrUnsupported, "Task.status"},
		{"task about nothing here", "referral", `"focus":{"reference":"ServiceRequest/s1"}`, `"focus":{"reference":"ServiceRequest/s2"}`, ErrReference, "Task.focus"},
		{"reason that is not there", "referral", `"Condition/c1"`, `"Condition/c2"`, ErrReference, "ServiceRequest.reasonReference[0]"},
		{"appointment without status", "appointment", `"status":"booked",`, ``, ErrMissing, "Appointment.status"},
		{"start that is no time", "appointment", `"start":"2026-03-20T09:00:00+08:00"`, `"start":"soon"`, ErrInput, "Appointment.start"},
		{"two appointments", "appointment", `"entry":[`, `"entry":[{"resource":{"resourceType":"Appointment"}},`, ErrInput, ""},
		{"no time of the message", "appointment", `"lastUpdated":"2026-03-16T10:00:00Z"`, `"source":"x"`, ErrMissing, "Appointment.meta.lastUpdated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := file(t, "testdata/"+c.doc+".json")
			if !bytes.Contains(doc, []byte(c.old)) {
				t.Fatal("the document has no such text")
			}
			doc = bytes.Replace(doc, []byte(c.old), []byte(c.new), 1)
			for _, m := range makers {
				if m.name != c.doc {
					continue
				}
				_, err := m.make(doc, options)
				var e *Error
				if !errors.Is(err, c.err) || !errors.As(err, &e) || e.Path != c.path {
					t.Errorf("got %v, want %v at %s", err, c.err, c.path)
				}
			}
		})
	}
}

func TestInputThatIsNoResource(t *testing.T) {
	for _, doc := range []string{"", "[]", "null", "{", `{"resourceType":"Bundle"}`, `{"resourceType":"Bundle","entry":[{"resource":{}}]}`, `{"resourceType":"Patient"}`} {
		for _, m := range makers {
			if _, err := m.make([]byte(doc), options); !errors.Is(err, ErrInput) {
				t.Errorf("%s of %s: %v", m.name, doc, err)
			}
		}
	}
}

func TestPatientThatTheReceiverDoesNotKnow(t *testing.T) {
	o := options
	o.PatientIdentifierSystem = "urn:oid:9.9"
	for _, m := range makers {
		if _, err := m.make(file(t, "testdata/"+m.name+".json"), o); !errors.Is(err, ErrPatient) {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestReportsOfTwoPatientsAreNotOneMessage(t *testing.T) {
	one := string(observed(`"valueInteger":7`))
	other := strings.Replace(strings.Replace(one, `"value":"1"`, `"value":"2"`, 1), `"id":"r"`, `"id":"s"`, 1)
	doc := `{"resourceType":"Bundle","entry":[{"resource":` + one + `},{"resource":` + other + `}]}`
	if _, err := ORU([]byte(doc), options); !errors.Is(err, ErrPatient) {
		t.Error(err)
	}
}

func TestResultsOfSomebodyElseAreRefused(t *testing.T) {
	somebody := `,{"resource":{"resourceType":"Patient","id":"p2","identifier":[{"system":"urn:oid:1.2.156.1.2","value":"X2"}],"name":[{"text":"B"}]}}`
	for _, c := range []struct{ name, old, new, path string }{
		{"result", `"id":"b1","status":"final"`, `"id":"b1","status":"final","subject":{"reference":"Patient/p2"}`, "Observation[0].subject"},
		{"task", `"for":{"reference":"Patient/p1"}`, `"for":{"reference":"Patient/p2"}`, "Task.for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := strings.Replace(string(file(t, "testdata/referral.json")), c.old, c.new, 1)
			i := strings.LastIndex(doc, "]}")
			_, err := REF([]byte(doc[:i]+somebody+doc[i:]), options)
			var e *Error
			if !errors.Is(err, ErrPatient) || !errors.As(err, &e) || e.Path != c.path {
				t.Error(err)
			}
		})
	}
}

// TestErrorsHoldNoValues breaks documents at every string and looks for content.
func TestErrorsHoldNoValues(t *testing.T) {
	for _, m := range makers {
		doc := file(t, "testdata/"+m.name+".json")
		for i := 0; i < len(doc); i++ {
			if doc[i] != ':' || i+1 >= len(doc) || doc[i+1] != '"' {
				continue
			}
			broken := append(append(append([]byte{}, doc[:i+2]...), "CANARY"...), doc[i+2:]...)
			if _, err := m.make(broken, options); err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%s, byte %d: %v", m.name, i, err)
			}
		}
	}
}
