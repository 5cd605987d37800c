package fromfhir

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/fhir"
	"cardferry/hl7/structure"
)

var update = flag.Bool("update", false, "write the golden files")

var options = Options{
	SendingApplication: hl7.HD{NamespaceID: "CARDFERRY"}, SendingFacility: hl7.HD{NamespaceID: "330106001"},
	ReceivingApplication: hl7.HD{NamespaceID: "HIS"}, ReceivingFacility: hl7.HD{NamespaceID: "330106001"},
	Scheduler: hl7.XCN{ID: "900", Name: hl7.XPN{Family: "预约台"}},
}

// valid parses a message and holds it against the standard. Lengths are told as
// information by the standard's own rules: a value is sent whole or not at all.
func valid(t *testing.T, raw []byte) *hl7.Message {
	t.Helper()
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range structure.Validate(m, structure.Options{Strict: true}) {
		if f.Code == structure.CodeTooLong {
			continue
		}
		t.Errorf("not as the standard has it: %+v\n%s", f, bytes.ReplaceAll(raw, []byte("\r"), []byte("\n")))
	}
	return m
}

func get(t *testing.T, m *hl7.Message, path string) string {
	t.Helper()
	v, err := m.Get(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Raw())
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		make func([]byte, Options) ([]byte, error)
	}{{"report", ORU}, {"referral", REF}, {"appointment", SIU}} {
		t.Run(c.name, func(t *testing.T) {
			doc := file(t, "testdata/"+c.name+".json")
			got, err := c.make(doc, options)
			if err != nil {
				t.Fatal(err)
			}
			valid(t, got)
			again, err := c.make(doc, options)
			if err != nil || !bytes.Equal(got, again) {
				t.Error("the same input gives other bytes")
			}
			golden := "testdata/" + c.name + ".hl7"
			if *update {
				if err := os.WriteFile(golden, bytes.ReplaceAll(got, []byte("\r"), []byte("\n")), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := fhir.Segments(file(t, golden)); !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", bytes.ReplaceAll(got, []byte("\r"), []byte("\n")), bytes.ReplaceAll(want, []byte("\r"), []byte("\n")))
			}
		})
	}
}

// TestThereAndBack translates results to FHIR and back: what the laboratory said
// is there again, whatever became of it in between.
func TestThereAndBack(t *testing.T) {
	tables, err := fhir.LoadTables(os.DirFS("../../configs/v2fhir"))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := fhir.NewTranslator(tables, fhir.CaseConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		results map[string]string // by OBX-3.1, what comes back instead of OBX-5
	}{
		{"oru-r01", map[string]string{
			"2345-7": "", "1920-8": "", "883-9": "", "8251-1": "", "5048-4": "", "X1": "", "2160-0": "",
			"PDF": "^AP^PDF^Base64^JVBERi0xLjQK", // the source application has no place in an Attachment
			"X2":  "084000",                      // a FHIR time has seconds
		}},
		{"oru-two-panels", map[string]string{"718-7": "98.0", "11156-7": "", "600-7": "", "18906-8": "", "X3": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent, err := hl7.Parse(fhir.Segments(file(t, "../../configs/v2fhir/tests/"+c.name+".hl7")), hl7.Options{})
			if err != nil {
				t.Fatal(err)
			}
			res, err := tr.Translate(sent, "key")
			if err != nil {
				t.Fatal(err)
			}
			o := options
			o.Time = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
			raw, err := ORU(res.Bundle, o)
			if err != nil {
				t.Fatal(err)
			}
			back := valid(t, raw)
			paths := []string{"PID-3", "PID-5", "PID-7", "PID-8"}
			for i := range sent.All("OBR") {
				for _, f := range []int{2, 3, 4, 25} {
					paths = append(paths, fmt.Sprintf("OBR[%d]-%d", i, f))
				}
			}
			for _, path := range paths {
				if got, want := get(t, back, path), get(t, sent, path); got != want {
					t.Errorf("%s = %q, was %q", path, got, want)
				}
			}
			for code, instead := range c.results {
				was, is := result(t, sent, code), result(t, back, code)
				for _, f := range []int{3, 5, 6, 7, 8, 11} {
					got, want := string(is.Field(f).Raw()), string(was.Field(f).Raw())
					if f == 5 && instead != "" {
						want = instead
					}
					if got != want {
						t.Errorf("%s: OBX-%d = %q, was %q", code, f, got, want)
					}
				}
			}
		})
	}
}

// result is the OBX of a code.
func result(t *testing.T, m *hl7.Message, code string) hl7.Segment {
	t.Helper()
	for _, s := range m.All("OBX") {
		if s.Field(3).CWE().Code == code {
			return s
		}
	}
	t.Fatalf("no result %s", code)
	return hl7.Segment{}
}

// observed is a report with one Observation that has the elements given.
func observed(elements string) []byte {
	return []byte(`{"resourceType":"DiagnosticReport","id":"r","meta":{"versionId":"1","lastUpdated":"2026-01-01T00:00:00Z"},"status":"final","code":{"text":"c"},
"subject":{"display":"A","identifier":{"system":"urn:oid:1.2","value":"1"}},"identifier":[{"value":"F"}],"result":[{"reference":"#o"}],
"contained":[{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},` + elements + `}]}`)
}

func TestValues(t *testing.T) {
	for _, c := range []struct{ name, elements, datatype, value, units string }{
		{"decimal keeps its digits", `"valueQuantity":{"value":13.20,"unit":"g/L","system":"http://unitsofmeasure.org","code":"g/L"}`, "NM", "13.20", "g/L^^UCUM"},
		{"exponent is written out", `"valueQuantity":{"value":-1.250e2}`, "NM", "-125.0", ""},
		{"negative exponent", `"valueQuantity":{"value":12e-3}`, "NM", "0.012", ""},
		{"unit that has another name", `"valueQuantity":{"value":1,"unit":"千帕","system":"http://unitsofmeasure.org","code":"kPa"}`, "NM", "1", "kPa^千帕^UCUM"},
		{"unit that is no code", `"valueQuantity":{"value":1,"unit":"片"}`, "NM", "1", "片"},
		{"comparison", `"valueQuantity":{"value":0.5,"comparator":"<="}`, "SN", "<=^0.5", ""},
		{"range", `"valueRange":{"low":{"value":1,"unit":"a"},"high":{"value":2,"unit":"a"}}`, "SN", "^1^-^2", "a"},
		{"range without an end", `"valueRange":{"low":{"value":1}}`, "SN", ">=^1", ""},
		{"titre", `"valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}`, "SN", "^1^:^128", ""},
		{"ratio of two units", `"valueRatio":{"numerator":{"value":5,"unit":"mg"},"denominator":{"value":2,"unit":"mL"}}`, "ST", "5 mg : 2 mL", ""},
		{"code with its text and another coding", `"valueCodeableConcept":{"coding":[{"system":"http://loinc.org","code":"A","display":"a"},{"system":"urn:oid:1.2.3","code":"B"}],"text":"甲"}`, "CWE", "A^a^LN^B^^1.2.3^^^甲", ""},
		{"code of a v2 table", `"valueCodeableConcept":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0487","code":"SER"}]}`, "CWE", "SER^^HL70487", ""},
		{"text alone", `"valueCodeableConcept":{"text":"甲"}`, "CWE", "^甲", ""},
		{"lines", `"valueString":"一\r\n\n三"`, "TX", "一~~三", ""},
		{"delimiters", `"valueString":"a|b^c"`, "ST", `a\F\b\S\c`, ""},
		{"truth", `"valueBoolean":false`, "CWE", "N^No^HL70136", ""},
		{"integer", `"valueInteger":7`, "NM", "7", ""},
		{"year", `"valueDateTime":"2026"`, "DT", "2026", ""},
		{"instant", `"valueDateTime":"2026-01-02T03:04:05.600-03:30"`, "TS", "20260102030405.600-0330", ""},
		{"time", `"valueTime":"08:40:00"`, "TM", "084000", ""},
		{"period", `"valuePeriod":{"start":"2026-01","end":"2026-02-01"}`, "DR", "202601^20260201", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw, err := ORU(observed(c.elements), options)
			if err != nil {
				t.Fatal(err)
			}
			m := valid(t, raw)
			if got := [...]string{get(t, m, "OBX-2"), get(t, m, "OBX-5"), get(t, m, "OBX-6")}; got != [...]string{c.datatype, c.value, c.units} {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestReportThatWasAnErrorTakesItsResultsBack(t *testing.T) {
	doc := bytes.Replace(observed(`"valueInteger":7`), []byte(`"status":"final"`), []byte(`"status":"entered-in-error"`), 1)
	raw, err := ORU(doc, options)
	if err != nil {
		t.Fatal(err)
	}
	m := valid(t, raw)
	if get(t, m, "OBR-25") != "C" || get(t, m, "OBX-11") != "W" {
		t.Error("the receiver is not told")
	}
}

func TestControlIDFollowsTheVersion(t *testing.T) {
	id := func(doc []byte) string {
		raw, err := ORU(doc, options)
		if err != nil {
			t.Fatal(err)
		}
		return get(t, valid(t, raw), "MSH-10")
	}
	doc := observed(`"valueInteger":7`)
	first := id(doc)
	if len(first) != 20 || id(bytes.Replace(doc, []byte("7"), []byte("7 "), 1)) != first {
		t.Error("one version of one resource has two control ids")
	}
	if id(bytes.Replace(doc, []byte(`"versionId":"1"`), []byte(`"versionId":"2"`), 1)) == first {
		t.Error("another version has the same control id")
	}
	unnamed := bytes.Replace(doc, []byte(`"id":"r",`), nil, 1)
	if id(unnamed) == id(bytes.Replace(unnamed, []byte("7"), []byte("8"), 1)) {
		t.Error("without an id other content has the same control id")
	}
}

func TestPatientIsNamedByWhatTheReceiverKnows(t *testing.T) {
	o := options
	o.PatientIdentifierSystem = "urn:cardferry:site:330106001:aa:HOSP"
	raw, err := REF(file(t, "testdata/referral.json"), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, valid(t, raw), "PID-3[1]"); !strings.HasPrefix(got, "00012345^^^HOSP^MR") {
		t.Error("the local number is not the first")
	}
}

func BenchmarkORU(b *testing.B) {
	doc := file(b, "testdata/report.json")
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ORU(doc, options); err != nil {
			b.Fatal(err)
		}
	}
}
