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
	if n.typ.Name != "Bundle" {
		c.report(&trail{name: n.typ.Name}, "structure", "not a Bundle")
		return c.problems
	}
	root := &trail{name: "Bundle"}
	c.node(n, root)
	types := map[string]string{} // fullUrl -> type
	entries := entriesOf(n)
	for i, e := range entries {
		t := &trail{up: root, name: "entry", many: true, index: i}
		url, res := e.Value("fullUrl"), e.Child("resource")
		if res == nil {
			continue
		}
		if url != "" {
			if _, twice := types[url]; twice {
				c.report(t, "invariant", "fullUrl is unique in a Bundle (bdl-7)")
			}
			types[url] = res.typ.Name
		}
		if kind := n.Value("type"); (kind == "transaction" || kind == "batch") != (e.Child("request") != nil) {
			c.report(t, "invariant", "a request exactly in transactions and batches (bdl-3)")
		}
	}
	for i, e := range entries {
		if res := e.Child("resource"); res != nil {
			entry := &trail{up: root, name: "entry", many: true, index: i}
			c.references(res, res, types, &trail{up: entry, name: res.typ.Name})
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

func (c *checker) references(n, root *Node, types map[string]string, t *trail) {
	if n.typ.Name == "Reference" {
		c.resolve(n, root, types, t)
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
		c.references(child, inside, types, &trail{up: t, name: child.elem.Name, many: child.elem.Many, index: index})
	}
}

func (c *checker) resolve(n, root *Node, types map[string]string, t *trail) {
	ref := n.Value("reference")
	target := ""
	switch {
	case strings.HasPrefix(ref, "urn:uuid:"):
		var ok bool
		if target, ok = types[ref]; !ok {
			c.report(t, "reference", "no entry of the Bundle has this fullUrl")
			return
		}
	case strings.HasPrefix(ref, "#"):
		for child := root.first; child != nil; child = child.next {
			if child.elem.Name == "contained" && child.Value("id") == ref[1:] {
				target = child.typ.Name
			}
		}
		if target == "" {
			c.report(t, "reference", "no contained resource has this id (ref-1)")
			return
		}
	case ref != "" && !strings.Contains(ref, ":"):
		target, _, _ = strings.Cut(ref, "/")
	default:
		return
	}
	if n.elem != nil && len(n.elem.Targets) > 0 && !slices.Contains(n.elem.Targets, target) {
		c.report(t, "reference", "the element may not refer to this type (allowed: "+strings.Join(n.elem.Targets, ", ")+")")
	}
}
