package fhir

import (
	"strings"
	"testing"
	"time"

	"cardferry/hl7/fhir/r4"
)

func cardPatient() *r4.Patient {
	p := r4.NewPatient()
	p.Identifier = []r4.Identifier{{System: "urn:oid:2.16.156.10011.1.3", Value: "99010119491231001X"}}
	p.Name = []r4.HumanName{{Text: "张三丰", Family: "张", Given: []string{"三丰"}}}
	p.BirthDate, p.Gender = "1949-12-31", "male"
	return p
}

func TestCardReadBecomesATransaction(t *testing.T) {
	tr := translator(t)
	read := CardRead{Time: time.Date(2026, 3, 15, 8, 30, 0, 0, CaseConfig().Zone), Reader: "usb-1", Medium: "cn-resident-id",
		Profile: "cn-resident-id@1", Assurance: "chip-read"}
	coverage := []r4.Coverage{{ResourceType: "Coverage", Status: "active", SubscriberID: "YB1", Payor: []r4.Reference{{Display: "市医保"}}}}
	b, err := tr.PatientBundle(cardPatient(), coverage, read, "read-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ValidateBundle(b) {
		t.Errorf("not valid: %+v", i)
	}
	for path, want := range map[string]string{
		"Patient.birthDate":                          "1949-12-31",
		"Coverage.beneficiary.reference":             "urn:uuid:" + at(t, b, "Patient.id"),
		"Provenance.recorded":                        "2026-03-15T08:30:00.000+08:00",
		"Provenance.contained[1].distinctIdentifier": "usb-1",
		"Provenance.contained[1].version[0].value":   "cn-resident-id@1",
		"Provenance.meta.tag[0].code":                "chip-read",
		"Provenance.activity.text":                   "card read: cn-resident-id",
		"Provenance.target[1].reference":             "urn:uuid:" + at(t, b, "Coverage.id"),
		"Patient.meta.tag[0].code":                   "",
	} {
		if got := at(t, b, path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	again, err := tr.PatientBundle(cardPatient(), coverage, read, "read-2")
	if err != nil || at(t, again, "Patient.id") != at(t, b, "Patient.id") || at(t, again, "Coverage.id") != at(t, b, "Coverage.id") {
		t.Errorf("a second read gives other ids (%v)", err)
	}
}

func TestSimulatedReadSaysSoEverywhere(t *testing.T) {
	b, err := translator(t).PatientBundle(cardPatient(), nil, CardRead{Simulated: true}, "k")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(b), `"code":"simulated"`) != 2 || strings.Count(string(b), `"code":"HTEST"`) != 2 {
		t.Error("Patient and Provenance are not both tagged")
	}
	for _, i := range ValidateBundle(b) {
		t.Errorf("not valid: %+v", i)
	}
}

func TestCardAndMessageOfOneNumberAreOnePatient(t *testing.T) {
	tr := translator(t)
	b, err := tr.PatientBundle(cardPatient(), nil, CardRead{}, "k")
	if err != nil {
		t.Fatal(err)
	}
	adt := translate(t, tr, "MSH|^~\\&|A|B|||2026||ADT^A08|1|P|2.5\rPID|1||99010119491231001X^^^CN-RID^NNCHN||张^三丰")
	if at(t, b, "Patient.id") != at(t, adt.Bundle, "Patient.id") {
		t.Error("card and message give different ids")
	}
}

func TestPatientBundleRefusesWhatIsNoPatient(t *testing.T) {
	tr := translator(t)
	if _, err := tr.PatientBundle(nil, nil, CardRead{}, "k"); err == nil {
		t.Error("no patient: accepted")
	}
	if _, err := tr.PatientBundle(r4.NewPatient(), nil, CardRead{}, "k"); err == nil {
		t.Error("an empty patient: accepted")
	}
	p := cardPatient()
	p.Gender, p.BirthDate = "M", "31.12.1949"
	b, err := tr.PatientBundle(p, nil, CardRead{}, "k")
	if err != nil {
		t.Fatal(err)
	}
	if len(ValidateBundle(b)) != 0 || at(t, b, "Patient.gender") != "" || at(t, b, "Patient.name[0].family") != "张" {
		t.Error("what is not valid R4 is not left out alone")
	}
}
