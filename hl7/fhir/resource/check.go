package resource

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"cardferry/hl7/fhir/definition"
)

// Problem is one violation of the specification. It holds no values.
type Problem struct {
	Code string // "required", "binding", "value", "choice", "empty", "invariant", "reference", "unknown-element", "structure"
	Path string // "Patient.name[0].use"
	Text string // what is wrong and the rule's name
}

// Check lists the violations below n: missing required elements, more than one
// variant of a choice, wrong primitive forms, codes outside required bindings,
// empty elements and the invariants of this package.
func Check(n *Node) []Problem {
	c := checker{}
	c.enter(n.typ.Name)
	c.node(n)
	return c.problems
}

// Repair removes the smallest optional elements that [Check] objects to and
// lists what it removed. It returns false when the root itself cannot be saved.
func (c *Repairer) Repair(n *Node) ([]Problem, bool) {
	c.repair, c.problems, c.path = true, nil, c.path[:0]
	c.enter(n.typ.Name)
	ok := c.node(n)
	return c.problems, ok
}

// Repairer repairs trees one after the other; the zero value is ready. It
// belongs to one goroutine.
type Repairer struct{ checker }

type checker struct {
	repair   bool
	problems []Problem
	path     []step // to the node at hand
}

type step struct {
	name  string
	index int
	many  bool
}

func (c *checker) enter(name string) {
	c.path = append(c.path, step{name: name})
}

func (c *checker) leave() { c.path = c.path[:len(c.path)-1] }

func (c *checker) report(code, text string) {
	var b strings.Builder
	for i, s := range c.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
		if s.many {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	c.problems = append(c.problems, Problem{Code: code, Path: b.String(), Text: text})
}

// node checks n and its children; false means n is not valid.
func (c *checker) node(n *Node) bool {
	ok := c.children(n)
	if n.typ.Primitive != nil {
		return c.primitive(n) && ok
	}
	if n.first == nil && !n.typ.Resource {
		c.report("empty", "an element has a value or children (ele-1)")
		return false
	}
	for _, e := range n.typ.Required {
		if !n.Has(e) {
			c.enter(e.Name)
			c.report("required", "the element is required")
			c.leave()
			ok = false
		}
	}
	for _, inv := range rules()[n.typ] {
		if !inv.holds(n) {
			c.report("invariant", inv.text)
			ok = false
		}
	}
	return ok
}

func (c *checker) children(n *Node) bool {
	if n.first == nil {
		return true
	}
	ok := true
	var prev *Node
	index := 0
	c.enter("")
	defer c.leave()
	at := len(c.path) - 1
	for child := n.first; child != nil; child = child.next {
		if index++; prev == nil || prev.elem != child.elem {
			index = 0
		}
		c.path[at] = step{child.elem.Name, index, child.elem.Many}
		good := c.node(child)
		switch {
		case prev != nil && prev.elem == child.elem && !child.elem.Many:
			c.report("structure", "the element does not repeat")
			good = false
		case prev != nil && prev.elem != child.elem && child.elem.Choice != "" && prev.elem.Choice == child.elem.Choice:
			c.report("choice", "one type of "+child.elem.Choice+" only")
			good = false
		case good && child.elem.Binding != nil && !bound(child):
			c.report("binding", "not a code of the required value set "+child.elem.Binding.Name)
			good = false
		}
		if !good && c.repair {
			n.Remove(child)
			if index--; prev == nil {
				index = 0
			}
			continue
		}
		ok = ok && good
		prev = child
	}
	return ok
}

func (c *checker) primitive(n *Node) bool {
	if n.text == "" {
		if n.first == nil {
			c.report("empty", "an element has a value or children (ele-1)")
		}
		return n.first != nil
	}
	if !n.typ.Primitive.Valid(n.text) {
		c.report("value", "not a FHIR "+n.typ.Name)
		return false
	}
	return true
}

// bound checks a required binding of a code, Coding or CodeableConcept.
func bound(n *Node) bool {
	b := n.elem.Binding
	switch n.typ.Name {
	case "CodeableConcept":
		for c := n.first; c != nil; c = c.next {
			if c.elem.Name == "coding" && b.Has(c.Value("system"), c.Value("code")) {
				return true
			}
		}
		return false
	case "Coding":
		return b.Has(n.Value("system"), n.Value("code"))
	case "code", "string", "uri":
		return n.text == "" || b.Has("", n.text)
	}
	return true
}

type invariant struct {
	text  string
	holds func(*Node) bool
}

// invariants are those of R4 that translated data can break, by type.
var invariants = map[string][]invariant{
	"ContactPoint":    {{"a system is required if a value is provided (cpt-2)", func(n *Node) bool { return n.Child("value") == nil || n.Child("system") != nil }}},
	"Attachment":      {{"data needs a contentType (att-1)", func(n *Node) bool { return n.Child("data") == nil || n.Child("contentType") != nil }}},
	"Quantity":        quantityRules,
	"Duration":        quantityRules,
	"Age":             quantityRules,
	"Organization":    {{"an organization has a name or an identifier (org-1)", func(n *Node) bool { return n.Child("name") != nil || n.Child("identifier") != nil }}},
	"Patient.contact": {{"a contact has a name, telecom, address or organization (pat-1)", func(n *Node) bool { return hasAny(n, "name", "telecom", "address", "organization") }}},
	"Extension":       {{"an extension has either a value or extensions (ext-1)", extensionHolds}},
	"Reference":       {{"a reference says something", func(n *Node) bool { return hasAny(n, "reference", "identifier", "display", "extension") }}},
	"Observation":     {{"dataAbsentReason only without a value (obs-6)", func(n *Node) bool { return n.Child("dataAbsentReason") == nil || !hasValue(n) }}},
	"Appointment": {
		{"start and end or neither (app-2)", func(n *Node) bool { return (n.Child("start") == nil) == (n.Child("end") == nil) }},
		{"start and end unless proposed, cancelled or waitlist (app-3)", func(n *Node) bool {
			return n.Child("start") != nil || slices.Contains([]string{"proposed", "cancelled", "waitlist"}, n.Value("status"))
		}},
	},
	"Appointment.participant": {{"a participant has a type or an actor (app-1)", func(n *Node) bool { return hasAny(n, "type", "actor") }}},
	"Condition":               {{"no clinicalStatus when entered in error (con-5)", notEnteredInError}},
	"AllergyIntolerance": {
		{"no clinicalStatus when entered in error (ait-2)", notEnteredInError},
		{"clinicalStatus unless entered in error (ait-1)", func(n *Node) bool { return n.Child("clinicalStatus") != nil || enteredInError(n) }},
	},
}

// rules are the invariants by type, for a quick look-up.
var rules = sync.OnceValue(func() map[*definition.Type][]invariant {
	out := make(map[*definition.Type][]invariant, len(invariants))
	for name, list := range invariants {
		if t, ok := definition.R4().Lookup(name); ok {
			out[t] = list
		}
	}
	return out
})

var quantityRules = []invariant{{"a coded unit has a system (qty-3)", func(n *Node) bool { return n.Child("code") == nil || n.Child("system") != nil }}}

func hasAny(n *Node, names ...string) bool {
	for c := n.first; c != nil; c = c.next {
		if slices.Contains(names, c.elem.Name) {
			return true
		}
	}
	return false
}

func hasValue(n *Node) bool {
	for c := n.first; c != nil; c = c.next {
		if c.elem.Choice == "value[x]" {
			return true
		}
	}
	return false
}

func extensionHolds(n *Node) bool { return hasValue(n) != (n.Child("extension") != nil) }

func enteredInError(n *Node) bool {
	return n.Value("verificationStatus", "coding", "code") == "entered-in-error"
}

func notEnteredInError(n *Node) bool { return n.Child("clinicalStatus") == nil || !enteredInError(n) }
