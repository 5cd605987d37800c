package code_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardferry/drivers/code"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(code.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// validate checks YAML as an editor does: by way of JSON.
func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(doc)
}

func TestSchemaTakesShippedRules(t *testing.T) {
	schema := compileSchema(t)
	files, err := filepath.Glob("../../configs/codes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, text); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func TestSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	schema := compileSchema(t)
	const head = "rules:\n  - name: a\n    version: 1\n    medium: m\n    match: 'A'\n"
	const tests = "    tests: {accept: [\"A\"], reject: [\"B\"]}\n"
	if err := validate(t, schema, []byte(head+tests)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"unknown key":           head + "    mach: 'A'\n" + tests,
		"missing key":           strings.Replace(head, "    medium: m\n", "", 1) + tests,
		"missing tests":         head,
		"bare number":           strings.Replace(head, "'A'", "123", 1) + tests,
		"version is a word":     strings.Replace(head, "1", "one", 1) + tests,
		"name":                  strings.Replace(head, "name: a", "name: A", 1) + tests,
		"symbology":             head + "    aim: [QR]\n" + tests,
		"normaliser":            head + "    normalise: [lower]\n" + tests,
		"needs is text":         head + "    needs: number\n" + tests,
		"withhold is text":      head + "    withhold: \"yes\"\n" + tests,
		"warning without code":  head + "    warnings: [{if: x}]\n" + tests,
		"bytes with other key":  head + "    bytes: {size: 3}\n" + tests,
		"marker without bytes":  head + "    bytes: {at: [{offset: 1}]}\n" + tests,
		"unknown stage":         head + "    fields: {n: {from: scan, do: [chek]}}\n" + tests,
		"two stages in one":     head + "    fields: {n: {from: scan, do: [{upper: x, check: luhn}]}}\n" + tests,
		"stage lacks argument":  head + "    fields: {n: {from: scan, do: [check]}}\n" + tests,
		"unknown check":         head + "    fields: {n: {from: scan, do: [check: crc]}}\n" + tests,
		"unknown field key":     head + "    fields: {n: {form: scan}}\n" + tests,
		"unknown FHIR element":  head + "    output: {patient: {sex: \"${scan}\"}}\n" + tests,
		"element of wrong kind": head + "    output: {patient: {name: \"${scan}\"}}\n" + tests,
		"unknown output":        head + "    output: {observation: {}}\n" + tests,
		"valid is a list":       head + "    valid: [a, b]\n" + tests,
		"sample with other key": head + "    tests: {accept: [{text: A}], reject: [\"B\"]}\n",
		"keys are a list":       head + "    tests: {keys: [a], accept: [\"A\"], reject: [\"B\"]}\n",
		"no list of rules":      "rules: {name: a}\n",
		"other top":             "rule: []\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := loadErr(text); err == nil {
				t.Error("the loader takes it")
			}
			if err := validate(t, schema, []byte(text)); err == nil {
				t.Error("the schema takes it")
			}
		})
	}
}

func TestReferenceHasEveryKey(t *testing.T) {
	text := string(code.Reference())
	for _, want := range []string{
		"### `rules[]`", "| `name` (required) | text |", "| `one_time` | true or false |", "### `rules[].bytes`", "### `rules[].bytes.at[]`",
		"### `rules[].valid`", "### `rules[].warnings[]`", "### `rules[].tests`", "### `rules[].tests.accept[]`", "`width`, `upper`, `space`",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("reference lacks %s", want)
		}
	}
	if strings.Contains(text, "|  |\n") {
		t.Error("a key has no meaning")
	}
}

var update = flag.Bool("update", false, "rewrite generated pages")

// The list of codes beside the rules is generated from them.
func TestCatalogueIsUpToDate(t *testing.T) {
	const name = "../../configs/codes/CODES.md"
	want := "# Codes and stripes that are recognised\n\nGenerated from the rules in this folder by `go test ./drivers/code -run Catalogue -update`.\n\n" +
		string(shipped(t).Catalogue())
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date; run go test ./drivers/code -run Catalogue -update", name)
	}
}
