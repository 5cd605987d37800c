package resource

import (
	"strconv"
	"strings"
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
		if inv.holds(n) {
			continue
		}
		c.report("invariant", inv.text)
		if c.repair && inv.mend != nil {
			inv.mend(n)
		}
		ok = ok && c.repair && inv.mend != nil && inv.holds(n)
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
