package fhir

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// head is MSH of an event and a patient.
func head(event string) string {
	return "MSH|^~\\&|HIS|HOSP|||20260315083012+0800||" + event + "|A1|P|2.5.1\rPID|1||00012345^^^HOSP^MR||张^三丰||19491231|M\r"
}

// booking is an appointment of that patient.
func booking(trigger string) string {
	return strings.Replace(head("SIU^"+trigger), "\rPID", "\rSCH|A1^H|F1^H\rPID", 1)
}

func count(bundle []byte, typ string) int {
	return strings.Count(string(bundle), `"resourceType":"`+typ+`"`)
}

func hasIssue(res Result, code, position string) bool {
	return slices.ContainsFunc(res.Issues, func(i Issue) bool { return i.Code == code && i.Position == position })
}

func TestEventsBecomeResources(t *testing.T) {
	tr := translator(t)
	const pv1 = "PV1|1|I|W1^1^1||||||||||||||||V1^^^HOSP^VN|||||||||||||||||||||||||20260315080000|20260320100000\r"
	for _, c := range []struct{ name, message, path, want string }{
		{"a discharge that is taken back", head("ADT^A13") + pv1, "Encounter.status", "in-progress"},
		{"its end is gone", head("ADT^A13") + pv1, "Encounter.period.end", ""},
		{"a cancelled admission stays cancelled with a discharge time", head("ADT^A11") + pv1, "Encounter.status", "cancelled"},
		{"a deleted visit", head("ADT^A23") + pv1, "Encounter.status", "entered-in-error"},
		{"a leave", head("ADT^A21") + strings.Replace(pv1, "|20260320100000", "", 1), "Encounter.status", "onleave"},
		{"an update with a discharge time", head("ADT^A08") + pv1, "Encounter.status", "finished"},
		{"the visit of an appointment has not begun", head("SIU^S12") + "PV1|1|O|||||||||||||||||V2^^^HOSP^VN\r", "Encounter.status", "unknown"},
		{"a deleted person", head("ADT^A29"), "Patient.active", "false"},
		{"an order control without its order", head("ORM^O01") + "ORC|CA|P1^HIS\r", "ServiceRequest.meta.tag[0].code", "partial"},
		{"the note of a prescription", head("ORM^O01") + "ORC|NW|P1^HIS\rOBR|1|P1^HIS||X^Y^L\rORC|NW|P2^HIS\rRXO|D^Drug^L\rNTE|1||slowly\r", "MedicationRequest.note[0].text", "slowly"},
		{"is not the note of the order before", head("ORM^O01") + "ORC|NW|P1^HIS\rOBR|1|P1^HIS||X^Y^L\rORC|NW|P2^HIS\rRXO|D^Drug^L\rNTE|1||slowly\r", "ServiceRequest.note[0].text", ""},
		{"dose, route and timing are one instruction", head("RDE^O11") + "ORC|NW|P1^HIS\rRXE||D^Drug^L|5.0||mg\rTQ1|1||BID\rRXR|PO\r", "MedicationRequest.dosageInstruction[0].timing.code.coding[0].code", "BID"},
		{"the amount keeps its digits", head("RDE^O11") + "ORC|NW|P1^HIS\rRXE||D^Drug^L|5.0||mg\rTQ1|1||BID\rRXR|PO\r", "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseQuantity.value", "5.0"},
		{"and nothing is left for a second", head("RDE^O11") + "ORC|NW|P1^HIS\rRXE||D^Drug^L|5.0||mg\rTQ1|1||BID\rRXR|PO\r", "MedicationRequest.dosageInstruction[1].text", ""},
		{"a refused vaccination", head("VXU^V04") + "RXA|0|1|20260315||998^None^CVX|999||||||||||||00^Refused^NIP002||RE\r", "Immunization.status", "not-done"},
		{"an amount not recorded is none", head("VXU^V04") + "RXA|0|1|20260315||141^Flu^CVX|999||||||||||||||CP\r", "Immunization.doseQuantity.value", ""},
		{"an end from start and duration", booking("S12") + "AIS|1|A|X^Y^L|20260320093000|||45|min\r", "Appointment.end", "2026-03-20T10:15:00+08:00"},
		{"an end in hours, without an offset of its own", booking("S12") + "AIS|1|A|X^Y^L|202603202330|||1|hr\r", "Appointment.end", "2026-03-21T00:30:00+08:00"},
		{"a unit nobody knows is no end, and no booking", booking("S12") + "AIS|1|A|X^Y^L|20260320093000|||45|bits\r", "Appointment.status", ""},
		{"an appointment without a time can be cancelled", booking("S15"), "Appointment.status", "cancelled"},
		{"a referral asks for what RF1 says", "MSH|^~\\&|HIS|HOSP|||20260315083012+0800||REF^I14|A1|P|2.5.1\rRF1|A|S|||R^S^L|R1^HIS\rPID|1||1^^^HOSP^MR\r", "ServiceRequest.status", "revoked"},
		{"who gave a vaccination", head("VXU^V04") + "ORC|RE||F1^H\rRXA|0|1|20260315||141^Flu^CVX|1||||||||||||||CP\rPRT|1|AD||AP|30001^W^N\r", "Immunization.performer[0].function.coding[0].code", "AP"},
		{"who cares for the patient", head("ADT^A28") + "PRT|1|AD||FHCP^Family^HL70443|30001^W^N||||||20260101\r", "CareTeam.participant[0].period.start", "2026-01-01"},
		{"a document's status", head("MDM^T02") + "TXA|1|DS|TX|20260321080000||||||||D1^EMR|||||AU\rOBX|1|TX|A^B^L||x||||||F\r", "DocumentReference.docStatus", "final"},
		{"a document without content", head("MDM^T01") + "TXA|1|DS|TX|20260321080000||||||||D1^EMR|||||AU\r", "DocumentReference.content[0].attachment.contentType", "text/plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := at(t, translate(t, tr, c.message).Bundle, c.path); got != c.want {
				t.Errorf("%s = %q, want %q", c.path, got, c.want)
			}
		})
	}
}

func TestLinesOfADocumentAreOneText(t *testing.T) {
	res := translate(t, translator(t), head("MDM^T02")+"TXA|1|DS|TX|20260321080000||||||||D1^EMR|||||AU\r"+
		"OBX|1|TX|A^B^L||one||||||F\rOBX|2|TX|A^B^L||two~three||||||F\rOBX|3|TX|C^D^L||other||||||F\r")
	for i, want := range []string{"one\ntwo\nthree", "other"} {
		path := "DocumentReference.content[" + string(rune('0'+i)) + "].attachment.data"
		if got := at(t, res.Bundle, path); got != base64.StdEncoding.EncodeToString([]byte(want)) {
			t.Errorf("%s is not the text of its lines", path)
		}
	}
	for _, i := range res.Issues {
		if i.Code == CodeUnmapped {
			t.Errorf("%s is said to be raw only", i.Position)
		}
	}
}

func TestTwoPatientsNeverBecomeOne(t *testing.T) {
	const second = "PID|2||00054321^^^HOSP^MR||郭^襄||19560301|F\r"
	for _, event := range []string{"ADT^A08", "ADT^A17", "ADT^A24", "ORU^R01", "BAR^P12", "OML^O21"} {
		res := translate(t, translator(t), head(event)+second)
		if n := count(res.Bundle, "Patient"); n != 2 {
			t.Errorf("%s: %d patients of two", event, n)
		}
		if at(t, res.Bundle, "Patient.identifier[1].value") != "" || at(t, res.Bundle, "Patient#2.identifier[1].value") != "" {
			t.Errorf("%s: a patient has the other's identifier", event)
		}
		if event == "ADT^A08" && !hasIssue(res, CodeRepeated, "PID[2]") {
			t.Errorf("%s: nobody said that PID came again: %v", event, res.Issues)
		}
	}
}

func TestAnOrderOfTwoPatientsBelongsToNeither(t *testing.T) {
	res := translate(t, translator(t), head("OML^O21")+"PID|2||00054321^^^HOSP^MR||郭^襄\rORC|NW|P1^HIS\rOBR|1|P1^HIS||X^Y^L\r")
	if count(res.Bundle, "ServiceRequest") != 0 || !hasIssue(res, CodeInvalid, "ORC") {
		t.Errorf("the order was given to one of them: %v", res.Issues)
	}
}

func TestVocabularyOfOneSender(t *testing.T) {
	tr := withSite(t, map[string]string{"vocabulary.csv": "map,code,fhir,system,display,deviation\nAdministrativeSex@LIS,1,male,,,\nAdministrativeSex@LIS,M,other,,,\n"})
	for _, c := range []struct{ sender, code, want string }{
		{"LIS", "1", "male"}, {"LIS", "M", "other"}, {"LIS", "F", "female"}, {"HIS", "1", ""}, {"HIS", "M", "male"},
	} {
		msg := strings.Replace(head("ADT^A08"), "HIS", c.sender, 1)
		msg = strings.Replace(msg, "|M\r", "|"+c.code+"\r", 1)
		if got := at(t, translate(t, tr, msg).Bundle, "Patient.gender"); got != c.want {
			t.Errorf("%s sends %s: %q, want %q", c.sender, c.code, got, c.want)
		}
	}
}

func TestExplainNamesRowAndInput(t *testing.T) {
	tr := translator(t)
	m := message(t, head("ADT^A01")+"PV1|1|I|W1^1^1||||10023^赵^医生||||||||||||V1^^^HOSP^VN\r")
	res, origins, err := tr.Explain(m, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := tr.Translate(m, "key-1")
	if err != nil || string(plain.Bundle) != string(res.Bundle) {
		t.Fatal("explaining changes the Bundle")
	}
	for _, want := range []Origin{
		{Path: "Patient.identifier[0].value", Row: "CX.1", Position: "PID-3.1"},
		{Path: "Patient.name[0].family", Row: "FN.1", Position: "PID-5.1"},
		{Path: "Patient.gender", Row: "PID-8", Position: "PID-8"},
		{Path: "Encounter.status", Row: "MSH-9.status", Position: "MSH-9.2"},
		{Path: "Encounter.class.code", Row: "CWE.c", Position: "PV1-2"},
		{Path: "Encounter.subject.reference", Row: "A01.PV1", Position: "PV1"},
	} {
		if !slices.ContainsFunc(origins, func(o Origin) bool {
			typ, _, _ := strings.Cut(want.Path, ".")
			return o.Path == want.Path && o.Row == want.Row && o.Position == want.Position && strings.HasPrefix(o.Entry, typ+"/")
		}) {
			t.Errorf("no origin %+v", want)
		}
	}
	for _, o := range origins {
		if o.Entry == "" || o.Row == "" || strings.Contains(o.Path+o.Row+o.Position, "三丰") {
			t.Errorf("incomplete or with a value: %s %s", o.Path, o.Row)
		}
	}
}

func TestWhatBreaksAConstraintIsTakenOutAlone(t *testing.T) {
	tr := translator(t)
	for _, c := range []struct{ name, message, path, want string }{
		{"a period that ends before it starts", head("ADT^A08") + "PV1|1|I|||||||||||||||||V1^^^HOSP^VN|||||||||||||||||||||||||20260320|20260315\r", "Encounter.period.start", ""},
		{"leaves the visit", head("ADT^A08") + "PV1|1|I|||||||||||||||||V1^^^HOSP^VN|||||||||||||||||||||||||20260320|20260315\r", "Encounter.class.code", "IMP"},
		{"a period over two zones", head("ADT^A08") + "PV1|1|I|||||||||||||||||V1^^^HOSP^VN|||||||||||||||||||||||||202603152330+0800|202603151600+0000\r", "Encounter.period.end", "2026-03-15T16:00:00+00:00"},
		{"an insurer does not live anywhere", head("ADT^A08") + "IN1|1|P|I1|Insurer|1 Street^^City^^^^H\r", "Organization.address[0].use", ""},
		{"but has an address", head("ADT^A08") + "IN1|1|P|I1|Insurer|1 Street^^City^^^^H\r", "Organization.address[0].city", "City"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := at(t, translate(t, tr, c.message).Bundle, c.path); got != c.want {
				t.Errorf("%s = %q, want %q", c.path, got, c.want)
			}
		})
	}
}
