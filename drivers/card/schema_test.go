package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("profile.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("profile.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a YAML document as a schema sees it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(plainJSON(t, n.Content[0]))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func plainJSON(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainJSON(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plainJSON(t, c))
		}
		return list
	}
	switch n.Tag {
	case "!!int", "!!float":
		var f float64
		if err := n.Decode(&f); err == nil && f < 1e300 {
			return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

// Every shipped profile and example is valid.
func TestSchemaAcceptsShippedProfiles(t *testing.T) {
	s := compiledSchema(t)
	count := 0
	for _, pattern := range []string{"*.yaml", "examples/*.yaml"} {
		names, err := fs.Glob(os.DirFS("../../configs/cards"), pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			count++
			text, err := os.ReadFile("../../configs/cards/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(asJSON(t, string(text))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, text := range []string{minimal, generations, saying, storageProfile("  - uid: {as: id-bytes}"), "amends: xx-test\nrelease: [a]\nconstants: {b: c}\n"} {
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Error(err)
		}
	}
	if count < 4 {
		t.Errorf("%d profiles", count)
	}
}

// What the loader refuses for its shape, the schema refuses too.
func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	for _, tt := range []struct{ name, text, old, new string }{
		{"unknown key", minimal, "title:", "titel:"},
		{"missing key", minimal, "title: A test card\n", ""},
		{"text for a number", minimal, "version: 2", "version: two"},
		{"number for text", minimal, "title: A test card", "title: 12"},
		{"list for a mapping", minimal, "constants:\n  system: https://example.org/id", "constants: [a]"},
		{"unknown step key", minimal, "as: id-bytes", "ass: id-bytes"},
		{"step with two keys", minimal, "- select-aid: {aid: A000000001}", "- {select-aid: {aid: A0}, try: {steps: []}}"},
		{"step without key", minimal, "- select-aid: {aid: A000000001}", "- {}"},
		{"step without its argument", minimal, "{aid: A000000001}", "{p2: 0C}"},
		{"step as text", minimal, "{sfi: 01, length: 8, as: id-bytes}", "all"},
		{"unknown stage", minimal, "text: ascii", "txt: ascii"},
		{"unknown charset", minimal, "text: ascii", "text: gbk18030"},
		{"stage without argument", minimal, "[text: ascii]", "[text]"},
		{"stage with argument", minimal, "[hex]", "[hex: 1]"},
		{"bad cut", minimal, "id-bytes[0:2]", "id-bytes[a:b]"},
		{"unknown FHIR element", minimal, "identifier:", "identifyer:"},
		{"FHIR list written as object", minimal, `[{system: "${system}", value: "${number}"}]`, `{value: "${number}"}`},
		{"AID that is no hex", minimal, "A000000001", "AID"},
		{"assurance too high", minimal, "chip-read", "chip-authenticated"},
		{"unknown interface", minimal, "match:\n", "match:\n  interface: radio\n"},
		{"unknown protocol", minimal, "match:\n", "match:\n  protocol: T=2\n"},
		{"duration without unit", minimal, "steps:\n", "limits: {time: 10}\nsteps:\n"},
		{"duration as text", minimal, "steps:\n", "transport: {settle: soon}\nsteps:\n"},
		{"bad sensitivity", minimal, "sensitivity: sensitive", "sensitivity: high"},
		{"bad status word", minimal, "as: id-bytes", `as: id-bytes, optional: ["6A8"]`},
		{"bad capture name", minimal, "as: id-bytes", `as: "id bytes"`},
		{"unknown header", minimal, "length: 8", "length: {header: be32}"},
		{"length in words", minimal, "length: 8", "length: all"},
		{"negative number", minimal, "length: 8", "length: -8"},
		{"read-record to somewhere", minimal, "read-binary: {sfi: 01, length: 8,", "read-record: {from: 1, to: last,"},
		{"mifare-read with a key kind", minimal, "read-binary: {sfi: 01, length: 8,", "mifare-read: {sector: 1, blocks: [0], key: a, kind: C,"},
		{"memory card of another kind", minimal, "read-binary: {sfi: 01, length: 8,", "memory-card: {dialect: acs, type: sle4443,"},
		{"macro argument that is no number", minimal, "read-binary: {sfi: 01, length: 8,", "item: {tag: [1],"},
		{"no match", minimal, "match:\n  probe:\n    - select-aid: {aid: A000000001}\n", ""},
		{"match without anything", minimal, "  probe:\n    - select-aid: {aid: A000000001}\n", "  priority: 1\n"},
		{"no steps", minimal, "steps:\n  - read-binary: {sfi: 01, length: 8, as: id-bytes}\n", ""},
		{"steps beside variants", generations, "fields:", "steps: [select-file: {fid: 0001}]\nfields:"},
		{"probe beside variants", generations, "match: {atr: [3B67]}", "match: {probe: [select-file: {fid: 0001}]}"},
		{"variant without name", generations, "  - name: plain\n    match", "  - match"},
		{"says and fields", saying, "says:", "fields: {}\nsays:"},
		{"says something unknown", saying, "needs_pin", "needs_pim"},
		{"says without sentence", saying, ", about: The data open with a PIN only.", ""},
		{"test without expectation", minimal, "steps:\n", "tests: {a: {replay: {}}}\nsteps:\n"},
		{"amendment with a title", "amends: xx-test\n", "amends: xx-test\n", "amends: xx-test\ntitle: x\n"},
		{"predicate of two sources", minimal, "as: id-bytes", "as: id-bytes, when: {from: [a, b], equals: \"00\"}"},
		{"not a mapping", minimal, minimal, "- a\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tt.text, tt.old) {
				t.Fatalf("the profile has no %q", tt.old)
			}
			text := strings.Replace(tt.text, tt.old, tt.new, 1)
			var pe *ProfileError
			if _, err := load(text); !errors.As(err, &pe) {
				t.Errorf("the loader takes it: %v", err)
			}
			if err := s.Validate(asJSON(t, text)); err == nil {
				t.Error("the schema takes it")
			}
		})
	}
}

// Everything in the language says what it is for.
func TestLanguageIsDocumented(t *testing.T) {
	var walk func(path string, v any)
	missing := 0
	walk = func(path string, v any) {
		m, ok := v.(map[string]any)
		if !ok {
			return
		}
		props, _ := m["properties"].(map[string]any)
		for name, p := range props {
			pm, _ := p.(map[string]any)
			if pm == nil {
				continue
			}
			if pm["description"] == nil && !strings.Contains(path, "fhir") {
				missing++
				t.Errorf("%s.%s has no description", path, name)
			}
			walk(path+"."+name, p)
		}
		walk(path+"[]", m["items"])
		walk(path+"{}", m["additionalProperties"])
	}
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	defs := root["$defs"].(map[string]any)
	for _, name := range []string{"profile", "amendment", "step"} {
		walk(name, defs[name])
	}
	text := string(Reference())
	for _, o := range operations {
		if !strings.Contains(text, "### "+o.name+"\n") || o.doc == "" || o.example == "" {
			t.Errorf("step %s is not in the reference", o.name)
		}
	}
	for _, word := range []string{"`gb18030`", "## Stages", "| `uid-any` |", "ascii-hex", "`needs_pin`"} {
		if !strings.Contains(text, word) {
			t.Errorf("the reference does not have %s", word)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") && !strings.HasSuffix(line, " |\n") {
			t.Errorf("broken row %q", line)
		}
	}
}
