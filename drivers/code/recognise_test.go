package code_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"

	"golang.org/x/text/encoding/simplifiedchinese"
)

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
		{"born in the future", "990101209901010010", "unknown", []string{"code_unknown"}, false, false},
		{"dynamic health card", strings.Repeat("0a", 32) + ":0:1767240000", "cn-ehc-qr", []string{"needs_online"}, true, true},
		{"mistyped number that may be a payment code", "119901199003070057", "ambiguous", []string{"ambiguous"}, false, false},
		{"mistyped number", "990101190001010019", "cn-resident-id", []string{"check_digit"}, false, false},
		{"insurance voucher", "4240000000000000000100990000", "cn-medical-insurance-evoucher", []string{"needs_online"}, false, true},
		{"Alipay", "281234567890123456", "payment-code", []string{"payment_code"}, false, false},
		{"WeChat", "134567890123456789", "payment-code", []string{"payment_code"}, false, false},
		{"number that begins like a payment code", "119901199003070056", "cn-resident-id", nil, true, false},
		{"bank card stripe", ";4000000000000002=99121010000?\r\n", "bank-card", []string{"bank_card"}, false, false},
		{"wristband without rule", "MRN0001234", "unknown", []string{"code_unknown"}, false, false},
		{"signed code without the issuer's key", healthCard(t, rules), "smart-health-card", []string{"signature_unverified"}, true, false},
		{"nothing", "", "unknown", []string{"code_unknown"}, false, false},
		{"longer than any code", strings.Repeat("9", code.MaxScan+1), "unknown", []string{"code_unknown"}, false, false},
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

// healthCard is the first SMART Health Card of the shipped tests.
func healthCard(t testing.TB, rules *code.Rules) string {
	t.Helper()
	for _, s := range rules.Samples() {
		if strings.HasPrefix(s.Rule, "smart-health-card@") && s.Accepted {
			return string(s.Scan)
		}
	}
	t.Fatal("no sample of a SMART Health Card")
	return ""
}

func TestWithheldCodesGoNowhere(t *testing.T) {
	rules := shipped(t)
	for _, secret := range []string{"281234567890123456", "134567890123456789", "4000000000000002", "6200000000000000004", "wxp://f2f00000000000000000000000000000000"} {
		for _, scan := range []string{secret, secret + "\r\n", " " + secret, "]C0" + secret, "]Q1" + secret} {
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
		{"separators stay", []byte("A\x1DB\rC"), "code", "A\x1DB\rC"},
		{"no text", []byte{0xFF, 0xFE, 0x00, 0x80}, "codeHex", "fffe0080"},
		{"AIM identifier goes", []byte("]C0MRN0001"), "code", "MRN0001"},
		{"AIM identifier tells the symbology", []byte("]z0MRN0001"), "symbology", "Aztec"},
		{"what looks like one stays", []byte("]10MRN0001"), "code", "]10MRN0001"},
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
    match: 'Z(?P<digits>[0-9]{8}[0-9X])'
    fields:
      mrn: {from: digits, do: [check: mod11-2]}
    output:
      patient:
        identifier:
          - use: usual
            type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/v2-0203", code: MR}]}
            system: "urn:oid:2.999.1"
            value: ${mrn}
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

func TestValidityAndBirth(t *testing.T) {
	rules := load(t, `
rules:
  - name: pass
    version: 1
    medium: pass
    match: '(?P<first>[0-9-]*)/(?P<last>[0-9.-]*)/(?P<birth>[0-9-]*)'
    born: birth
    valid: {from: first, until: last}
    tests: {accept: ["2026-01-01/2026-12-31/1990"], reject: ["a"]}
`)
	now := time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)
	rules = rules.With(code.Options{Now: func() time.Time { return now }})
	for _, c := range []struct {
		name, scan string
		warnings   []string
		applies    bool
	}{
		{"within", "2026-01-01/2026-12-31/1990-03-02", nil, true},
		{"last day", "2026-11-24/2026-11-24/1990", nil, true},
		{"ended yesterday", "/2026-11-23/1990", []string{"expired"}, true}, // also 12 h west, where the 23rd lasts until 12:00 UTC
		{"ended the day before", "/2026-11-22/1990", []string{"expired"}, true},
		{"begins the day after tomorrow", "2026-11-26//1990", []string{"not_yet_valid"}, true},
		{"whole month", "/2026-11/1990", nil, true},
		{"whole year", "/2025/1990", []string{"expired"}, true},
		{"seconds", "1764000000/1764000001.5/1990", []string{"expired"}, true},
		{"in seconds to come", "4070908800//1990", []string{"not_yet_valid"}, true},
		{"no dates", "//1990-03", nil, true},
		{"no birth date", "//", nil, false},
		{"born tomorrow", "//2026-11-25", nil, true}, // it is the 25th at 14 h east
		{"born in the future", "//2026-11-26", nil, false},
		{"born too long ago", "//1849-12-31", nil, false},
		{"no day of the calendar", "//2026-02-30", nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules.Recognise([]byte(c.scan))
			if (r.Medium == "pass") != c.applies || c.applies && !slices.Equal(warnings(r), c.warnings) {
				t.Errorf("medium %s, warnings %v", r.Medium, warnings(r))
			}
		})
	}
}

func TestBytesDecideBinaryCodes(t *testing.T) {
	rules := load(t, `
rules:
  - name: binary
    version: 1
    medium: binary
    aim: [L]
    bytes: {min: 6, max: 8, at: [{is: "01"}, {offset: 2, is: FF00}]}
    fields: {number: {from: "bytes[4:6]", do: [uint: be]}}
    output: {extras: {number: "${number}"}}
    tests: {accept: [{hex: 0102FF000001}], reject: ["a"]}
`)
	for _, c := range []struct {
		name, scan string
		applies    bool
	}{
		{"as long as it may be", "\x01\x02\xFF\x00\x00\x01\x00\x00", true},
		{"behind an AIM identifier", "]L0\x01\x02\xFF\x00\x00\x01", true},
		{"behind that of another symbology", "]Q1\x01\x02\xFF\x00\x00\x01", false},
		{"too long", "\x01\x02\xFF\x00\x00\x01\x00\x00\x00", false},
		{"too short", "\x01\x02\xFF\x00\x00", false},
		{"other bytes", "\x01\x02\xFF\x01\x00\x01", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules.Recognise([]byte(c.scan))
			if (r.Medium == "binary") != c.applies || c.applies && r.Extras["number"] != "1" {
				t.Errorf("medium %s, extras %v", r.Medium, r.Extras)
			}
			if c.applies && r.Warnings != nil {
				t.Errorf("warnings %v: bytes are no lossy text", r.Warnings)
			}
		})
	}
}

func TestNoRulesRecogniseNothing(t *testing.T) {
	var rules *code.Rules
	if r := rules.Recognise([]byte("A")); r.Medium != drivers.MediumUnknown {
		t.Error(r.Medium)
	}
	if r := rules.With(code.Options{}).Recognise([]byte("A")); r.Medium != drivers.MediumUnknown {
		t.Error(r.Medium)
	}
	if res := rules.Test(); len(res) != 1 || res[0].Err == nil {
		t.Error("tests of no rules passed")
	}
	if r := load(t, "rules: []").Recognise([]byte("A")); r.Extras["code"] != "A" {
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
