package card

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"

	"go.yaml.in/yaml/v3"
)

// output says where values go: FHIR resources written as in FHIR JSON, with
// ${field} where a value belongs.
//
// A text whose field is absent is left out; ${field?} stands for nothing
// instead. An object or list entry in which every ${field} came out absent is
// left out whole, and so is one whose `$if` field is absent. Text without any
// ${…} is constant.
type output struct {
	Patient  *node         `yaml:"patient"`
	Coverage []*node       `yaml:"coverage"`
	Extras   ordered[node] `yaml:"extras"`
}

// node is a piece of a template: an object, a list, a text or a truth value.
type node struct {
	at    *yaml.Node
	keys  []string // of an object
	items []*node  // of an object or list
	cond  string   // $if
	text  []textPart
	truth *bool
}

type textPart struct {
	lit, ref string
	optional bool
}

func (t *node) decodeNode(d *decoder, n *yaml.Node) {
	t.at = n
	switch n.Kind {
	case yaml.MappingNode:
		d.pairs(n, func(key, val *yaml.Node) {
			if key.Value == "$if" {
				t.cond = d.text(val)
				return
			}
			c := &node{}
			d.decode(val, c)
			t.keys, t.items = append(t.keys, key.Value), append(t.items, c)
		})
	case yaml.SequenceNode:
		for _, v := range n.Content {
			c := &node{}
			d.decode(v, c)
			t.items = append(t.items, c)
		}
	default:
		if n.Tag == "!!bool" {
			b := n.Value == "true"
			t.truth = &b
			return
		}
		t.parse(d, d.text(n))
	}
}

// parse takes "a ${b} c" apart.
func (t *node) parse(d *decoder, s string) {
	t.text = []textPart{}
	for s != "" {
		lit, rest, found := strings.Cut(s, "${")
		if lit != "" {
			t.text = append(t.text, textPart{lit: lit})
		}
		if !found {
			return
		}
		ref, after, closed := strings.Cut(rest, "}")
		if !closed {
			d.fail(t.at, "${ without }")
			return
		}
		name, optional := strings.CutSuffix(ref, "?")
		t.text = append(t.text, textPart{ref: name, optional: optional})
		s = after
	}
}

// check verifies references and, against the FHIR type, element names and
// shapes.
func (t *node) check(d *decoder, want reflect.Type, values map[string]valueKind) {
	known := func(name string) {
		switch kind, ok := values[name]; {
		case !ok:
			d.unknown(&yaml.Node{Value: name, Line: t.at.Line, Column: t.at.Column}, "field", keysOf(values))
		case kind != textKind:
			d.fail(t.at, "field %q is %s; end it with text, hex, bcd, uint or path", name, kind)
		}
	}
	if t.cond != "" {
		known(t.cond)
	}
	for _, p := range t.text {
		if p.ref != "" {
			known(p.ref)
		}
	}
	for want != nil && want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	switch {
	case want == nil: // extras take any shape
		for _, c := range t.items {
			c.check(d, nil, values)
		}
	case want.Kind() == reflect.Struct && t.keys != nil:
		elements := map[string]reflect.Type{}
		for i := range want.NumField() {
			name, _, _ := strings.Cut(want.Field(i).Tag.Get("json"), ",")
			elements[name] = want.Field(i).Type
		}
		for i, key := range t.keys {
			el, ok := elements[key]
			if !ok {
				d.unknown(&yaml.Node{Value: key, Line: t.items[i].at.Line, Column: t.items[i].at.Column}, "FHIR element", keysOf(elements))
				continue
			}
			t.items[i].check(d, el, values)
		}
	case want.Kind() == reflect.Slice && t.keys == nil && t.text == nil && t.truth == nil:
		for _, c := range t.items {
			c.check(d, want.Elem(), values)
		}
	case want.Kind() == reflect.String && t.text != nil, want.Kind() == reflect.Bool && t.truth != nil:
	default:
		d.fail(t.at, "want %s here", map[reflect.Kind]string{reflect.Struct: "an object", reflect.Slice: "a list", reflect.String: "text", reflect.Bool: "true or false"}[want.Kind()])
	}
}

// lookupFunc returns a field's text, whether it is present, and whether it is a
// constant (which alone does not keep an object alive).
type lookupFunc func(name string) (text string, present, constant bool)

// fill returns the JSON value, or nil when it is left out. refs and hits count
// the references inside and those that had a value.
func (t *node) fill(get lookupFunc) (v any, refs, hits int) {
	if t.cond != "" {
		if _, ok, _ := get(t.cond); !ok {
			return nil, 1, 0
		}
	}
	switch {
	case t.truth != nil:
		return *t.truth, 0, 0
	case t.text != nil:
		return t.fillText(get)
	}
	object, list := map[string]any{}, []any{}
	for i, c := range t.items {
		cv, r, h := c.fill(get)
		refs, hits = refs+r, hits+h
		switch {
		case cv == nil:
		case t.keys != nil:
			object[t.keys[i]] = cv
		default:
			list = append(list, cv)
		}
	}
	switch {
	case refs > 0 && hits == 0:
		return nil, refs, hits
	case len(object) > 0:
		return object, refs, hits
	case len(list) > 0:
		return list, refs, hits
	}
	return nil, refs, hits
}

func (t *node) fillText(get lookupFunc) (v any, refs, hits int) {
	var b strings.Builder
	missing, joined := false, len(t.text) > 1
	for _, p := range t.text {
		if p.ref == "" {
			b.WriteString(p.lit)
			continue
		}
		s, ok, constant := get(p.ref)
		if !constant {
			refs++
		}
		if ok && !constant {
			hits++
		}
		missing = missing || !ok && !p.optional
		b.WriteString(s)
	}
	s := b.String()
	if joined { // an absent optional part leaves no double space behind
		s = strings.Join(strings.Fields(s), " ")
	}
	if missing || s == "" || refs > 0 && hits == 0 {
		return nil, refs, 0
	}
	return s, refs, hits
}

// emit writes the values into read.
func (p *Profile) emit(r *reading, notes map[string]string, read *drivers.Read) error {
	size := 0
	get := func(name string) (string, bool, bool) {
		c, constant := p.spec.Constants.get(name)
		v, present := r.values[name]
		if size += len(c) + len(v.b); size > maxValues {
			return "", false, constant
		}
		if constant {
			return c, true, true
		}
		return string(v.b), present && v.kind == textKind, false
	}
	if t := p.spec.Output.Patient; t != nil {
		patient := r4.NewPatient()
		if ok, err := fillResource(t, get, patient); err != nil {
			return err
		} else if ok {
			read.Patient = patient
		}
	}
	for _, t := range p.spec.Output.Coverage {
		c := r4.Coverage{ResourceType: "Coverage"}
		ok, err := fillResource(t, get, &c)
		switch {
		case err != nil:
			return err
		case ok && (c.Status == "" || c.Beneficiary == r4.Reference{} || len(c.Payor) == 0):
			r.field = "coverage" // FHIR requires all three
			r.warn("missing")
		case ok:
			read.Coverage = append(read.Coverage, c)
		}
	}
	read.Extras = map[string]any{}
	for _, e := range p.spec.Output.Extras {
		if v, _, _ := e.val.fill(get); v != nil {
			read.Extras[e.name] = v
		}
	}
	for name, v := range notes {
		read.Extras[name] = v
	}
	for name, hex := range r.raw {
		read.Extras[name+".raw"] = hex
	}
	return nil
}

// fillResource fills a template into a resource; false when nothing is left.
func fillResource(t *node, get lookupFunc, into any) (bool, error) {
	v, _, hits := t.fill(get)
	if v == nil || hits == 0 {
		return false, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return false, fmt.Errorf("encode resource: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return false, fmt.Errorf("template does not fit the resource: %T", into) // err may quote a value
	}
	return true, nil
}
