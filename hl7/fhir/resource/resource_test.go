package resource

import (
	"strings"
	"testing"

	"cardferry/hl7/fhir/definition"
)

func parse(t *testing.T, s string) (*Node, []Problem) {
	t.Helper()
	n, problems, err := Read([]byte(s), definition.R4())
	if err != nil {
		t.Fatal(err)
	}
	return n, problems
}

func TestJSONReadsAndWritesTheSame(t *testing.T) {
	for name, s := range map[string]string{
		"order, decimals and text": `{"resourceType":"Observation","id":"a","status":"final","code":{"text":"<b>&\"\\\n患者"},"valueQuantity":{"value":13.20}}`,
		"primitive with extension": `{"resourceType":"Patient","birthDate":"1990","_birthDate":{"extension":[{"url":"u","valueDateTime":"1990-01-01T00:00:00Z"}]}}`,
		"primitive with only one":  `{"resourceType":"Patient","_birthDate":{"id":"x"}}`,
		"arrays of both":           `{"resourceType":"Patient","name":[{"given":["a",null,"c"],"_given":[null,{"id":"x"},null]}]}`,
		"contained":                `{"resourceType":"Provenance","contained":[{"resourceType":"Device","id":"d"}],"target":[{"display":"x"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"reference":"#d"}}]}`,
		"booleans":                 `{"resourceType":"Patient","active":false,"deceasedBoolean":true}`,
	} {
		n, problems := parse(t, s)
		if len(problems) > 0 {
			t.Errorf("%s: %+v", name, problems)
		}
		if got := string(n.AppendJSON(nil)); got != s {
			t.Errorf("%s:\n got %s\nwant %s", name, got, s)
		}
	}
}

func TestWriterKeepsTheOrderOfTheSpecification(t *testing.T) {
	var a Arena
	typ, _ := definition.R4().Lookup("Patient")
	n := a.New(typ)
	n.Set(&a, "birthDate", "1990")
	n.Set(&a, "name.family", "\xff\x01")
	n.Set(&a, "id", "x")
	want := `{"resourceType":"Patient","id":"x","name":[{"family":"` + "\uFFFD" + `\u0001"}],"birthDate":"1990"}`
	if got := string(n.AppendJSON(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestProblemsAreFound(t *testing.T) {
	for _, c := range []struct{ name, json, want string }{
		{"required", `{"resourceType":"Observation","status":"final"}`, "required Observation.code"},
		{"required choice", `{"resourceType":"MessageHeader","source":{"endpoint":"urn:x"}}`, "required MessageHeader.eventCoding"},
		{"required in a backbone", `{"resourceType":"Patient","link":[{"type":"refer"}]}`, "required Patient.link[0].other"},
		{"code binding", `{"resourceType":"Patient","gender":"M"}`, "binding Patient.gender"},
		{"Coding in a CodeableConcept binding", `{"resourceType":"Condition","subject":{"display":"x"},"verificationStatus":{"coding":[{"system":"urn:x","code":"confirmed"}]}}`, "binding Condition.verificationStatus"},
		{"primitive form", `{"resourceType":"Patient","birthDate":"1990-02-30"}`, "value Patient.birthDate"},
		{"two of a choice", `{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2026"}`, "choice Patient.deceasedDateTime"},
		{"empty object", `{"resourceType":"Patient","maritalStatus":{}}`, "empty Patient.maritalStatus"},
		{"contact point without system", `{"resourceType":"Patient","telecom":[{"system":"phone","value":"1"},{"value":"1"}]}`, "invariant Patient.telecom[1]"},
		{"attachment without type", `{"resourceType":"Patient","photo":[{"data":"YQ=="}]}`, "invariant Patient.photo[0]"},
		{"code without system", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1,"code":"g"}}`, "invariant Observation.valueQuantity"},
		{"extension without value", `{"resourceType":"Patient","extension":[{"url":"u"}]}`, "invariant Patient.extension[0]"},
		{"empty contact", `{"resourceType":"Patient","contact":[{"gender":"male"}]}`, "invariant Patient.contact[0]"},
		{"nameless organization", `{"resourceType":"Organization","active":true}`, "invariant Organization"},
		{"value and reason for none", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"1","dataAbsentReason":{"text":"y"}}`, "invariant Observation"},
		{"active error", `{"resourceType":"AllergyIntolerance","patient":{"display":"x"},"clinicalStatus":{"coding":[{"code":"active"}]},"verificationStatus":{"coding":[{"code":"entered-in-error"}]}}`, "invariant AllergyIntolerance"},
		{"unknown element", `{"resourceType":"Patient","race":"x"}`, "unknown-element Patient.race"},
		{"unknown type", `{"resourceType":"Cat"}`, "structure resourceType"},
		{"array for one", `{"resourceType":"Patient","gender":["male"]}`, "structure Patient.gender"},
		{"one for an array", `{"resourceType":"Patient","name":{"family":"x"}}`, "structure Patient.name"},
		{"number for a string", `{"resourceType":"Patient","birthDate":1990}`, "structure Patient.birthDate"},
		{"member twice", `{"resourceType":"Patient","gender":"male","gender":"male"}`, "structure Patient.gender"},
		{"empty string", `{"resourceType":"Patient","birthDate":""}`, "empty Patient.birthDate"},
		{"empty array", `{"resourceType":"Patient","name":[]}`, "empty Patient.name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, problems := parse(t, c.json)
			problems = append(problems, Check(n)...)
			for _, p := range problems {
				if p.Code+" "+p.Path == c.want {
					return
				}
			}
			t.Errorf("want %q in %+v", c.want, problems)
		})
	}
}

func TestRepairTakesOutTheLeastThatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, json, want string }{
		{"an optional element", `{"resourceType":"Patient","gender":"M","birthDate":"1990"}`, `{"resourceType":"Patient","birthDate":"1990"}`},
		{"one of a list", `{"resourceType":"Patient","telecom":[{"value":"1"},{"system":"fax","value":"2"}]}`, `{"resourceType":"Patient","telecom":[{"system":"fax","value":"2"}]}`},
		{"what a removal leaves empty", `{"resourceType":"Patient","contact":[{"name":{"use":"x"}}],"active":true}`, `{"resourceType":"Patient","active":true}`},
		{"a resource without what it needs", `{"resourceType":"Observation","status":"done","code":{"text":"x"}}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, _ := parse(t, c.json)
			var r Repairer
			problems, ok := r.Repair(n)
			if len(problems) == 0 {
				t.Error("nothing was reported")
			}
			if ok != (c.want != "") {
				t.Fatalf("saved = %v", ok)
			}
			if got := string(n.AppendJSON(nil)); ok && got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if ok && len(Check(n)) > 0 {
				t.Errorf("still wrong: %+v", Check(n))
			}
		})
	}
}

func TestBundleRules(t *testing.T) {
	entry := func(url, resource string) string {
		return `{"fullUrl":"` + url + `","resource":` + resource + `,"request":{"method":"PUT","url":"Patient/1"}}`
	}
	const a, b = "urn:uuid:00000000-0000-5000-8000-000000000001", "urn:uuid:00000000-0000-5000-8000-000000000002"
	patient := `{"resourceType":"Patient","active":true}`
	account := func(ref string) string {
		return `{"resourceType":"Account","status":"active","subject":[{"reference":"` + ref + `"}],"owner":{"display":"x"}}`
	}
	bundle := func(entries ...string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
	}
	encounter := func(ref string) string {
		return `{"resourceType":"RelatedPerson","patient":{"reference":"` + ref + `"}}`
	}
	for _, c := range []struct{ name, json, want string }{
		{"good", bundle(entry(a, patient), entry(b, account(a))), ""},
		{"fullUrl twice", bundle(entry(a, patient), entry(a, patient)), "invariant Bundle.entry[1]"},
		{"no request", bundle(`{"fullUrl":"` + a + `","resource":` + patient + `}`), "invariant Bundle.entry[0]"},
		{"dangling reference", bundle(entry(b, account(a))), "reference Bundle.entry[0].Account.subject[0]"},
		{"reference to a wrong type", bundle(entry(a, `{"resourceType":"Bundle","type":"batch"}`), entry(b, encounter(a))), "reference Bundle.entry[1].RelatedPerson.patient"},
		{"dangling contained", bundle(entry(a, encounter("#x"))), "reference Bundle.entry[0].RelatedPerson.patient"},
		{"relative reference to a wrong type", bundle(entry(a, encounter("Group/1"))), "reference Bundle.entry[0].RelatedPerson.patient"},
		{"no Bundle", patient, "structure Patient"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, _ := parse(t, c.json)
			problems := CheckBundle(n)
			if c.want == "" {
				if len(problems) > 0 {
					t.Errorf("%+v", problems)
				}
				return
			}
			for _, p := range problems {
				if p.Code+" "+p.Path == c.want {
					return
				}
			}
			t.Errorf("want %q in %+v", c.want, problems)
		})
	}
}

func TestReadRefusesWhatIsNoJSONObject(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "array": "[]", "cut": `{"resourceType":"Patient"`, "two": `{"resourceType":"Patient"}{}`,
		"deep": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		if _, _, err := Read([]byte(s), definition.R4()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestArenaIsWipedAndReused(t *testing.T) {
	var a Arena
	typ, _ := definition.R4().Lookup("Patient")
	first := a.New(typ)
	first.Set(&a, "birthDate", "1990")
	for range 3 * arenaBlock {
		a.New(typ)
	}
	a.Reset()
	if first.typ != nil || first.first != nil {
		t.Error("a node keeps its content after Reset")
	}
	if again := a.New(typ); again != first || !again.Empty() {
		t.Error("the block is not reused")
	}
}
