package fromfhir

import (
	"bytes"
	"encoding/json"
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
		hold(t, doc)
		for _, m := range makers {
			first, _ := m.make(doc, options)
			again, _ := m.make(doc, options)
			if !bytes.Equal(first, again) {
				t.Fatalf("%s: other bytes of the same input", m.name)
			}
		}
	})
}

// hold makes all messages of a document and holds them against what the package
// promises.
func hold(t *testing.T, doc []byte) {
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
				structure.CodeFieldMissing, structure.CodeFieldUnknown, structure.CodeFieldRepeats, structure.CodeComponentUnknown, structure.CodeComponentMissing:
				t.Fatalf("%s: %+v\n%q\n%s", m.name, finding, out, doc)
			}
		}
	}
}

// TestEveryElementMayBeOff takes each element of the documents away, and puts what
// does not belong there in its place.
func TestEveryElementMayBeOff(t *testing.T) {
	for _, name := range []string{"testdata/report.json", "testdata/referral.json", "testdata/appointment.json"} {
		var doc any
		if err := json.Unmarshal(file(t, name), &doc); err != nil {
			t.Fatal(err)
		}
		try := func() {
			b, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			hold(t, b)
		}
		each(doc, func(put func(any), old any) {
			for _, v := range []any{nil, " ", `""`, "a|b^c~d&e\\f\r\x0b", -1.5e9, []any{}, map[string]any{}} {
				put(v)
				try()
			}
			put(old)
		})
	}
}

// each visits every element below v with a way of putting another in its place.
func each(v any, visit func(put func(any), old any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, old := range v {
			visit(func(x any) { v[key] = x }, old)
			each(old, visit)
		}
	case []any:
		for i, old := range v {
			visit(func(x any) { v[i] = x }, old)
			each(old, visit)
		}
	}
}
