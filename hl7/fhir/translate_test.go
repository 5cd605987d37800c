package fhir

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"cardferry/hl7"
)

const (
	adtHead = "MSH|^~\\&|HIS|HOSP|||20260315083012+0800||ADT^A08^ADT_A01|A1|P|2.5.1\rPID|1||00012345^^^HOSP^MR||张^三丰||19491231|M\r"
	oruHead = "MSH|^~\\&|LIS|LAB|||20260315101500||ORU^R01^ORU_R01|L1|P|2.5.1\rPID|1||00012345^^^HOSP^MR||张^三丰||19491231|M\r" +
		"OBR|1|P1^HIS|F1^LIS|24323-8^生化^LN|||20260315084000|||||||||||||||||F\r"
)

// at reads a value of a Bundle: "Patient.name[0].family", "Observation#2.status"
// for the second of its type. Absent is "".
func at(t *testing.T, bundle []byte, path string) string {
	t.Helper()
	var b struct {
		Entry []struct{ Resource map[string]any }
	}
	d := json.NewDecoder(bytes.NewReader(bundle))
	d.UseNumber()
	if err := d.Decode(&b); err != nil {
		t.Fatal(err)
	}
	typ, rest, _ := strings.Cut(path, ".")
	typ, nth, _ := strings.Cut(typ, "#")
	n, _ := strconv.Atoi(nth)
	n = max(n, 1)
	var v any
	for _, e := range b.Entry {
		if e.Resource["resourceType"] == typ {
			if n--; n == 0 {
				v = e.Resource
			}
		}
	}
	for part := range strings.SplitSeq(rest, ".") {
		name, index, isList := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		obj, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = obj[name]
		if isList {
			i, _ := strconv.Atoi(index)
			list, ok := v.([]any)
			if !ok || i >= len(list) {
				return ""
			}
			v = list[i]
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func translate(t *testing.T, tr *Translator, msg string) Result {
	t.Helper()
	res, err := tr.Translate(message(t, msg), "key-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ValidateBundle(res.Bundle) {
		t.Errorf("the Bundle is not valid: %+v", i)
	}
	return res
}

func TestFieldsBecomeElements(t *testing.T) {
	tr := translator(t)
	pid := func(rest string) string {
		return "MSH|^~\\&|HIS|HOSP|||20260315083012-0330||ADT^A08|A1|P|2.5.1\rPID|1||1^^^HOSP^MR|" + rest
	}
	obx := func(rest string) string { return oruHead + "OBX|1|" + rest }
	for _, c := range []struct{ name, msg, path, want string }{
		{"birth date of a year", pid("|A^B||1952"), "Patient.birthDate", "1952"},
		{"birth date of a month", pid("|A^B||195202"), "Patient.birthDate", "1952-02"},
		{"birth time goes to the extension with the sender's offset", pid("|A^B||195202111304"), "Patient._birthDate.extension[0].valueDateTime", "1952-02-11T13:04:00-03:30"},
		{"a day that does not exist stays raw", pid("|A^B||20260230"), "Patient.birthDate", ""},
		{"a number that PID-3 and PID-19 say is there once", strings.Replace(pid("|A||||||||||||||99010119491231001X"), "1^^^HOSP^MR", "1^^^HOSP^MR~99010119491231001X^^^^NNCHN", 1), "Patient.identifier[2].value", ""},
		{"18 characters in PID-19 are a Chinese resident number", pid("|A||||||||||||||99010119491231001X"), "Patient.identifier[1].system", "urn:oid:2.16.156.10011.1.3"},
		{"sex", pid("|A^B|||F"), "Patient.gender", "female"},
		{"an unknown sex code stays raw", pid("|A^B|||Q"), "Patient.gender", ""},
		{"an ISO authority is an OID", pid("1^^^X&2.16.156.1&ISO^PI"), "Patient.identifier[1].system", "urn:oid:2.16.156.1"},
		{"a local authority is the site's", pid("1^^^内部^PI"), "Patient.identifier[1].system", "urn:cardferry:site:330106001:aa:%E5%86%85%E9%83%A8"},
		{"a check digit", pid("1^7^^X^PI"), "Patient.identifier[1].extension[0].valueString", "7"},
		{"partner name", pid("|A&von&A&de&Berg^B"), "Patient.name[0]._family.extension[3].valueString", "Berg"},
		{"a mobile phone", pid("|A||||||||^PRN^CP^^^^13800138000"), "Patient.telecom[0].use", "mobile"},
		{"an address with its old county field", pid("|A||||||1号^^杭州^浙江|西湖区"), "Patient.address[0].district", "西湖区"},
		{"dead with a time", pid("|A||||||||||||||||||||||||20260101120000|Y"), "Patient.deceasedDateTime", "2026-01-01T12:00:00-03:30"},
		{"dead without a time", pid("|A|||||||||||||||||||||||||Y"), "Patient.deceasedBoolean", "true"},
		{"the second of twins", pid("|A|||||||||||||||||||Y|2"), "Patient.multipleBirthInteger", "2"},
		{"a decimal keeps its digits", obx("NM|1^X^LN||13.20|mmol/L|||||F"), "Observation.valueQuantity.value", "13.20"},
		{"a plus and leading zeros go", obx("NM|1^X^LN||+007.50||||||F"), "Observation.valueQuantity.value", "7.50"},
		{"a leading point gets its zero", obx("NM|1^X^LN||.5||||||F"), "Observation.valueQuantity.value", "0.5"},
		{"a number that is none stays readable", obx("NM|1^X^LN||未测||||||F"), "Observation.valueString", "未测"},
		{"less than", obx("SN|1^X^LN||<^5|U/L|||||F"), "Observation.valueQuantity.comparator", "<"},
		{"a range", obx("SN|1^X^LN||^5^-^9|U/L|||||F"), "Observation.valueRange.high.value", "9"},
		{"a titre", obx("SN|1^X^LN||^1^:^128||||||F"), "Observation.valueRatio.denominator.value", "128"},
		{"not equal is a text", obx("SN|1^X^LN||<>^5||||||F"), "Observation.valueString", "<>5"},
		{"an open range is a text", obx("SN|1^X^LN||^5^+||||||F"), "Observation.valueString", "5+"},
		{"a coded result", obx("CWE|1^X^LN||A^甲^L~||||||F"), "Observation.valueCodeableConcept.coding[0].code", "A"},
		{"several coded results are components", obx("CE|1^X^LN||A^甲^L~B^乙^L||||||F"), "Observation.component[1].valueCodeableConcept.coding[0].code", "B"},
		{"components repeat the code", obx("CE|1^X^LN||A^甲^L~B^乙^L||||||F"), "Observation.component[1].code.coding[0].code", "1"},
		{"lines of a text", obx("TX|1^X^LN||一~~三||||||F"), "Observation.valueString", "一\n\n三"},
		{"a date", obx("DT|1^X^LN||20260315||||||F"), "Observation.valueDateTime", "2026-03-15"},
		{"a time", obx("TM|1^X^LN||0730||||||F"), "Observation.valueTime", "07:30:00"},
		{"a time stamp takes the site's zone", obx("TS|1^X^LN||20260315073000.1234||||||F"), "Observation.valueDateTime", "2026-03-15T07:30:00.1234+08:00"},
		{"a datatype without R4 value stays readable", obx("CX|1^X^LN||1^^^A&B||||||F"), "Observation.valueString", "1^^^A&B"},
		{"a document is the report's form", obx("ED|1^报告^LN||A^TX^PLAIN^A^正文||||||F"), "DiagnosticReport.presentedForm[0].data", base64.StdEncoding.EncodeToString([]byte("正文"))},
		{"hex data is base64 too", obx("ED|1^报告^LN||A^AP^PDF^Hex^25504446||||||F"), "DiagnosticReport.presentedForm[0].data", "JVBERg=="},
		{"abnormal flag", obx("NM|1^X^LN||1|||HH|||F"), "Observation.interpretation[0].coding[0].code", "HH"},
		{"corrected", obx("NM|1^X^LN||1||||||C"), "Observation.status", "corrected"},
		{"a status that is missing is unknown", obx("NM|1^X^LN||1"), "Observation.status", "unknown"},
		{"a unit of UCUM is coded", obx("NM|1^X^LN||1|mg/dL^^UCUM"), "Observation.valueQuantity.system", "http://unitsofmeasure.org"},
		{"the time of the order stands in", obx("NM|1^X^LN||1"), "Observation.effectiveDateTime", "2026-03-15T08:40:00+08:00"},
		{"OBX behind SPM is a result", oruHead + "SPM|1|||SER\rOBX|1|NM|9^X^LN||1||||||F", "DiagnosticReport.result[0].reference", "*"},
		{"OBX behind SPM names the specimen", oruHead + "SPM|1|||SER\rOBX|1|NM|9^X^LN||1||||||F", "Observation.specimen.reference", "*"},
		{"OBX before SPM names the specimen", oruHead + "OBX|1|NM|9^X^LN||1||||||F\rSPM|1|||SER", "Observation.specimen.reference", "*"},
		{"of two specimens none is guessed", oruHead + "OBX|1|NM|9^X^LN||1||||||F\rSPM|1|||SER\rSPM|2|||BLD", "Observation.specimen.reference", ""},
		{"a note of an order", oruHead + "NTE|1||注", "ServiceRequest.note[0].text", "注"},
		{"a note of a result", obx("NM|1^X^LN||1\rNTE|1||甲\rNTE|2||乙"), "Observation.note[1].text", "乙"},
		{"discharged", adtHead + "PV1|1|I|||||||||||||||||V1||||||||||||||||||||||||||20260301|20260310", "Encounter.status", "finished"},
		{"no class is a null flavor", adtHead + "PV1|1||W1", "Encounter.class.code", "UNK"},
		{"no encounter of a patient without one", adtHead + "PV1|1|N", "Encounter.status", ""},
		{"a doctor without a number is a display", adtHead + "PV1|1|I|||||^赵^一", "Encounter.participant[0].individual.display", "赵 一"},
		{"severity of a reaction", adtHead + "AL1|1|DA|^青霉素|MO|皮疹", "AllergyIntolerance.reaction[0].severity", "moderate"},
		{"severity without a reaction is criticality", adtHead + "AL1|1|DA|^青霉素|SV", "AllergyIntolerance.criticality", "high"},
		{"a diagnosis deleted", adtHead + "DG1|1||J18^肺炎^I10||||||||||||||||||D", "Condition.verificationStatus.coding[0].code", "entered-in-error"},
		{"a payor is always said", adtHead + "IN1|1|310", "Coverage.payor[0].display", "not stated"},
		{"an employer is a contact", adtHead + "NK1|1||||||E||||||公司", "Patient.contact[0].organization.display", "公司"},
		{"segments out of order still translate", "MSH|^~\\&|L|L|||2026||ORU^R01|1|P|2.5\rOBR|1|P|F|X^Y^L\rOBX|1|NM|9^X^LN||1", "DiagnosticReport.result[0].reference", "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := translate(t, tr, c.msg)
			got := at(t, res.Bundle, c.path)
			if got != c.want && (c.want != "*" || got == "") {
				t.Errorf("%s = %q, want %q", c.path, got, c.want)
			}
		})
	}
}

func TestSamePatientHasTheSameIDWhateverTheMessage(t *testing.T) {
	tr := translator(t)
	adt := translate(t, tr, adtHead)
	oru := translate(t, tr, oruHead)
	reordered := translate(t, tr, strings.Replace(adtHead, "00012345^^^HOSP^MR", "9^^^X^PI~00012345^^^HOSP^MR", 1))
	id := at(t, adt.Bundle, "Patient.id")
	if id == "" || at(t, oru.Bundle, "Patient.id") != id || at(t, reordered.Bundle, "Patient.id") != id {
		t.Error("the patient of one record number has different ids")
	}
	other, err := NewTranslator(tr.tables, Config{Namespace: "other", Zone: CaseConfig().Zone})
	if err != nil {
		t.Fatal(err)
	}
	if at(t, translate(t, other, adtHead).Bundle, "Patient.id") == id {
		t.Error("two sites give the same id")
	}
}

func TestCorrectionReplacesTheResult(t *testing.T) {
	tr := translator(t)
	first := translate(t, tr, oruHead+"OBX|1|NM|2345-7^G^LN||13.2||||||P\rOBX|2|TX|X^Y^L||a||||||F\rOBX|3|TX|X^Y^L||b||||||F")
	corrected := translate(t, tr, strings.Replace(oruHead, "|L1|", "|L2|", 1)+"OBX|4|NM|2345-7^G^LN||3.2||||||C")
	if a, b := at(t, first.Bundle, "Observation.id"), at(t, corrected.Bundle, "Observation.id"); a != b {
		t.Error("the corrected result has another id than the first")
	}
	if at(t, first.Bundle, "Observation#2.id") == at(t, first.Bundle, "Observation#3.id") {
		t.Error("two lines with one code share an id")
	}
}

func TestRawMessageTravelsByteForByte(t *testing.T) {
	tr := translator(t)
	raw := []byte("MSH|^~\\&|HIS|H|||2026||ADT^A08|1|P|2.5||||||GB 18030-2000\rPID|1||1^^^H^MR||\xd5\xc5^\xc8\xfd|||\x00\r\n\rZXX|\xff\r")
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	res, err := tr.Translate(m, "k")
	if err != nil {
		t.Fatal(err)
	}
	if got := at(t, res.Bundle, "DocumentReference.content[0].attachment.data"); got != base64.StdEncoding.EncodeToString(raw) {
		t.Error("the raw message differs")
	}
	if got := at(t, res.Bundle, "Patient.name[0].family"); got != "张" {
		t.Errorf("GB 18030 name = %q", got)
	}
}

func TestUnknownEventKeepsThePatient(t *testing.T) {
	res := translate(t, translator(t), strings.Replace(adtHead, "ADT^A08^ADT_A01", "BAR^P12", 1)+"FT1|1|||20260301|||X")
	if res.Type != "BAR^P12" || res.Issues[0].Code != CodeNoStructure {
		t.Errorf("type %q, issues %+v", res.Type, res.Issues)
	}
	if at(t, res.Bundle, "Patient.name[0].family") != "张" || at(t, res.Bundle, "DocumentReference.id") == "" {
		t.Error("patient or raw message is missing")
	}
}

func TestAShiftedFieldIsNoEvent(t *testing.T) {
	res := translate(t, translator(t), "MSH|^~\\&|A|B|C|D|2026|张^三丰|CANARY^PATIENT NAME|1|P|2.5\r")
	if res.Type != "" || at(t, res.Bundle, "DocumentReference.description") != "" {
		t.Errorf("type %q", res.Type)
	}
	if _, err := translator(t).Translate(message(t, adtHead), " "); err == nil {
		t.Error("an empty key is accepted")
	}
}

func TestNullAsksToDeleteAndAbsentLeaves(t *testing.T) {
	res := translate(t, translator(t), adtHead[:len(adtHead)-2]+"\"\"||||||||\"\"\r")
	var deleted []string
	for _, i := range res.Issues {
		if i.Code == CodeDeleted {
			deleted = append(deleted, i.Position+" "+i.Expression)
		}
	}
	want := []string{"PID-8 Patient.gender", "PID-16 Patient.maritalStatus"}
	if strings.Join(deleted, ";") != strings.Join(want, ";") {
		t.Errorf("deleted %q, want %q", deleted, want)
	}
	if at(t, res.Bundle, "Patient.gender") != "" {
		t.Error("a deleted element is in the resource")
	}
}

func TestMerge(t *testing.T) {
	tr := translator(t)
	head := strings.Replace(adtHead, "ADT^A08^ADT_A01", "ADT^A40^ADT_A39", 1)
	t.Run("the subsumed patient is replaced by the survivor", func(t *testing.T) {
		res := translate(t, tr, head+"MRG|00099999^^^HOSP^MR")
		survivor, subsumed := at(t, res.Bundle, "Patient.id"), at(t, res.Bundle, "Patient#2.id")
		for path, want := range map[string]string{
			"Patient.active": "", "Patient.link[0].type": "replaces", "Patient.link[0].other.reference": "urn:uuid:" + subsumed,
			"Patient#2.active": "false", "Patient#2.link[0].type": "replaced-by", "Patient#2.link[0].other.reference": "urn:uuid:" + survivor,
		} {
			if got := at(t, res.Bundle, path); got != want {
				t.Errorf("%s = %q, want %q", path, got, want)
			}
		}
	})
	t.Run("two merges in one message stay apart", func(t *testing.T) {
		res := translate(t, tr, head+"MRG|7^^^HOSP^MR\rPID|2||8^^^HOSP^MR||李^四\rMRG|9^^^HOSP^MR")
		if at(t, res.Bundle, "Patient#4.link[0].other.reference") != "urn:uuid:"+at(t, res.Bundle, "Patient#3.id") {
			t.Error("the second subsumed patient does not point to the second survivor")
		}
	})
	t.Run("a patient merged into itself stays active", func(t *testing.T) {
		res := translate(t, tr, head+"MRG|00012345^^^HOSP^MR")
		if at(t, res.Bundle, "Patient.active") == "false" || at(t, res.Bundle, "Patient#2.id") != "" || at(t, res.Bundle, "Patient.link[0].type") != "" {
			t.Error("the patient was merged away")
		}
	})
}

func TestWhatIsNotMappedIsSaid(t *testing.T) {
	res := translate(t, translator(t), adtHead+"ZPI|1|secret-value^x\r")
	if res.Mapped == 0 || res.Unmapped != 3 {
		t.Errorf("mapped %d, unmapped %d, want some and 3", res.Mapped, res.Unmapped)
	}
	var positions []string
	for _, i := range res.Issues {
		positions = append(positions, i.Position)
	}
	if got := strings.Join(positions, " "); got != "ZPI-1.1 ZPI-2.1" {
		t.Errorf("positions %q", got)
	}
}

func TestNoPatientDataOutsideItsElements(t *testing.T) {
	res := translate(t, translator(t), "MSH|^~\\&|HIS|H|||2026||ADT^A08|1|P|2.5\rPID|1||CANARY1^^^H^MR||CANARY2||CANARY3|CANARY4||||||||||||||||CANARY5|CANARY6|||||CANARY7\rPV1|1|CANARY8|||||||||||||||||||||||||||||||||||||||||CANARY9")
	var b struct {
		Entry []struct {
			FullURL  string
			Request  struct{ URL string }
			Resource struct{ ResourceType string }
		}
	}
	if err := json.Unmarshal(res.Bundle, &b); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", res.Issues)
	for _, e := range b.Entry {
		text += e.FullURL + e.Request.URL
	}
	_, outcome, _ := strings.Cut(string(res.Bundle), `"resourceType":"OperationOutcome"`)
	if strings.Contains(text+outcome, "CANARY") {
		t.Error("a value of the message is in an issue or a URL")
	}
}

func TestTranslatorIsDeterministicAndConcurrent(t *testing.T) {
	tr := translator(t)
	var want [][]byte
	for _, c := range tr.tables.Cases() {
		want = append(want, translate(t, tr, string(c.Message)).Bundle)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, c := range tr.tables.Cases() {
				m, err := hl7.Parse(c.Message, hl7.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				res, err := tr.Translate(m, "key-1")
				if err != nil || !bytes.Equal(res.Bundle, want[i]) {
					t.Errorf("case %s: another Bundle (%v)", c.Name, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestConfigurationIsChecked(t *testing.T) {
	tables := shipped(t)
	for name, c := range map[string]Config{
		"no site id":        {Zone: CaseConfig().Zone},
		"no zone":           {Namespace: "1"},
		"a system is a URI": {Namespace: "1", Zone: CaseConfig().Zone, Systems: map[string]string{"A": "not a uri"}},
	} {
		if _, err := NewTranslator(tables, c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewTranslator(nil, CaseConfig()); err == nil {
		t.Error("no tables: accepted")
	}
	if tr := translator(t); !strings.HasPrefix(tr.Version(), "1.0.0+") {
		t.Errorf("version %q", tr.Version())
	}
	c := CaseConfig()
	c.Systems = map[string]string{"HOSP": "urn:oid:2.16.156.1"}
	tr, err := NewTranslator(tables, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := at(t, translate(t, tr, adtHead).Bundle, "Patient.identifier[0].system"); got != "urn:oid:2.16.156.1" {
		t.Errorf("configured system: %q", got)
	}
}
