package code_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
)

func FuzzRecognise(f *testing.F) {
	rules := shipped(f)
	withheld := map[string]bool{}
	for _, i := range rules.List() {
		if i.Withheld {
			withheld[i.Name] = true
		}
	}
	for _, s := range rules.Samples() {
		f.Add(s.Scan)
	}
	for _, s := range hostile() {
		f.Add([]byte(s))
	}
	for _, s := range []string{"]C1", "\xB2\xE2\xCA\xD4", "\xEF\xBB\xBF", strings.Repeat("9", 7089), "HC1:" + strings.Repeat(":", 4000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, scan []byte) {
		start := time.Now()
		r := rules.Recognise(scan)
		if took := time.Since(start); took > time.Second {
			t.Fatalf("took %v", took)
		}
		if r.Medium == "" || r.Assurance != drivers.MemoryRead {
			t.Fatal("incomplete read")
		}
		if (r.Medium == drivers.MediumUnknown || r.Medium == code.MediumAmbiguous) && r.Patient != nil {
			t.Fatal("a doubtful scan gave a patient")
		}
		rule, _, _ := strings.Cut(r.Profile, "@")
		if withheld[rule] && (r.Extras != nil || r.Patient != nil || r.Coverage != nil) {
			t.Fatal("a withheld code is passed on")
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
	f.Add([]byte("rules: [{name: a, version: 1, medium: m, bytes: {length: 1, at: [{is: 00}]}, match: '(?P<b>.)', fields: {x: {from: b, do: [json]}}, needs: [x], born: b, valid: {from: b}, warnings: [{code: c, if: x}], tests: {accept: [a], reject: [{hex: 00}]}}]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		rules, err := code.LoadRules(fstest.MapFS{"r.yaml": {Data: data}})
		if err == nil {
			rules.Test()
		}
	})
}

func BenchmarkRecognise(b *testing.B) {
	rules := shipped(b)
	samples := map[string]string{
		"unknown":   "MRN0001234",
		"long":      strings.Repeat("A", 2953),
		"digits":    strings.Repeat("9", 7089),
		"hostile":   strings.Repeat("8018", code.MaxScan/4),
		"wristband": "]C1801800000000000000001780191",
	}
	for _, s := range rules.Samples() {
		if name, version, _ := strings.Cut(s.Rule, "@"); version != "" && s.Case == "accept 1" {
			switch name {
			case "cn-resident-id", "cn-ehc-static", "wechat-payment", "vn-cccd", "aamva", "mrz-td3", "smart-health-card", "eu-dcc", "in-aadhaar":
				samples[name] = string(s.Scan)
			}
		}
	}
	for name, scan := range samples {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rules.Recognise([]byte(scan))
			}
		})
	}
}
