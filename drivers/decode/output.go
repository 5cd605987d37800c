package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"

	"go.yaml.in/yaml/v3"
)

// Output says where values go: FHIR resources written as in FHIR JSON, with
// ${field} where a value belongs.
//
// A text whose field is absent is left out; ${field?} stands for nothing
// instead. An object or list entry in which every ${field} came out absent is
// left out whole, and so is one whose `$if` field is absent. Text without any
// ${…} is constant.
type Output struct {
	Patient  *template         `yaml:"patient" doc:"a FHIR R4 Patient"`
	Coverage []*template       `yaml:"coverage" doc:"FHIR R4 Coverages; status, beneficiary and payor are required"`
	Extras   Ordered[template] `yaml:"extras" doc:"what has no place in FHIR, by name"`
}

// Shape describes the templates by the FHIR types they fill (Language.Types).
func (*Output) Shape() Shape {
	s := shapeOfStruct[Output]()
	s.Keys[0].Shape.Ref = "Patient"
	s.Keys[1].Shape.Item.Ref = "Coverage"
	return s
}

// template is a piece of a resource: an object, a list, a text or a truth value.
type template struct {
	at    *yaml.Node
	keys  []string    // of an object
	items []*template // of an object or list
	cond  string      // $if
	text  []textPart
	truth *bool
}

type textPart struct {
	lit, ref string
	optional bool
}

func (*template) Shape() Shape { return Shape{Type: ShapeRef, Ref: "template"} }

func (t *template) DecodeNode(d *Decoder, n *yaml.Node) {
	t.at = n
	switch n.Kind {
	case yaml.MappingNode:
		d.Pairs(n, func(key, val *yaml.Node) {
			if key.Value == "$if" {
				t.cond = d.Text(val)
				return
			}
			c := &template{}
			d.Decode(val, c)
			t.keys, t.items = append(t.keys, key.Value), append(t.items, c)
		})
	case yaml.SequenceNode:
		for _, v := range n.Content {
			c := &template{}
			d.Decode(v, c)
			t.items = append(t.items, c)
		}
	default:
		if n.Tag == "!!bool" {
			b := n.Value == "true"
			t.truth = &b
			return
		}
		t.parse(d, d.Text(n))
	}
}

// parse takes "a ${b} c" apart.
func (t *template) parse(d *Decoder, s string) {
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
			d.Fail(t.at, "${ without }")
			return
		}
		name, optional := strings.CutSuffix(ref, "?")
		t.text = append(t.text, textPart{ref: name, optional: optional})
		s = after
	}
}

// check verifies references and, against the FHIR type, element names and
// shapes.
func (t *template) check(d *Decoder, want reflect.Type, values map[string]Kind) {
	known := func(name string) {
		switch kind, ok := values[name]; {
		case !ok:
			d.Unknown(at(t.at, name), "field", KeysOf(values))
		case kind != KindText:
			d.Fail(t.at, "field %q is %s; end it with text, hex, bcd, uint or path", name, kind)
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
				d.Unknown(at(t.items[i].at, key), "FHIR element", KeysOf(elements))
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
		d.Fail(t.at, "want %s here", map[reflect.Kind]string{reflect.Struct: "an object", reflect.Slice: "a list", reflect.String: "text", reflect.Bool: "true or false"}[want.Kind()])
	}
}

// lookupFunc returns a field's text, whether it is present, and whether it is a
// constant (which alone does not keep an object alive).
type lookupFunc func(name string) (text string, present, constant bool)

// fill returns the JSON value, or nil when it is left out. refs and hits count
// the references inside and those that had a value.
func (t *template) fill(get lookupFunc) (v any, refs, hits int) {
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

func (t *template) fillText(get lookupFunc) (v any, refs, hits int) {
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

// Compile checks the templates against the FHIR types and against what they can
// name: fields that end as text and are no secret, and constants.
func (o *Output) Compile(d *Decoder, fields *Fields, constants Ordered[string]) {
	names := map[string]Kind{}
	for _, e := range fields.list {
		if e.Val.guard != secret {
			names[e.Name] = e.Val.kind
		}
	}
	for _, e := range constants {
		if _, dup := fields.list.Get(e.Name); dup {
			d.Fail(e.Node, "%q is already the name of a field", e.Name)
		}
		names[e.Name] = KindText
	}
	if o.Patient != nil {
		o.Patient.check(d, reflect.TypeFor[r4.Patient](), names)
	}
	for _, c := range o.Coverage {
		c.check(d, reflect.TypeFor[r4.Coverage](), names)
		for _, need := range []string{"status", "beneficiary", "payor"} {
			if !slices.Contains(c.keys, need) {
				d.Fail(c.at, "FHIR requires Coverage.%s", need)
			}
		}
	}
	for i := range o.Extras {
		o.Extras[i].Val.check(d, nil, names)
	}
}

// Fill writes the reading into read: patient, coverage and extras. Notes are
// further extras. It may add warnings to r, so take them after it. An error means
// that a template does not fit its resource; it holds no value.
func (o *Output) Fill(r *Reading, constants Ordered[string], notes map[string]string, read *drivers.Read) error {
	size := 0
	get := func(name string) (string, bool, bool) {
		c, constant := constants.Get(name)
		v, present := r.Values[name]
		if size += len(c) + len(v.b); size > maxValues || r.hidden[name] {
			return "", false, constant
		}
		if constant {
			return c, true, true
		}
		return string(v.b), present && v.kind == KindText, false
	}
	if o.Patient != nil {
		patient := r4.NewPatient()
		if ok, err := fillResource(o.Patient, get, patient); err != nil {
			return err
		} else if ok {
			read.Patient = patient
		}
	}
	for _, t := range o.Coverage {
		c := r4.Coverage{ResourceType: "Coverage"}
		ok, err := fillResource(t, get, &c)
		switch {
		case err != nil:
			return err
		case ok && (c.Status == "" || c.Beneficiary == r4.Reference{} || len(c.Payor) == 0):
			r.Warn("missing", "coverage") // FHIR requires all three
		case ok:
			read.Coverage = append(read.Coverage, c)
		}
	}
	extras := map[string]any{}
	for i := range o.Extras {
		if v, _, _ := o.Extras[i].Val.fill(get); v != nil {
			extras[o.Extras[i].Name] = v
		}
	}
	for name, v := range notes {
		extras[name] = v
	}
	for name, hex := range r.Raw {
		extras[name+".raw"] = hex
	}
	if len(extras) > 0 {
		read.Extras = extras
	}
	return nil
}

// fillResource fills a template into a resource; false when nothing is left.
func fillResource(t *template, get lookupFunc, into any) (bool, error) {
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
