package resource

import (
	"slices"
	"strings"

	"cardferry/hl7/fhir/definition"
)

// ReadBundle is [Read] for the JSON of a Bundle.
func ReadBundle(b []byte) (*Node, []Problem, error) {
	return Read(b, definition.R4())
}

// CheckBundle is [Check] and the rules across the entries of a transaction: type
// and requests, unique fullUrls, references by urn:uuid and to contained
// resources that resolve to an allowed type.
func CheckBundle(n *Node) []Problem {
	c := checker{}
	c.enter(n.typ.Name)
	if n.typ.Name != "Bundle" {
		c.report("structure", "not a Bundle")
		return c.problems
	}
	c.node(n)
	types := map[string]string{} // fullUrl -> type
	entries := entriesOf(n)
	kind := n.Value("type")
	c.enter("entry")
	for i, e := range entries {
		c.path[1] = step{"entry", i, true}
		url, res := e.Value("fullUrl"), e.Child("resource")
		if res == nil {
			continue
		}
		if url != "" {
			if _, twice := types[url]; twice {
				c.report("invariant", "fullUrl is unique in a Bundle (bdl-7)")
			}
			types[url] = res.typ.Name
		}
		if (kind == "transaction" || kind == "batch") != (e.Child("request") != nil) {
			c.report("invariant", "a request exactly in transactions and batches (bdl-3)")
		}
	}
	for i, e := range entries {
		if res := e.Child("resource"); res != nil {
			c.path[1] = step{"entry", i, true}
			c.enter(res.typ.Name)
			c.references(res, res, types)
			c.leave()
		}
	}
	return c.problems
}

func entriesOf(n *Node) []*Node {
	var out []*Node
	for c := n.first; c != nil; c = c.next {
		if c.elem.Name == "entry" {
			out = append(out, c)
		}
	}
	return out
}

func (c *checker) references(n, root *Node, types map[string]string) {
	if n.typ.Name == "Reference" {
		c.resolve(n, root, types)
		return
	}
	var prev *Node
	index := 0
	for child := n.first; child != nil; child = child.next {
		if index++; prev == nil || prev.elem != child.elem {
			index = 0
		}
		prev = child
		inside := root
		if child.typ.Resource && child.elem.Name != "contained" {
			inside = child
		}
		c.enter(child.elem.Name)
		c.path[len(c.path)-1].index, c.path[len(c.path)-1].many = index, child.elem.Many
		c.references(child, inside, types)
		c.leave()
	}
}

func (c *checker) resolve(n, root *Node, types map[string]string) {
	ref := n.Value("reference")
	target := ""
	switch {
	case strings.HasPrefix(ref, "urn:uuid:"):
		var ok bool
		if target, ok = types[ref]; !ok {
			c.report("reference", "no entry of the Bundle has this fullUrl")
			return
		}
	case ref == "#":
		return // the resource that contains this one
	case strings.HasPrefix(ref, "#"):
		for child := root.first; child != nil; child = child.next {
			if child.elem.Name == "contained" && child.Value("id") == ref[1:] {
				target = child.typ.Name
			}
		}
		if target == "" {
			c.report("reference", "no contained resource has this id (ref-1)")
			return
		}
	case ref != "" && !strings.Contains(ref, ":"):
		target, _, _ = strings.Cut(ref, "/")
		target, _, _ = strings.Cut(target, "?") // conditional: Patient?identifier=…
	default:
		return
	}
	if n.elem != nil && len(n.elem.Targets) > 0 && !slices.Contains(n.elem.Targets, target) {
		c.report("reference", "the element may not refer to this type (allowed: "+strings.Join(n.elem.Targets, ", ")+")")
	}
}
