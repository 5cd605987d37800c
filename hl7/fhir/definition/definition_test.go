package definition

import "testing"

func TestPrimitiveLexicalForms(t *testing.T) {
	for _, c := range []struct {
		typ     string
		valid   []string
		invalid []string
	}{
		{"boolean", []string{"true", "false"}, []string{"", "TRUE", "1"}},
		{"integer", []string{"0", "-5", "2147483647"}, []string{"", "-", "01", "2147483648", "1.0", "99999999999"}},
		{"positiveInt", []string{"1", "10"}, []string{"0", "-1"}},
		{"unsignedInt", []string{"0", "7"}, []string{"-1", "+1"}},
		{"decimal", []string{"0", "13.20", "-0.5", "1e-7"}, []string{"", ".5", "5.", "+1", "01", "1e", "NaN", "1.2.3"}},
		{"string", []string{"a", " a\nb", "患者"}, []string{"", " ", "\t\n", "a\x00", "\xff"}},
		{"code", []string{"a", "a b"}, []string{"", " a", "a ", "a  b"}},
		{"id", []string{"A-1.b"}, []string{"", "a_b", "患"}},
		{"uri", []string{"urn:oid:1.2"}, []string{"", "a b"}},
		{"base64Binary", []string{"YQ==", "YWI=", "YWJj"}, []string{"", "YQ", "====", "Y Q="}},
		{"date", []string{"1952", "1952-02", "2024-02-29"}, []string{"195", "1952-", "1952-13", "2023-02-29", "1952-02-11T", "0000"}},
		{"dateTime", []string{"1952", "2026-01-02T03:04:05+08:00", "2026-01-02T03:04:60.123Z", "2026-01-02T03:04:05-03:30"},
			[]string{"2026-01-02T03:04:05", "2026-01-02T03:04Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05+15:00", "2026-01T03:04:05Z"}},
		{"instant", []string{"2026-01-02T03:04:05.1234Z"}, []string{"2026-01-02", "2026-01-02T03:04:05"}},
		{"time", []string{"07:30:00", "23:59:60", "01:02:03.4"}, []string{"0730", "07:30", "24:00:00", "07:30:00."}},
	} {
		typ, ok := R4().Lookup(c.typ)
		if !ok || typ.Primitive == nil {
			t.Errorf("%s is not a primitive", c.typ)
			continue
		}
		for _, s := range c.valid {
			if !typ.Primitive.Valid(s) {
				t.Errorf("%s: %q is refused", c.typ, s)
			}
		}
		for _, s := range c.invalid {
			if typ.Primitive.Valid(s) {
				t.Errorf("%s: %q is accepted", c.typ, s)
			}
		}
	}
}

func TestTableKnowsCardinalityChoiceBindingAndTargets(t *testing.T) {
	patient, ok := R4().Lookup("Patient")
	if !ok || !patient.Resource {
		t.Fatal("Patient is not a resource")
	}
	deceased, _ := patient.Element("deceasedDateTime")
	if deceased == nil || deceased.Choice != "deceased[x]" || deceased.Type.Name != "dateTime" {
		t.Errorf("deceasedDateTime = %+v", deceased)
	}
	gender, _ := patient.Element("gender")
	if gender == nil || gender.Many || !gender.Binding.Has("", "male") || gender.Binding.Has("", "M") {
		t.Errorf("gender = %+v", gender)
	}
	link, _ := patient.Element("link")
	other, _ := link.Type.Element("other")
	if !link.Many || !other.Required || len(other.Targets) != 2 {
		t.Errorf("link.other = %+v", other)
	}
	observation, _ := R4().Lookup("Observation")
	component, _ := observation.Element("component")
	ranges, ok := component.Type.Element("referenceRange")
	if !ok || ranges.Type.Name != "Observation.referenceRange" {
		t.Error("a content reference does not lead to the referenced element's type")
	}
	encounter, _ := R4().Lookup("Encounter")
	if class, _ := encounter.Element("class"); class == nil || !class.Required || class.Type.Name != "Coding" {
		t.Errorf("Encounter.class = %+v", class)
	}
	if _, ok := patient.Element("race"); ok {
		t.Error("Patient has an element race")
	}
}
