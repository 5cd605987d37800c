package code_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"cardferry/drivers/code"
	"cardferry/drivers/decode"
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
	var all []fs.FS
	for _, text := range layers {
		all = append(all, fstest.MapFS{"r.yaml": {Data: []byte(text)}})
	}
	return code.LoadRules(all...)
}

func TestMistakesAreToldWithPlaceAndRemedy(t *testing.T) {
	const head = "rules:\n  - name: a\n    version: 1\n    medium: m\n"
	const tests = "    tests: {accept: [{scan: \"A\"}], reject: [\"B\"]}\n"
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", head + "    mach: 'A'\n" + tests, `r.yaml:5:5: unknown key "mach"; did you mean "match"?`},
		{"key of the old language", head + "    match: 'A'\n    checks: []\n" + tests, `r.yaml:6:5: unknown key "checks"`},
		{"key twice", head + "    match: 'A'\n    match: 'B'\n" + tests, `r.yaml:6:5: key "match" appears twice`},
		{"nothing to match", head + tests, `r.yaml:2:5: rule "a" needs "match" or "bytes"`},
		{"bare number", head + "    match: 0123\n" + tests, "r.yaml:5:12: want text, found a number; write it in quotes"},
		{"bad pattern", head + "    match: '('\n" + tests, "r.yaml:5:12: pattern:"},
		{"huge pattern", head + "    match: '" + strings.Repeat("A", 5000) + "'\n" + tests, "r.yaml:5:12: pattern has 5000 bytes"},
		{"no tests", head + "    match: 'A'\n    tests: {accept: [], reject: []}\n", `r.yaml:2:5: rule "a" needs tests`},
		{"unknown field in output", head + "    match: 'A'\n    output: {extras: {code: \"${x}\"}}\n" + tests, `r.yaml:6:29: unknown field "x"`},
		{"unknown FHIR element", head + "    match: 'A'\n    output: {patient: {sex: \"${scan}\"}}\n" + tests, `unknown FHIR element "sex"`},
		{"unknown source", head + "    match: 'A'\n    fields: {n: {from: body}}\n" + tests, `r.yaml:6:24: unknown source "body"`},
		{"unknown stage", head + "    match: 'A'\n    fields: {n: {from: scan, do: [chek: luhn]}}\n" + tests, `unknown stage "chek"; did you mean "check"?`},
		{"unknown check", head + "    match: 'A'\n    fields: {n: {from: scan, do: [check: crc]}}\n" + tests, `"crc"`},
		{"needs no field", head + "    match: 'A'\n    needs: [numbr]\n    fields: {number: {from: scan}}\n" + tests, `r.yaml:2:5: unknown field "numbr"; did you mean "number"?`},
		{"born no field", head + "    match: 'A'\n    born: b\n" + tests, `unknown field "b"`},
		{"warning of no field", head + "    match: 'A'\n    warnings: [{code: x, if: nothing}]\n" + tests, `unknown field "nothing"`},
		{"withheld but shown", head + "    match: 'A'\n    withhold: true\n    output: {extras: {code: \"${scan}\"}}\n" + tests, "withholds the value"},
		{"secret shown", head + "    match: 'A'\n    fields: {n: {from: scan, sensitivity: secret}}\n    output: {extras: {n: \"${n}\"}}\n" + tests, `unknown field "n"`},
		{"taken name", head + "    match: '(?P<scan>A)'\n" + tests, `match cannot call a group "scan"`},
		{"alias", "rules:\n  - &x {name: a}\n  - *x\n", "r.yaml:2:5: anchors and aliases"},
		{"same name twice", head + "    match: 'A'\n" + tests + strings.TrimPrefix(head, "rules:\n") + "    match: 'A'\n" + tests, `r.yaml:7:5: rule "a" is already in r.yaml:2`},
		{"not YAML", "rules: [", "r.yaml:1:1: "},
		{"empty", "", "begin with"},
		{"two documents", head + "    match: 'A'\n" + tests + "---\na: b\n", "more than one YAML document"},
		{"version is text", strings.Replace(head, "version: 1", "version: \"1\"", 1) + "    match: 'A'\n    aim: [5]\n" + tests, "r.yaml:6:11: want text"},
		{"version 0", strings.Replace(head, "version: 1", "version: 0", 1) + "    match: 'A'\n" + tests, "version counts from 1"},
		{"name", strings.Replace(head, "name: a", "name: A b", 1) + "    match: 'A'\n" + tests, "r.yaml:2:11: want lower-case letters"},
		{"priority", head + "    match: 'A'\n    priority: -101\n" + tests, "r.yaml:6:15: want a whole number from -100 to 100"},
		{"symbology", head + "    match: 'A'\n    aim: [QR]\n    charset: klingon\n" + tests, "r.yaml:7:14: charset \"klingon\" is not known"},
		{"symbology that is none", head + "    match: 'A'\n    aim: [y]\n" + tests, "r.yaml:6:11: want any, or an AIM code character"},
		{"normaliser", head + "    match: 'A'\n    normalise: [uper]\n" + tests, `did you mean "upper"?`},
		{"bytes without condition", head + "    bytes: {}\n" + tests, "r.yaml:5:12: want at least one of length, min, max, at"},
		{"hex", head + "    match: 'A'\n    tests: {accept: [{hex: \"4\"}], reject: [\"B\"]}\n", "want hex bytes"},
		{"neither scan nor hex", head + "    match: 'A'\n    tests: {accept: [{read: {}}], reject: [\"B\"]}\n", "r.yaml:6:22: give the scan either"},
		{"private test key", head + "    match: 'A'\n    tests: {keys: {s: '{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AA\"}]}'}, accept: [\"A\"], reject: [\"B\"]}\n", "private key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadErr(c.yaml)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v\nwant %s", err, c.want)
			}
			if at := (*decode.Error)(nil); !errors.As(err, &at) || at.File != "r.yaml" {
				t.Error("the error does not name its file")
			}
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := code.LoadRules(
		fstest.MapFS{"a.yaml": {Data: []byte("rules: [{nam: a}]")}, "b.yaml": {Data: []byte("rule: []")}},
		fstest.MapFS{"c.yaml": {Data: []byte("rules: 1")}},
	)
	for _, want := range []string{"a.yaml:1:10: unknown key", "b.yaml:1:1: unknown key", "c.yaml:1:8: want a list"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\nwant %s", err, want)
		}
	}
}

// Only so many mistakes are told; that must not let a broken rule pass for a whole one.
func TestARuleBrokenBehindManyMistakes(t *testing.T) {
	const rule = "  - {name: a, version: 1, medium: m, match: '(', tests: {accept: [A], reject: [B]}}\n"
	if _, err := loadErr("rules:\n" + strings.Repeat(rule, 40)); err == nil || !strings.Contains(err.Error(), "r.yaml:2:45: pattern:") {
		t.Error(err)
	}
}

func TestFileSizeIsLimited(t *testing.T) {
	if _, err := loadErr("#" + strings.Repeat("x", 1<<20)); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
}

func TestARulesOwnTestsCanFail(t *testing.T) {
	rules := load(t, `
rules:
  - name: a
    version: 1
    medium: m
    match: '[A-C]'
    output: {extras: {code: "${scan}"}}
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
		"r.yaml:11:11: read.extras.code differs",
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
