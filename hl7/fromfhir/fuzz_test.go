package fromfhir

import (
	"bytes"
	"errors"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/structure"
)

// FuzzMessages: any input gives an *Error or a message that has what the standard
// requires of it.
func FuzzMessages(f *testing.F) {
	for _, m := range makers {
		f.Add(file(f, "testdata/"+m.name+".json"))
	}
	f.Add(file(f, "../../configs/v2fhir/tests/oru-two-panels.json"))
	for _, v := range []string{`"valueRange":{"low":{"value":1}}`, `"valueRatio":{"numerator":{"value":-0e-1},"denominator":{"value":2}}`, `"valueString":"\"\""`, `"component":[{"code":{"text":"\r\n"},"valueTime":"24:00"}]`} {
		f.Add(observed(v))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, m := range makers {
			out, err := m.make(doc, options)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || out != nil {
					t.Fatalf("%s: %v", m.name, err)
				}
				continue
			}
			msg, err := hl7.Parse(out, hl7.Options{})
			if err != nil {
				t.Fatalf("%s: %v", m.name, err)
			}
			for _, finding := range structure.Validate(msg, structure.Options{Strict: true, Max: 1000}) {
				switch finding.Code {
				case structure.CodeSegmentMissing, structure.CodeSegmentOrder, structure.CodeSegmentUnexpected, structure.CodeSegmentRepeats, structure.CodeStructureMismatch,
					structure.CodeFieldMissing, structure.CodeFieldUnknown, structure.CodeFieldRepeats, structure.CodeComponentUnknown:
					t.Fatalf("%s: %+v\n%q", m.name, finding, out)
				}
			}
			again, _ := m.make(doc, options)
			if !bytes.Equal(out, again) {
				t.Fatalf("%s: other bytes of the same input", m.name)
			}
		}
	})
}
