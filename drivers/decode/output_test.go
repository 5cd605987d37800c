package decode

import (
	"encoding/json"
	"errors"
	"testing"

	"cardferry/drivers"

	"github.com/google/go-cmp/cmp"
)

// What a template makes of fields that are there (name, number, sex) and fields that
// are not (gone), and of constants.
func TestOutput(t *testing.T) {
	const head = `
fields:
  name: {from: t}
  number: {from: t, do: [match: "([0-9]+)"]}
  sex: {from: t, do: [match: "(male)"]}
  gone: {from: t, do: [match: "(nothing)"]}
constants: {system: "https://example.org/id", empty: ""}
output:
`
	in := map[string]Value{"t": TextValue("male 12")}
	for _, tt := range []struct{ name, output, want string }{
		{"patient", `patient: {name: [{text: "${name}"}], gender: "${sex}"}`, `{"patient":{"resourceType":"Patient","name":[{"text":"male 12"}],"gender":"male"}}`},
		{"text around a field", `patient: {name: [{text: "<${number}>"}]}`, `{"patient":{"resourceType":"Patient","name":[{"text":"<12>"}]}}`},
		{"absent field leaves its text out", `patient: {gender: "${sex}", name: [{text: "x ${gone}"}]}`, `{"patient":{"resourceType":"Patient","gender":"male"}}`},
		{"optional field stands for nothing", `patient: {name: [{text: "${gone?} ${number} ${gone?} ${sex?}"}]}`, `{"patient":{"resourceType":"Patient","name":[{"text":"12 male"}]}}`},
		{"only optional fields, none there", `patient: {gender: "${sex}", name: [{text: "x ${gone?}"}]}`, `{"patient":{"resourceType":"Patient","gender":"male"}}`},
		{"object without any field that is there", `patient: {gender: "${sex}", identifier: [{use: official, system: "${system}", value: "${gone}"}]}`, `{"patient":{"resourceType":"Patient","gender":"male"}}`},
		{"object with one", `patient: {identifier: [{use: official, system: "${system}", value: "${number}"}, {value: "${gone}"}]}`, `{"patient":{"resourceType":"Patient","identifier":[{"use":"official","system":"https://example.org/id","value":"12"}]}}`},
		{"pointers and truth values", `patient: {active: true, identifier: [{type: {coding: [{code: NI}]}, value: "${number}"}]}`, `{"patient":{"resourceType":"Patient","identifier":[{"type":{"coding":[{"code":"NI"}]},"value":"12"}],"active":true}}`},
		{"nothing at all is no patient", `patient: {gender: "${gone}"}`, `{}`},
		{"constants alone are no patient", `patient: {gender: male}`, `{}`},
		{"condition that holds", `patient: {gender: "${sex}", address: [{$if: number, country: TH}]}`, `{"patient":{"resourceType":"Patient","gender":"male","address":[{"country":"TH"}]}}`},
		{"condition that does not", `patient: {gender: "${sex}", address: [{$if: gone, text: "${number}"}]}`, `{"patient":{"resourceType":"Patient","gender":"male"}}`},
		{"coverage", `coverage: [{status: active, subscriberId: "${number}", beneficiary: {display: "${name}"}, payor: [{display: x}]}]`, `{"coverage":[{"resourceType":"Coverage","status":"active","subscriberId":"12","beneficiary":{"display":"male 12"},"payor":[{"display":"x"}]}]}`},
		{"coverage without what FHIR requires", `coverage: [{status: active, subscriberId: "${number}", beneficiary: {display: "${gone}"}, payor: [{display: x}]}]`, `{"warnings":[{"code":"missing","field":"coverage"}]}`},
		{"extras of any shape", `extras: {a: "${number}", b: {c: ["${sex}", "${gone}", x], d: true}, e: "${gone}", f: ["${gone}"], g: constant}`, `{"extras":{"a":"12","b":{"c":["male","x"],"d":true},"g":"constant"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, r := evaluate(t, head+"  "+tt.output+"\n", in, Options{})
			var read drivers.Read
			if err := l.Output.Fill(r, l.Constants, nil, &read); err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(map[string]any{"patient": read.Patient, "coverage": read.Coverage, "extras": read.Extras, "warnings": r.Warnings})
			if err != nil {
				t.Fatal(err)
			}
			var a, b map[string]any
			if err := errors.Join(json.Unmarshal(got, &a), json.Unmarshal([]byte(tt.want), &b)); err != nil {
				t.Fatal(err)
			}
			for k, v := range a {
				if v == nil {
					delete(a, k)
				}
			}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Notes and the bytes of texts that lost something go to the extras.
func TestNotesAndRawBytes(t *testing.T) {
	l, r := evaluate(t, "fields: {name: {from: b, do: [text: big5]}}\noutput: {patient: {name: [{text: \"${name}\"}]}}", map[string]Value{"b": BytesValue([]byte("\xA4\xFD\xFA\x40"))}, Options{})
	var read drivers.Read
	if err := l.Output.Fill(r, nil, map[string]string{"lock": "closed"}, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"lock": "closed", "name.raw": "A4FDFA40"}, read.Extras); diff != "" || read.Patient.Name[0].Text != "王\uFFFD" {
		t.Error(diff)
	}
	if err := new(Output).Fill(r, nil, nil, &read); !errors.Is(err, errNotCompiled) {
		t.Errorf("got %v", err)
	}
}

// Templates are checked against FHIR when they are loaded.
func TestOutputMistakes(t *testing.T) {
	for _, tt := range []struct{ name, output, want string }{
		{"unknown element", `{patient: {gendr: male}}`, `unknown FHIR element "gendr"; did you mean "gender"?`},
		{"unknown element inside", `{patient: {name: [{familie: x}]}}`, `unknown FHIR element "familie"`},
		{"object for a list", `{patient: {name: {text: x}}}`, "want a list here"},
		{"list for an object", `{patient: [x]}`, "want an object here"},
		{"text for a truth value", `{patient: {active: "x"}}`, "want true or false here"},
		{"truth value for text", `{patient: {gender: true}}`, "want text here"},
		{"unknown field", `{patient: {gender: "${g}"}}`, `unknown field "g"; did you mean "f"?`},
		{"bytes", `{patient: {gender: "${raw}"}}`, `field "raw" is bytes; end it with text`},
		{"not closed", `{patient: {gender: "${f"}}`, "${ without }"},
		{"condition on nothing", `{extras: {a: {$if: g, b: x}}}`, `unknown field "g"`},
		{"coverage without status", `{coverage: [{beneficiary: {display: x}, payor: [{display: x}]}]}`, "FHIR requires Coverage.status"},
		{"number for text", `{patient: {gender: 1}}`, "want text, found a number"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := compile("fields: {f: {from: t}, raw: {from: b}}\noutput: " + tt.output)
			if err == nil || !contains(err, tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
