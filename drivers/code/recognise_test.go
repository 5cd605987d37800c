package code_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cardferry/drivers"
	"cardferry/drivers/code"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// load loads rules from YAML texts, one file system each.
func load(t testing.TB, layers ...string) *code.Rules {
	t.Helper()
	rules, err := loadErr(layers...)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func loadErr(layers ...string) (*code.Rules, error) {
	first := fstest.MapFS{"r.yaml": {Data: []byte(layers[0])}}
	switch len(layers) {
	case 1:
		return code.LoadRules(first)
	default:
		return code.LoadRules(first, fstest.MapFS{"r.yaml": {Data: []byte(layers[1])}})
	}
}

func warnings(r drivers.Read) []string {
	var codes []string
	for _, w := range r.Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

func TestRecogniseShippedCodes(t *testing.T) {
	rules := shipped(t)
	for _, c := range []struct {
		name, scan, medium string
		warnings           []string
		patient            bool
		oneTime            bool
	}{
		{"resident number", "990101190001010018", "cn-resident-id", nil, true, false},
		{"born in the future", "990101299001010017", "unknown", []string{"code_unknown"}, false, false},
		{"dynamic health card", strings.Repeat("0a", 32) + ":0:1767240000", "cn-ehc-qr", []string{"needs_online"}, true, true},
		{"mistyped number that is no payment code", "119901199003070057", "ambiguous", []string{"ambiguous"}, false, false},
		{"mistyped number", "990101190001010019", "cn-resident-id", []string{"check_digit"}, false, false},
		{"insurance voucher", "4240000000000000000100990000", "cn-medical-insurance-evoucher", []string{"needs_online"}, false, true},
		{"Alipay", "281234567890123456", "payment-code", []string{"payment_code"}, false, false},
		{"WeChat", "134567890123456789", "payment-code", []string{"payment_code"}, false, false},
		{"number that begins like a payment code", "119901199003070056", "cn-resident-id", nil, true, false},
		{"bank card stripe", ";4000000000000002=99121010000?\r\n", "bank-card", []string{"bank_card"}, false, false},
		{"wristband without rule", "MRN0001234", "unknown", []string{"code_unknown"}, false, false},
		{"nothing", "", "unknown", []string{"code_unknown"}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules.Recognise([]byte(c.scan))
			if r.Medium != c.medium || !slices.Equal(warnings(r), c.warnings) || (r.Patient != nil) != c.patient || code.OneTime(r) != c.oneTime {
				t.Errorf("medium %s, warnings %v, patient %t, one-time %t", r.Medium, warnings(r), r.Patient != nil, code.OneTime(r))
			}
			if r.Assurance != drivers.MemoryRead {
				t.Errorf("assurance %s", r.Assurance)
			}
			if r.ID != "" || !r.Time.IsZero() || r.Reader != "" {
				t.Error("id, time and reader belong to the caller")
			}
		})
	}
}

func TestPaymentCredentialsGoNowhere(t *testing.T) {
	rules := shipped(t)
	for _, secret := range []string{"281234567890123456", "134567890123456789", "4000000000000002"} {
		for _, scan := range []string{secret, secret + "\r\n", " " + secret} {
			out, err := json.Marshal(rules.Recognise([]byte(scan)))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(out), secret) {
				t.Errorf("the read holds the value of %.4s…", secret)
			}
		}
	}
}

func TestUnknownCodesKeepTheirText(t *testing.T) {
	rules := shipped(t)
	gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte("样例-0001"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		scan []byte
		key  string
		want string
	}{
		{"ASCII", []byte("MRN-0001\r\n"), "code", "MRN-0001"},
		{"UTF-8 with byte order mark", []byte("\xEF\xBB\xBF样例-0001\t"), "code", "样例-0001"},
		{"GB 18030", gbk, "code", "样例-0001"},
		{"controls", []byte("\x02MRN\x000001\x03"), "code", "MRN0001"},
		{"separators stay", []byte("A\x1DB"), "code", "A\x1DB"},
		{"no text", []byte{0xFF, 0xFE, 0x00, 0x80}, "codeHex", "fffe0080"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules.Recognise(c.scan)
			if r.Medium != drivers.MediumUnknown || r.Extras[c.key] != c.want {
				t.Errorf("medium %s, extras %q", r.Medium, r.Extras)
			}
		})
	}
}

const wristband = `
rules:
  - name: wristband
    version: 2
    medium: wristband
    priority: 10
    aim: [C]
    match: 'Z(?P<mrn>[0-9]{8}[0-9X])'
    checks: [{algorithm: mod11, of: mrn, on_fail: warn}]
    patient:
      identifier: [{use: usual, type: MR, system: "urn:oid:2.999.1", value: "{mrn}"}]
    tests: {accept: [{scan: "Z00000001X"}], reject: ["Z1"]}
`

func TestSiteRules(t *testing.T) {
	rules := load(t, wristband)
	for _, r := range rules.Test() {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	for _, c := range []struct {
		scan     string
		warnings []string
	}{
		{"Z00000001X", nil},
		{"]C0Z00000001X", nil},
		{"Z000000011", []string{"check_digit"}},
	} {
		r := rules.Recognise([]byte(c.scan))
		if r.Profile != "wristband@2" || !slices.Equal(warnings(r), c.warnings) || len(r.Patient.Identifier) != 1 {
			t.Errorf("%s: profile %q, warnings %v", c.scan, r.Profile, warnings(r))
		}
	}
	if r := rules.Recognise([]byte("]Q1Z00000001X")); r.Medium != drivers.MediumUnknown {
		t.Error("a rule took a symbology it did not ask for")
	}
}

func TestASiteRuleReplacesAShippedOneOfItsName(t *testing.T) {
	rule := func(medium string) string {
		return `rules: [{name: a, version: 1, medium: ` + medium + `, match: 'A', tests: {accept: [{scan: "A"}], reject: ["B"]}}]`
	}
	if got := load(t, rule("shipped"), rule("site")).Recognise([]byte("A")).Medium; got != "site" {
		t.Errorf("medium %s", got)
	}
}

func TestMistakesAreToldWithPlaceAndRemedy(t *testing.T) {
	const head = "rules:\n  - name: a\n    version: 1\n    medium: m\n"
	const tests = "    tests: {accept: [{scan: \"A\"}], reject: [\"B\"]}\n"
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", head + "    mach: 'A'\n" + tests, `r.yaml:5:5: unknown key "mach"; did you mean "match"?`},
		{"key twice", head + "    match: 'A'\n    match: 'B'\n" + tests, `r.yaml:6:5: key "match" is given twice`},
		{"missing key", head + tests, `r.yaml:2:5: key "match" is missing`},
		{"bare number", head + "    match: 0123\n" + tests, "r.yaml:5:12: put quotes around this value"},
		{"bad pattern", head + "    match: '('\n" + tests, "r.yaml:5:12: pattern:"},
		{"no tests", head + "    match: 'A'\n    tests: {}\n", `r.yaml:2:5: rule "a" needs tests`},
		{"unknown placeholder", head + "    match: 'A'\n    extras: {code: \"{x}\"}\n" + tests, "r.yaml:6:20: {x} is neither"},
		{"check of no group", strings.Replace(wristband, "of: mrn", "of: body", 1), "match has no such group"},
		{"placeholder of no group", strings.Replace(wristband, "{mrn}", "{nobody}", 1), "{nobody} is neither"},
		{"unknown algorithm", head + "    match: '(?P<n>A)'\n    checks: [{algorithm: crc, of: n}]\n" + tests, `r.yaml:6:26: "crc" is not one of`},
		{"withheld but shown", head + "    match: 'A'\n    withhold: true\n    extras: {code: \"{text}\"}\n" + tests, "withholds the value"},
		{"alias", "rules:\n  - &x {name: a}\n  - *x\n", "r.yaml:"},
		{"same name twice", head + "    match: 'A'\n" + tests + strings.TrimPrefix(head, "rules:\n") + "    match: 'A'\n" + tests, `rule "a" is already in r.yaml:2`},
		{"not YAML", "rules: [", "r.yaml: yaml: line 1"},
		{"empty", "", "begin with"},
		{"version is text", strings.Replace(head, "version: 1", "version: \"1\"", 1) + tests, "r.yaml:3:14: want a whole number"},
		{"date format", head + "    match: 'A'\n    patient: {birthDate: {value: \"{text}\", format: YYMMDD}}\n" + tests, "want a date format"},
		{"gender", head + "    match: 'A'\n    patient: {gender: {value: \"{text}\", map: {A: man}}}\n" + tests, "is not one of [male"},
		{"hex", head + "    match: 'A'\n    tests: {accept: [{hex: \"4\"}], reject: [\"B\"]}\n", "pairs of hexadecimal digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := loadErr(c.yaml); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestARulesOwnTestsCanFail(t *testing.T) {
	rules := load(t, `
rules:
  - name: a
    version: 1
    medium: m
    match: '[A-C]'
    extras: {code: "{text}"}
    tests:
      accept:
        - scan: "D"
        - scan: "A"
          read: {extras: {code: "B"}}
        - scan: "A"
          read: {extras: null}
        - scan: "A"
          read: {warnings: [{code: x}]}
        - scan: "A"
          read: {patient: {gender: male}}
      reject: ["C"]
`)
	want := []string{
		`r.yaml:10:11: scan is taken for medium "unknown"`,
		"r.yaml:11:11: read.extras.code: differs",
		"r.yaml:13:11: read.extras is there",
		"r.yaml:15:11: read.warnings has another number",
		"r.yaml:17:11: read.patient is missing",
		"r.yaml:19:16: scan is taken by the rule",
	}
	results := rules.Test()
	if len(results) != len(want) {
		t.Fatalf("%d results", len(results))
	}
	for i, r := range results {
		if r.Err == nil || !strings.Contains(r.Err.Error(), want[i]) {
			t.Errorf("%s, %s: %v; want %s", r.Rule, r.Case, r.Err, want[i])
		}
	}
}

func TestNoRulesRecogniseNothing(t *testing.T) {
	var rules *code.Rules
	if r := rules.Recognise([]byte("A")); r.Medium != drivers.MediumUnknown {
		t.Error(r.Medium)
	}
	if res := rules.Test(); len(res) != 1 || res[0].Err == nil {
		t.Error("tests of no rules passed")
	}
	empty, err := code.LoadRules(fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	if r := empty.Recognise([]byte("A")); r.Extras["code"] != "A" {
		t.Error("text of an unknown code is lost")
	}
}

func TestText(t *testing.T) {
	big5 := []byte{0xB4, 0xFA, 0xB8, 0xD5} // 測試
	for _, c := range []struct {
		name, charset string
		scan          []byte
		want          string
		lossy, fails  bool
	}{
		{"stated Big5", "big5", big5, "測試", false, false},
		{"stated UTF-8, broken", "utf-8", []byte("A\xFF"), "A\uFFFD", true, false},
		{"unknown charset", "klingon", []byte("A"), "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, lossy, err := code.Text(c.scan, c.charset)
			if got != c.want || lossy != c.lossy || (err != nil) != c.fails {
				t.Errorf("%q, %t, %v", got, lossy, err)
			}
		})
	}
}

func TestStripAIM(t *testing.T) {
	for scan, want := range map[string]string{"]C1A": "A", "]Q3": "", "]": "]", "A]C1": "A]C1", "]1CA": "]1CA", "": ""} {
		if got := code.StripAIM([]byte(scan)); string(got) != want {
			t.Errorf("%q: %q, want %q", scan, got, want)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	rules := shipped(f)
	for _, s := range []string{
		"990101190001010018", "119901199003070056", "281234567890123456", "4240000000000000000100990000",
		strings.Repeat("0a", 32) + ":0:x", "]C1", ";4000000000000002=99121010000?", "%B4000000000000002^A/B^9912?",
		"000000000001||N|31021990|Nam||01012022", "\xB2\xE2\xCA\xD4", "\xEF\xBB\xBF", "]d28018000000000000000017",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, scan []byte) {
		r := rules.Recognise(scan)
		if r.Medium == "" || r.Assurance != drivers.MemoryRead {
			t.Fatal("incomplete read")
		}
		if (r.Medium == drivers.MediumUnknown || r.Medium == code.MediumAmbiguous) && r.Patient != nil {
			t.Fatal("a doubtful scan gave a patient")
		}
		if r.Medium == "payment-code" && r.Extras != nil {
			t.Fatal("a payment code is passed on")
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzLoadRules(f *testing.F) {
	f.Add([]byte(wristband))
	f.Add([]byte("rules:\n  - &x {name: a}\n  - *x\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		rules, err := code.LoadRules(fstest.MapFS{"r.yaml": {Data: data}})
		if err == nil {
			rules.Test()
		}
	})
}

func BenchmarkRecognise(b *testing.B) {
	rules := shipped(b)
	for name, scan := range map[string]string{
		"resident-id": "990101190001010018", "unknown": "MRN0001234", "long": strings.Repeat("A", 2953),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rules.Recognise([]byte(scan))
			}
		})
	}
}
