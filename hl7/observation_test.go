package hl7

import "testing"

func TestObservationsAreTypedByOBX2(t *testing.T) {
	m := parse(t, "MSH|^~\\&|A\r"+
		"OBX|1|NM|718-7^Hemoglobin^LN||13.20|g/dL\r"+
		"OBX|2|TX|8251-1^Comment^LN||one ^ two~~three \\F\\ four\r"+
		"OBX|3|SN|x||>^100\r"+
		"OBX|4|ce|x||A^Adequate^L~B\r"+
		"OBX|5|ED|x||^application^pdf^Base64^QUJD\r"+
		"OBX|6||x||untyped\r"+
		"OBX|7|FT|x||\"\"\r")
	var types, narratives []string
	for _, s := range m.All("OBX") {
		o, ok := s.Observation()
		if !ok {
			t.Fatal("an OBX is no observation")
		}
		types, narratives = append(types, o.Type), append(narratives, o.Narrative())
		switch o.Type {
		case "NM":
			if n, err := o.Value().Number(); err != nil || n != "13.20" || o.Code().Text != "Hemoglobin" {
				t.Errorf("number %q %v", n, err)
			}
		case "SN":
			if o.Value().SN() != (SN{Comparator: ">", First: "100"}) {
				t.Errorf("%+v", o.Value().SN())
			}
		case "CE":
			if o.Value().Reps() != 2 || o.Value().Rep(2).CWE().Code != "B" {
				t.Error("a coded value with two repetitions")
			}
		case "ED":
			if doc, err := o.Value().ED().Decode(); err != nil || string(doc) != "ABC" {
				t.Errorf("document %q %v", doc, err)
			}
		}
	}
	wantTypes := []string{"NM", "TX", "SN", "CE", "ED", "", "FT"}
	wantNarratives := []string{"", "one ^ two\n\nthree | four", "", "", "", "", ""}
	for i := range wantTypes {
		if types[i] != wantTypes[i] || narratives[i] != wantNarratives[i] {
			t.Errorf("OBX %d: %q %q", i+1, types[i], narratives[i])
		}
	}
	if _, ok := m.Segments()[0].Observation(); ok {
		t.Error("MSH is an observation")
	}
}
