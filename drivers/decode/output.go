package decode

import (
	"errors"
	"reflect"
	"slices"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"
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
	compiled bool
}

// Shape describes the templates by the FHIR types they fill (Language.Types).
func (*Output) Shape() Shape {
	s := shapeOfStruct[Output]()
	s.Keys[0].Shape.Ref = "Patient"
	s.Keys[1].Shape.Item.Ref = "Coverage"
	return s
}

// Compile checks the templates against the FHIR types and against what they can
// name: fields that end as text and are no secret, and constants.
func (o *Output) Compile(d *Decoder, fields *Fields, constants Ordered[string]) {
	o.compiled = true
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
// further extras. It may add warnings to r, so take them after it. The error is
// errNotCompiled.
func (o *Output) Fill(r *Reading, constants Ordered[string], notes map[string]string, read *drivers.Read) error {
	if !o.compiled {
		return errNotCompiled
	}
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
		if p, ok := fillResource[r4.Patient](o.Patient, get); ok {
			p.ResourceType = "Patient"
			read.Patient = &p
		}
	}
	for _, t := range o.Coverage {
		c, ok := fillResource[r4.Coverage](t, get)
		c.ResourceType = "Coverage"
		switch {
		case ok && (c.Status == "" || c.Beneficiary == r4.Reference{} || len(c.Payor) == 0):
			r.Warn("missing", "coverage") // FHIR requires all three
		case ok:
			read.Coverage = append(read.Coverage, c)
		}
	}
	extras := map[string]any{}
	for i := range o.Extras {
		if v, _, _ := o.Extras[i].Val.fill(nil, get); v.IsValid() {
			extras[o.Extras[i].Name] = v.Interface()
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

// errNotCompiled says that Compile was left out, which is a mistake of the program.
var errNotCompiled = errors.New("output was not compiled against its fields; call Compile after decoding it")

// fillResource fills a template into a resource; false when nothing is left.
func fillResource[T any](t *template, get lookupFunc) (resource T, ok bool) {
	v, _, hits := t.fill(reflect.TypeFor[T](), get)
	if !v.IsValid() || hits == 0 {
		return resource, false
	}
	return v.Interface().(T), true
}
