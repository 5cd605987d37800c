package code

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// tests are a rule's own.
type tests struct {
	Keys   testKeys `yaml:"keys" doc:"public keys for these tests only, by set: a JWK Set or PEM"`
	Accept []sample `yaml:"accept,required" doc:"scans that must be this code"`
	Reject []sample `yaml:"reject,required" doc:"scans that must not"`
}

// sample is one scan of a rule's own tests.
type sample struct {
	node *yaml.Node
	scan []byte
	want any // part of the read's JSON
}

type sampleSpec struct {
	Scan *string          `yaml:"scan" doc:"the scan as text"`
	Hex  *decode.HexBytes `yaml:"hex" doc:"or as bytes"`
	Read expectation      `yaml:"read" doc:"what the read must contain; null or an empty list is absent"`
}

// Shape describes what DecodeNode takes.
func (*sample) Shape() decode.Shape {
	return decode.Shape{Type: decode.ShapeChoice, Any: []decode.Shape{{Type: decode.ShapeText}, decode.ShapeOf(reflect.TypeFor[sampleSpec]())}}
}

// DecodeNode reads a scan as text, or a mapping of scan or hex, and read.
func (s *sample) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	s.node = n
	if n.Kind == yaml.ScalarNode {
		s.scan = []byte(d.Text(n))
		return
	}
	var spec sampleSpec
	d.Decode(n, &spec)
	switch {
	case (spec.Scan == nil) == (spec.Hex == nil):
		d.Fail(n, "give the scan either as scan (text) or as hex")
	case spec.Scan != nil:
		s.scan = []byte(*spec.Scan)
	default:
		s.scan = *spec.Hex
	}
	s.want = spec.Read.val
}

// expectation is what a read must contain: YAML that stands for JSON, in which
// null means absent.
type expectation struct{ val any }

// Shape describes what DecodeNode takes.
func (*expectation) Shape() decode.Shape { return decode.Shape{Type: decode.ShapeAny} }

// DecodeNode reads the tree.
func (e *expectation) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	switch {
	case n.Kind == yaml.MappingNode && n.Anchor == "":
		m := map[string]any{}
		d.Pairs(n, func(key, val *yaml.Node) {
			var c expectation
			c.DecodeNode(d, val)
			m[key.Value] = c.val
		})
		e.val = m
	case n.Kind == yaml.SequenceNode && n.Anchor == "":
		list := []any{}
		for _, v := range n.Content {
			var c expectation
			c.DecodeNode(d, v)
			list = append(list, c.val)
		}
		e.val = list
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
	default:
		var t decode.Tree
		t.DecodeNode(d, n)
		e.val = t.Val
	}
}

// TestResult is the outcome of one scan of a rule's own tests.
type TestResult struct {
	Rule string // name@version
	Case string // "accept 1", "reject 2", …
	// Err is nil when the scan was recognised, or refused, as the rule says. It
	// names file, line and the path that differs, never a value.
	Err error
}

// errNoRules is for a nil Rules in use.
var errNoRules = errors.New("no code rules loaded")

// Test replays the tests that the rules carry, each scan against all rules
// together: accept scans must give the rule's medium, unless the test names another,
// and contain what the test lists under read (null means absent); reject scans must
// not be taken by the rule. That a site's rule takes a scan from a shipped one is the
// site's wish and no failure.
func (r *Rules) Test() []TestResult {
	if r == nil {
		return []TestResult{{Err: errNoRules}}
	}
	var results []TestResult
	for _, rule := range r.rules {
		under := *r
		if k := rule.Tests.Keys.keys; k != nil {
			under.opt.Keys = *k
		}
		for i, s := range rule.Tests.Accept {
			results = append(results, TestResult{
				Rule: rule.profile(), Case: fmt.Sprintf("accept %d", i+1), Err: under.testAccept(rule, s),
			})
		}
		for i, s := range rule.Tests.Reject {
			results = append(results, TestResult{
				Rule: rule.profile(), Case: fmt.Sprintf("reject %d", i+1), Err: under.testReject(rule, s),
			})
		}
	}
	return results
}

func (r *Rules) testAccept(tested *rule, s sample) error {
	read := r.Recognise(s.scan)
	if slices.ContainsFunc(r.rules, func(o *rule) bool { return o.layer > tested.layer && o.profile() == read.Profile }) {
		return nil
	}
	want, _ := s.want.(map[string]any)
	if _, named := want["medium"]; !named && read.Profile != tested.profile() {
		return tested.errorf(s.node, "scan is taken for medium %q by %q", read.Medium, read.Profile)
	}
	encoded, err := json.Marshal(read)
	if err != nil {
		return tested.errorf(s.node, "encode read: %v", err)
	}
	var got any
	if err := json.Unmarshal(encoded, &got); err != nil {
		return tested.errorf(s.node, "decode read: %v", err)
	}
	if why := lacks(got, s.want, "read"); why != "" {
		return tested.errorf(s.node, "%s", why)
	}
	return nil
}

func (r *Rules) testReject(rule *rule, s sample) error {
	if len(s.scan) <= MaxScan {
		if _, taken := rule.apply(newScan(s.scan), r.opt); taken {
			return rule.errorf(s.node, "scan is taken by the rule")
		}
	}
	return nil
}

// errorf returns an error at a node of the rule's file.
func (r *rule) errorf(n *yaml.Node, format string, args ...any) error {
	return &decode.Error{File: r.file, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)}
}

// lacks says where got does not have what want has; it never tells a value.
func lacks(got, want any, path string) string {
	switch want := want.(type) {
	case nil:
		if got != nil && path != "read" {
			return path + " is there"
		}
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return path + " is missing"
		}
		for _, k := range decode.KeysOf(want) {
			if why := lacks(m[k], want[k], path+"."+k); why != "" {
				return why
			}
		}
	case []any:
		list, _ := got.([]any)
		if len(list) != len(want) {
			return path + " has another number of entries"
		}
		for i := range want {
			if why := lacks(list[i], want[i], fmt.Sprintf("%s[%d]", path, i)); why != "" {
				return why
			}
		}
	default:
		if got != want {
			return path + " differs"
		}
	}
	return ""
}
