// Package definition holds what FHIR R4 (4.0.1) says of its resource types and
// datatypes: elements, cardinality, types, reference
// targets and the codes of required bindings. The table r4.txt is derived from
// the StructureDefinitions by the command in gen.
//
// Everything here is immutable after the first call of [R4] and safe for
// concurrent use.
package definition

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed r4.txt
var table string

// Type is a resource type, a datatype, a primitive or a backbone element
// ("Patient.contact").
type Type struct {
	Name string
	// Resource says that instances carry resourceType.
	Resource bool
	// Primitive is the lexical form of a primitive type, nil for the others.
	Primitive *Primitive
	// Elements in the order of the specification, choice elements spelled out
	// ("deceasedBoolean", "deceasedDateTime"). Those of a primitive (id,
	// extension) are written under its name with an underscore before it.
	Elements []Element
	// Required are the elements with min = 1, of a required choice the first
	// variant.
	Required []*Element

	index map[string]int
}

// Element is one element of a type.
type Element struct {
	Name string
	// Order is the position in the type; instances are written in this order.
	Order int
	Type  *Type
	// Required is min = 1. All variants of a required choice carry it.
	Required bool
	// Many is max > 1: the element is a JSON array.
	Many bool
	// Choice is the name of the choice group ("deceased[x]"), of which an
	// instance may have one; empty for other elements.
	Choice string
	// Targets are the resource types a Reference may point to; nil means any.
	Targets []string
	// Binding is the required binding, nil when there is none to check.
	Binding *Binding
}

// Binding is the enumerable value set of a required binding.
type Binding struct {
	Name string
	// Codes maps a code to the systems that have it.
	Codes map[string][]string
}

// Has says whether the value set holds the code; an empty system matches any.
func (b *Binding) Has(system, code string) bool {
	systems, ok := b.Codes[code]
	return ok && (system == "" || slices.Contains(systems, system))
}

// Element returns the element of that name ("birthDate", "valueQuantity").
func (t *Type) Element(name string) (*Element, bool) {
	i, ok := t.index[name]
	if !ok {
		return nil, false
	}
	return &t.Elements[i], true
}

// Model is the whole table.
type Model struct {
	types    map[string]*Type
	resource *Type
}

// Lookup returns the type of that name.
func (m *Model) Lookup(name string) (*Type, bool) {
	t, ok := m.types[name]
	return t, ok
}

// AnyResource is the type of elements that hold a whole resource of any type
// (contained, Bundle.entry.resource).
func (m *Model) AnyResource() *Type { return m.resource }

// R4 returns the table for FHIR 4.0.1.
func R4() *Model { return model() }

var model = sync.OnceValue(func() *Model {
	m, err := parse(table)
	if err != nil {
		panic("definition: embedded table is damaged: " + err.Error()) // fixed at build, covered by tests
	}
	return m
})

// The elements every type of a kind begins with; the table leaves them out.
var (
	elementHead  = []string{"id ? string", "extension * Extension"}
	backboneHead = append(slices.Clone(elementHead), "modifierExtension * Extension")
	resourceHead = []string{"id ? id", "meta ? Meta", "implicitRules ? uri", "language ? code"}
	domainHead   = append(slices.Clone(resourceHead), "text ? Narrative", "contained * Resource",
		"extension * Extension", "modifierExtension * Extension")
	heads = map[string][]string{"element": elementHead, "backbone": backboneHead, "resource": resourceHead, "domain": domainHead}
)

func parse(text string) (*Model, error) {
	m := &Model{types: map[string]*Type{}, resource: &Type{Name: "Resource", Resource: true}}
	m.types["Resource"] = m.resource
	for i := range primitives {
		p := &primitives[i]
		m.types[p.Name] = &Type{Name: p.Name, Primitive: p, index: map[string]int{}}
	}
	lines := strings.Split(text, "\n")
	bindings := map[string]*Binding{}
	for _, line := range lines { // names first: types refer to each other
		switch f := strings.Fields(line); {
		case len(f) == 3 && f[1] == ":":
			m.types[f[0]] = &Type{Name: f[0], Resource: f[2] == "domain" || f[2] == "resource", index: map[string]int{}}
		case len(f) > 2 && f[0][0] == '!':
			b := bindings[f[0][1:]]
			if b == nil {
				b = &Binding{Name: f[0][1:], Codes: map[string][]string{}}
				bindings[b.Name] = b
			}
			for _, c := range f[2:] {
				b.Codes[c] = append(b.Codes[c], f[1])
			}
		}
	}
	for i := range primitives {
		for _, head := range elementHead {
			if err := m.element(m.types[primitives[i].Name], strings.Fields(head), bindings); err != nil {
				return nil, err
			}
		}
	}
	var t *Type
	for n, line := range lines {
		f := strings.Fields(line)
		if len(f) == 0 || f[0][0] == '#' || f[0][0] == '!' {
			continue
		}
		if f[1] == ":" {
			t = m.types[f[0]]
			for _, head := range heads[f[2]] {
				if err := m.element(t, strings.Fields(head), bindings); err != nil {
					return nil, err
				}
			}
			continue
		}
		if err := m.element(t, f, bindings); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	for _, t := range m.types {
		for i := range t.Elements {
			e := &t.Elements[i]
			if e.Required && (e.Choice == "" || i == 0 || t.Elements[i-1].Choice != e.Choice) {
				t.Required = append(t.Required, e)
			}
		}
	}
	return m, nil
}

// element adds one line "name cardinality types… [=binding]" to t.
func (m *Model) element(t *Type, f []string, bindings map[string]*Binding) error {
	if t == nil || len(f) < 3 {
		return fmt.Errorf("element %q without type", f[0])
	}
	e := Element{Required: f[1] == "1" || f[1] == "+", Many: f[1] == "*" || f[1] == "+"}
	types := f[2:]
	if last := types[len(types)-1]; last[0] == '=' {
		e.Binding = bindings[last[1:]]
		if e.Binding == nil {
			return fmt.Errorf("element %q: unknown binding", f[0])
		}
		types = types[:len(types)-1]
	}
	stem, choice := strings.CutSuffix(f[0], "[x]")
	if choice {
		e.Choice = f[0]
	}
	for _, name := range types {
		e := e
		name, targets, isRef := strings.Cut(name, "(")
		if isRef {
			e.Targets = strings.Split(strings.TrimSuffix(targets, ")"), ",")
		}
		e.Name = stem
		if choice {
			e.Name += strings.ToUpper(name[:1]) + name[1:]
		}
		var ok bool
		if e.Type, ok = m.types[name]; !ok {
			return fmt.Errorf("element %q: unknown type %q", f[0], name)
		}
		e.Order = len(t.Elements)
		t.index[e.Name] = e.Order
		t.Elements = append(t.Elements, e)
	}
	return nil
}

// MustElement is Element for names fixed in Go code; it panics when there is no
// such element.
func (t *Type) MustElement(name string) *Element {
	e, ok := t.Element(name)
	if !ok {
		panic("definition: no element " + name + " in " + t.Name)
	}
	return e
}
