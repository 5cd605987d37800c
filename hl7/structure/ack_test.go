package structure

import (
	"testing"
	"time"

	"cardferry/hl7"
)

// TestAcknowledgements holds what this project answers against what it asks of
// others, in every version.
func TestAcknowledgements(t *testing.T) {
	for _, version := range versions {
		request := []byte(message("ADT^A01^ADT_A01", version, evn, pid, pv1))
		for _, a := range []hl7.AckInfo{
			{Code: hl7.AA},
			{Code: hl7.CE, Text: "not stored", ErrorCode: hl7.ApplicationError},
			{Code: hl7.AR, Text: "required", ErrorCode: hl7.RequiredFieldMissing, Location: hl7.Path{Segment: "PID", Field: 5, Repetition: 1, Component: 1}},
		} {
			a.Now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 8*3600))
			m, err := hl7.Parse(hl7.ACK(request, a), hl7.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range Validate(m, Options{}) {
				if f.Severity > Info {
					t.Errorf("%s in %s: %+v", a.Code, version, f)
				}
			}
		}
	}
}
