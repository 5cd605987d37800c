package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"cardferry/hl7/fhir/definition"
)

// maxDepth bounds the nesting of JSON that is read.
const maxDepth = 64

// Read parses JSON of one resource. What does not fit the element table
// (unknown types and elements, arrays for single elements and the reverse) is
// left out of the tree and listed as problems. The error is for bytes that are
// no JSON object at all; it holds an offset, no content.
func Read(b []byte, m *definition.Model) (*Node, []Problem, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	r := reader{dec: d, model: m}
	root, err := r.value(&trail{name: "$"}, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("read FHIR JSON at byte %d: %w", d.InputOffset(), errNotJSON)
	}
	if d.More() {
		return nil, nil, fmt.Errorf("read FHIR JSON at byte %d: %w", d.InputOffset(), errors.New("more follows the resource; pass one resource only"))
	}
	obj, ok := root.(object)
	if !ok {
		return nil, nil, fmt.Errorf("read FHIR JSON: %w", errNotJSON)
	}
	n := r.resource(obj, nil)
	return n, r.problems, nil
}

var errNotJSON = errors.New("not a JSON object of bounded depth; pass one FHIR resource as JSON")

// object is a JSON object with its members in order.
type object []field

type field struct {
	name  string
	value any // object, []any, string, json.Number, bool or nil
}

type reader struct {
	dec      *json.Decoder
	model    *definition.Model
	arena    Arena
	problems []Problem
}

// value reads the next JSON value, keeping the order of members and repeated
// names, which encoding/json would lose.
func (r *reader) value(t *trail, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errNotJSON
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		obj := object{}
		for r.dec.More() {
			name, err := r.dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := r.value(t, depth+1)
			if err != nil {
				return nil, err
			}
			obj = append(obj, field{name.(string), v})
		}
		_, err := r.dec.Token()
		return obj, err
	case json.Delim('['):
		list := []any{}
		for r.dec.More() {
			v, err := r.value(t, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := r.dec.Token()
		return list, err
	}
	return tok, nil
}

func (r *reader) report(t *trail, code, text string) {
	r.problems = append(r.problems, Problem{Code: code, Path: t.String(), Text: text})
}

func (r *reader) resource(obj object, up *trail) *Node {
	name := ""
	for _, f := range obj {
		if f.name == "resourceType" {
			name, _ = f.value.(string)
		}
	}
	typ, ok := r.model.Lookup(name)
	if !ok || !typ.Resource {
		r.report(&trail{up: up, name: "resourceType"}, "structure", "not a resource type of the element table")
		return r.arena.New(r.model.AnyResource())
	}
	n := r.arena.New(typ)
	t := up
	if up == nil {
		t = &trail{name: name}
	}
	r.members(n, obj, t)
	return n
}

func (r *reader) members(n *Node, obj object, t *trail) {
	seen := map[string]bool{}
	for _, f := range obj {
		if f.name == "resourceType" && n.typ.Resource {
			continue
		}
		step := &trail{up: t, name: f.name}
		if seen[f.name] {
			r.report(step, "structure", "the member is there twice")
			continue
		}
		seen[f.name] = true
		name := f.name
		sibling := false
		if len(name) > 1 && name[0] == '_' {
			name, sibling = name[1:], true
		}
		e, ok := n.typ.Element(name)
		if !ok || sibling && e.Type.Primitive == nil {
			r.report(step, "unknown-element", "no such element in "+n.typ.Name)
			continue
		}
		r.element(n, e, f.value, sibling, step)
	}
}

func (r *reader) element(n *Node, e *definition.Element, v any, sibling bool, t *trail) {
	list, isList := v.([]any)
	if isList != e.Many {
		r.report(t, "structure", "an array exactly when the element repeats")
		return
	}
	if !isList {
		list = []any{v}
	}
	if len(list) == 0 {
		r.report(t, "empty", "an array is never empty")
	}
	t.many = e.Many
	for i, item := range list {
		t.index = i
		if sibling {
			obj, ok := item.(object)
			if !ok && item != nil {
				r.report(t, "structure", "an object with id or extension is expected")
			}
			if ok {
				r.members(n.nth(&r.arena, e, i), obj, t)
			}
			continue
		}
		r.instance(n, e, item, i, t)
	}
}

// nth is the ith instance of e, which its underscore sibling may have made.
func (n *Node) nth(a *Arena, e *definition.Element, i int) *Node {
	for c := n.first; c != nil; c = c.next {
		if c.elem == e {
			if i == 0 {
				return c
			}
			i--
		}
	}
	for ; i > 0; i-- {
		n.Add(a, e)
	}
	return n.Add(a, e)
}

func (r *reader) instance(n *Node, e *definition.Element, item any, i int, t *trail) {
	if e.Type == r.model.AnyResource() {
		obj, ok := item.(object)
		if !ok {
			r.report(t, "structure", "a resource is expected")
			return
		}
		n.Attach(e, r.resource(obj, t))
		return
	}
	p := e.Type.Primitive
	if p == nil {
		obj, ok := item.(object)
		if !ok {
			r.report(t, "structure", "an object is expected")
			return
		}
		r.members(n.Add(&r.arena, e), obj, t)
		return
	}
	text, kind := "", definition.String
	switch x := item.(type) {
	case string:
		text = x
		if x == "" {
			r.report(t, "empty", "a string is never empty")
		}
	case json.Number:
		text, kind = x.String(), definition.Number
	case bool:
		text, kind = "false", definition.Boolean
		if x {
			text = "true"
		}
	case nil:
		kind = p.JSON
	default:
		r.report(t, "structure", "a primitive is expected")
		return
	}
	if kind != p.JSON {
		r.report(t, "structure", "the JSON type does not fit a FHIR "+p.Name)
		return
	}
	n.nth(&r.arena, e, i).text = text
}

// trail is the path to a value, spelled out only when there is a problem.
type trail struct {
	up    *trail
	name  string
	index int
	many  bool
}

func (t *trail) String() string {
	s := t.name
	if t.many {
		s += "[" + strconv.Itoa(t.index) + "]"
	}
	if t.up == nil {
		return s
	}
	return t.up.String() + "." + s
}
