package decode

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }

// sample has a field of every shape that the decoder knows.
type sample struct {
	Name   string            `yaml:"name,required"`
	Count  int               `yaml:"count"`
	On     bool              `yaml:"on"`
	List   []string          `yaml:"list"`
	Map    map[string]string `yaml:"map"`
	Order  Ordered[int]      `yaml:"order"`
	Hex    HexBytes          `yaml:"hex"`
	Tree   *Tree             `yaml:"tree"`
	Inside struct {
		Deep string `yaml:"deep"`
	} `yaml:",inline"`
}

func TestDecoder(t *testing.T) {
	var s sample
	decodeYAML(t, "name: x\ncount: 0x19\non: true\nlist: [a, b]\nmap: {k: v}\norder: {b: 1, a: 2}\nhex: 02 01\ndeep: y\ntree: {a: [1, true, x]}\n", &s)
	if s.Name != "x" || s.Count != 25 || !s.On || len(s.List) != 2 || s.Map["k"] != "v" || s.Inside.Deep != "y" || string(s.Hex) != "\x02\x01" {
		t.Errorf("got %+v", s)
	}
	if v, ok := s.Order.Get("a"); !ok || v != 2 || s.Order[0].Name != "b" || s.Order[0].Node.Line != 6 {
		t.Errorf("order %+v", s.Order)
	}
	if _, ok := s.Order.Get("c"); ok {
		t.Error("a name that is not there")
	}
	if diff := cmp.Diff(any(map[string]any{"a": []any{1.0, true, "x"}}), s.Tree.Val); diff != "" {
		t.Error(diff)
	}
}

// Every mistake has a place and says what is wanted; one look shows all of them.
func TestDecoderMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"unknown key", "name: x\ncuont: 1", `test:2:1: unknown key "cuont"; did you mean "count"?`},
		{"unknown key like no other", "name: x\nzzzzzzz: 1", `unknown key "zzzzzzz"; known: count, deep, hex`},
		{"key twice", "name: x\nname: y", `test:2:1: key "name" appears twice`},
		{"key missing", "count: 1", `test:1:1: key "name" is missing`},
		{"key that is no word", "name: x\n[a]: 1", "keys are plain words"},
		{"merge key", "name: x\n<<: {a: b}", "keys are plain words"},
		{"number for text", "name: 012345", "test:1:7: want text, found a number; write it in quotes"},
		{"date for text", "name: 2001-01-01", "want text, found a date"},
		{"truth value for text", "name: true", "want text, found a truth value"},
		{"nothing for text", "name:", "want text, found nothing"},
		{"list for text", "name: [x]", "want text, found a list"},
		{"mapping for a list", "name: x\nlist: {a: b}", "test:2:7: want a list, found a mapping"},
		{"text for a mapping", "name: x\nmap: y", "want a mapping (key: value), found text"},
		{"text for a number", "name: x\ncount: y", "want a number such as 25 or 0x19, found text"},
		{"octal number", "name: x\ncount: 012", "want a number such as 25 or 0x19"},
		{"negative number", "name: x\ncount: -1", "want a number such as 25 or 0x19"},
		{"number beyond 31 bits", "name: x\ncount: 0x80000000", "want a number such as 25 or 0x19"},
		{"word for a truth value", "name: x\non: yes", "want true or false"},
		{"odd hex", "name: x\nhex: 123", "want hex bytes"},
		{"name that is none", "name: x\norder: {1a: 1}", "names are letters, digits and -"},
		{"anchor", "name: &a x", "anchors and aliases"},
		{"alias in a tree", "name: x\ntree: {a: &b c, d: *b}", "anchors and aliases"},
		{"no mapping", "- a", "want a mapping"},
		{"tab", "name:\n\tx: y", "test:2:1:"},
		{"two documents", "name: x\n---\nname: y", "test: more than one YAML document"},
		{"empty", "{}", `key "name" is missing`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s sample
			err := tryYAML(tt.text, &s)
			var mistake *Error
			if !errors.As(err, &mistake) || !contains(err, tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	var s sample
	if err := tryYAML("cuont: 1\non: 1\nlist: 1\n", &s); err == nil || !contains(err, "cuont") || !contains(err, "true or false") || !contains(err, "want a list") {
		t.Errorf("not all mistakes: %v", err)
	}
	d := NewDecoder("test")
	d.Decode(nil, &s)
	if err := d.Err(); err == nil || err.Error() != "test: file is empty" {
		t.Errorf("no root: %v", err)
	}
	many := strings.Builder{}
	for i := range 50 {
		many.WriteString(strings.Repeat("x", i+70) + ": 1\n")
	}
	if err := tryYAML(many.String(), &s); err == nil || strings.Count(err.Error(), "\n") != maxMistakes-1 {
		t.Errorf("not bounded: %v", err)
	}
}

// Whoever asks whether a node was whole gets the right answer however many mistakes
// came before, though not all of them are kept.
func TestMistakesAreCountedBeyondThoseKept(t *testing.T) {
	d := NewDecoder("test")
	for i := range 3 * maxMistakes {
		if d.Mistakes() != i {
			t.Fatalf("%d mistakes after %d", d.Mistakes(), i)
		}
		d.Fail(&yaml.Node{Line: i + 1}, "wrong")
	}
	if got := strings.Count(d.Err().Error(), "wrong"); got != maxMistakes {
		t.Errorf("%d mistakes are kept", got)
	}
}

// The words that are known stay as the caller has them.
func TestUnknownLeavesTheKnownAlone(t *testing.T) {
	known := []string{"nul", "ff", "zero"}
	d := NewDecoder("test")
	d.Unknown(&yaml.Node{Value: "blank"}, "padding", known)
	if err := d.Err(); err == nil || !contains(err, "known: ff, nul, zero") {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"nul", "ff", "zero"}, known); diff != "" {
		t.Error(diff)
	}
}

// The path of a difference never shows a value.
func TestDifference(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b any
		want string
	}{
		{"equal", map[string]any{"a": []any{"x", 1.0}}, map[string]any{"a": []any{"x", 1.0}}, ""},
		{"value", map[string]any{"a": []any{"x"}}, map[string]any{"a": []any{"y"}}, "a[0]"},
		{"key missing", map[string]any{"a": map[string]any{"b": "x"}}, map[string]any{"a": map[string]any{}}, "a.b"},
		{"key too many", map[string]any{}, map[string]any{"c": nil}, "c"},
		{"list too short", map[string]any{"a": []any{"x"}}, map[string]any{"a": []any{"x", "y"}}, "a[1]"},
		{"another shape", map[string]any{"a": map[string]any{}}, map[string]any{"a": "x"}, "a"},
		{"list for text", map[string]any{"a": []any{}}, map[string]any{"a": "x"}, "a"},
		{"text for a list", map[string]any{"a": "x"}, map[string]any{"a": []any{}}, "a"},
		{"text for a mapping", map[string]any{"a": "x"}, map[string]any{"a": map[string]any{}}, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, differs := Difference(tt.a, tt.b)
			if path != tt.want && differs || differs != (tt.want != "") {
				t.Errorf("got %q, %v", path, differs)
			}
		})
	}
}
