package decode

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// template is a piece of a resource: an object, a list, a text or a truth value.
type template struct {
	at     *yaml.Node
	keys   []string    // of an object
	items  []*template // of an object or list
	cond   string      // $if
	text   []textPart
	truth  *bool
	fields []int // of the FHIR type, one for each key; known after check
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
		elements := map[string]int{}
		for i := range want.NumField() {
			name, _, _ := strings.Cut(want.Field(i).Tag.Get("json"), ",")
			elements[name] = i
		}
		t.fields = nil
		for i, key := range t.keys {
			el, ok := elements[key]
			if !ok {
				d.Unknown(at(t.items[i].at, key), "FHIR element", KeysOf(elements))
				continue
			}
			t.fields = append(t.fields, el)
			t.items[i].check(d, want.Field(el).Type, values)
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

// fill returns a value of the FHIR type that the template was checked against (nil:
// JSON of any shape), or no value when it is left out. refs and hits count the
// references inside and those that had a value.
func (t *template) fill(want reflect.Type, get lookupFunc) (v reflect.Value, refs, hits int) {
	if t.cond != "" {
		if _, ok, _ := get(t.cond); !ok {
			return reflect.Value{}, 1, 0
		}
	}
	if want != nil && want.Kind() == reflect.Pointer {
		v, refs, hits = t.fill(want.Elem(), get)
		if v.IsValid() {
			p := reflect.New(want.Elem())
			p.Elem().Set(v)
			v = p
		}
		return v, refs, hits
	}
	filled := 0
	switch {
	case t.truth != nil:
		return reflect.ValueOf(*t.truth), 0, 0
	case t.text != nil:
		return t.fillText(get)
	case want != nil:
		v = reflect.New(want).Elem()
	case t.keys != nil:
		v = reflect.ValueOf(map[string]any{})
	default:
		v = reflect.ValueOf(&[]any{}).Elem()
	}
	for i, c := range t.items {
		var r, h int
		var item reflect.Value
		switch v.Kind() {
		case reflect.Struct:
			item, r, h = c.fill(v.Field(t.fields[i]).Type(), get)
		case reflect.Slice:
			item, r, h = c.fill(jsonOrFHIR(v.Type().Elem()), get)
		default:
			item, r, h = c.fill(nil, get)
		}
		refs, hits = refs+r, hits+h
		if !item.IsValid() {
			continue
		}
		filled++
		switch v.Kind() {
		case reflect.Struct:
			v.Field(t.fields[i]).Set(item)
		case reflect.Slice:
			v.Set(reflect.Append(v, item))
		default:
			v.SetMapIndex(reflect.ValueOf(t.keys[i]), item)
		}
	}
	if filled == 0 || refs > 0 && hits == 0 {
		return reflect.Value{}, refs, hits
	}
	return v, refs, hits
}

// jsonOrFHIR returns the wanted type of a list's items: none of []any.
func jsonOrFHIR(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Interface {
		return nil
	}
	return t
}

func (t *template) fillText(get lookupFunc) (v reflect.Value, refs, hits int) {
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
		return reflect.Value{}, refs, 0
	}
	return reflect.ValueOf(s), refs, hits
}
