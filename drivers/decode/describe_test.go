package decode

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// Every stage says what it does, and its example is one that loads.
func TestStagesAreDescribed(t *testing.T) {
	l := Describe()
	seen := map[string]bool{}
	for _, s := range l.Stages {
		t.Run(s.Name, func(t *testing.T) {
			if seen[s.Name] || !strings.HasSuffix(s.Doc, ".") || s.Takes == "" || s.Gives == "" {
				t.Errorf("described badly or twice: %+v", s)
			}
			seen[s.Name] = true
			pipeline(t, "["+s.Example+"]")
			if argument := strings.Contains(s.Example, ":"); argument && s.Argument == nil || !argument && s.Argument != nil && !s.Optional {
				t.Errorf("example %q and argument %v do not agree", s.Example, s.Argument)
			}
			if s.Argument != nil {
				checkShape(t, s.Name, *s.Argument, l.Types)
			}
		})
	}
}

// Every key has a meaning and every reference an aim.
func TestLanguageIsDescribed(t *testing.T) {
	l := Describe()
	checkShape(t, "fields", l.Fields, l.Types)
	checkShape(t, "output", l.Output, l.Types)
	for name, s := range l.Types {
		checkShape(t, name, s, l.Types)
	}
	var keys []string
	for _, k := range l.Fields.Item.Keys {
		keys = append(keys, k.Name)
		if k.Shape.Doc == "" {
			t.Errorf("key %s of a field has no doc", k.Name)
		}
	}
	if diff := cmp.Diff([]string{"from", "join", "first", "do", "when", "sensitivity", "required"}, keys); diff != "" {
		t.Error(diff)
	}
	patient := l.Types["Patient"]
	if patient.Type != ShapeMapping || patient.Keys[0].Name != "$if" || l.Output.Keys[0].Shape.Ref != "Patient" {
		t.Errorf("patient: %+v", patient)
	}
}

func checkShape(t *testing.T, where string, s Shape, types map[string]Shape) {
	t.Helper()
	_, known := types[s.Ref]
	switch {
	case s.Type == ShapeRef && s.Ref != "stage" && !known:
		t.Errorf("%s refers to %q", where, s.Ref)
	case s.Type == "", s.Type == ShapeList && s.Item == nil, s.Type == ShapeMapping && s.Item == nil && s.Keys == nil, s.Type == ShapeChoice && len(s.Any) < 2:
		t.Errorf("%s: incomplete: %+v", where, s)
	}
	for _, k := range s.Keys {
		checkShape(t, where+"."+k.Name, k.Shape, types)
	}
	for _, a := range s.Any {
		checkShape(t, where, a, types)
	}
	if s.Item != nil {
		checkShape(t, where+"[]", *s.Item, types)
	}
}

// A shape accepts what the decoder of the same type accepts: words and keys agree.
func TestShapesAgreeWithDecoders(t *testing.T) {
	for _, s := range Describe().Stages {
		if s.Argument == nil {
			continue
		}
		words := s.Argument.Words
		for _, a := range s.Argument.Any {
			words = append(words, a.Words...)
		}
		for _, w := range words {
			var n yaml.Node
			if err := yaml.Unmarshal([]byte(`"`+w+`"`), &n); err != nil {
				t.Fatal(err)
			}
			d := NewDecoder("test")
			d.Decode(n.Content[0], newStage(s.Name))
			if err := d.Err(); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
	}
	inline := struct {
		A struct {
			B int `yaml:"b,required" doc:"a number"`
		} `yaml:",inline"`
	}{}
	if got := ShapeOf(reflect.TypeOf(inline)); len(got.Keys) != 1 || !got.Keys[0].Required || got.Keys[0].Shape.Doc != "a number" || got.Keys[0].Shape.Type != ShapeNumber {
		t.Errorf("got %+v", got)
	}
}
