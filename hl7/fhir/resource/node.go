// Package resource is a FHIR R4 resource as a typed tree: built element by
// element, written as JSON in the order of the specification, read back, and
// checked against the element table of package definition.
//
// A tree belongs to one goroutine at a time.
package resource

import (
	"strings"

	"cardferry/hl7/fhir/definition"
)

// Node is an instance of a type: a resource, a datatype or a primitive. Its
// children are kept in the order of the specification; instances of a repeating
// element follow each other in the order they were added.
type Node struct {
	typ  *definition.Type
	elem *definition.Element // in the parent; nil for a root
	text string              // value of a primitive; "" means none (FHIR has no empty values)
	key  uint64              // see Slot
	mark int                 // see Mark
	size int                 // number of children

	first, last, next *Node
	recent            *Node // the child attached last, nil when it was removed
}

// Arena hands out nodes in blocks, so that one translation makes few
// allocations. The zero value is ready. It belongs to one goroutine.
type Arena struct {
	blocks [][]Node
	used   int // blocks begun
	free   []Node
}

// arenaBlock is about the number of elements of a small Bundle; keptBlocks
// bounds what Reset keeps for the next Bundle (about 1.5 MB).
const (
	arenaBlock = 256
	keptBlocks = 64
)

// New returns an empty instance of t that has no parent.
func (a *Arena) New(t *definition.Type) *Node {
	if len(a.free) == 0 {
		if a.used == len(a.blocks) {
			a.blocks = append(a.blocks, make([]Node, arenaBlock))
		}
		a.free = a.blocks[a.used]
		a.used++
	}
	n := &a.free[0]
	a.free = a.free[1:]
	n.typ = t
	return n
}

// Reset takes all nodes back and wipes them. Trees of the arena must not be used
// afterwards.
func (a *Arena) Reset() {
	for _, b := range a.blocks[:a.used] {
		clear(b)
	}
	a.blocks = a.blocks[:min(len(a.blocks), keptBlocks)]
	a.used, a.free = 0, nil
}

// Type is the type of the instance.
func (n *Node) Type() *definition.Type { return n.typ }

// Element is the element the node is in its parent, nil for a root.
func (n *Node) Element() *definition.Element { return n.elem }

// Text is the value of a primitive as JSON writes it, unquoted.
func (n *Node) Text() string { return n.text }

// SetText sets the value of a primitive. The caller checks the lexical form, or
// [Check] finds it.
func (n *Node) SetText(s string) { n.text = s }

// First is the first child and Next the following sibling, nil at the end.
func (n *Node) First() *Node { return n.first }

// Next is the following sibling.
func (n *Node) Next() *Node { return n.next }

// Len is the number of children.
func (n *Node) Len() int { return n.size }

// Add appends an instance of e, one of the elements of n's type.
func (n *Node) Add(a *Arena, e *definition.Element) *Node {
	c := a.New(e.Type)
	n.Attach(e, c)
	return c
}

// Attach makes c, a root, the last instance of e under n.
func (n *Node) Attach(e *definition.Element, c *Node) {
	c.elem, c.next = e, nil
	n.size++
	recent := n.recent
	n.recent = c
	switch {
	case n.first == nil:
		n.first, n.last = c, c
		return
	case n.last.elem.Order <= e.Order:
		n.last.next = c
		n.last = c
		return
	case recent != nil && recent.elem == e: // not the last: an element of higher order follows the run
		c.next = recent.next
		recent.next = c
		return
	}
	at := &n.first
	for (*at).elem.Order <= e.Order {
		at = &(*at).next
	}
	c.next = *at
	*at = c
}

// Slot returns the instance of e that was added under this key, adding it when
// there is none. Elements that do not repeat have one slot whatever the key.
func (n *Node) Slot(a *Arena, e *definition.Element, key uint64) *Node {
	for c := n.first; c != nil; c = c.next {
		if c.elem == e && (!e.Many || c.key == key) {
			return c
		}
	}
	c := n.Add(a, e)
	c.key = key
	return c
}

// Mark is a number that the builder of the tree may keep at a node, 0 at first.
// It is not part of the resource.
func (n *Node) Mark() int { return n.mark }

// SetMark sets the mark.
func (n *Node) SetMark(m int) { n.mark = m }

// Child returns the first instance of the named element, nil when there is none.
func (n *Node) Child(name string) *Node {
	for c := n.first; c != nil; c = c.next {
		if c.elem.Name == name {
			return c
		}
	}
	return nil
}

// Has says whether n has an instance of e or of another variant of its choice.
func (n *Node) Has(e *definition.Element) bool {
	for c := n.first; c != nil; c = c.next {
		if c.elem == e || e.Choice != "" && c.elem.Choice == e.Choice {
			return true
		}
	}
	return false
}

// Value is the text of the primitive at a path of element names, "" when it is
// not there. Of repeating elements it takes the first.
func (n *Node) Value(path ...string) string {
	for _, name := range path {
		if n = n.Child(name); n == nil {
			return ""
		}
	}
	return n.text
}

// Remove takes the child c away.
func (n *Node) Remove(c *Node) {
	var prev *Node
	for at := n.first; at != nil; prev, at = at, at.next {
		if at != c {
			continue
		}
		if prev == nil {
			n.first = c.next
		} else {
			prev.next = c.next
		}
		if n.last == c {
			n.last = prev
		}
		if n.recent == c {
			n.recent = nil
		}
		n.size--
		return
	}
}

// Set puts the primitive value at a path of element names, adding what is
// missing; a repeating element gets or keeps one instance. An unknown name is a
// programming error and panics in tests that reach it.
func (n *Node) Set(a *Arena, path, text string) {
	for name := range strings.SplitSeq(path, ".") {
		n = n.Slot(a, n.typ.MustElement(name), 0)
	}
	n.text = text
}

// Empty says whether there is neither value nor child.
func (n *Node) Empty() bool { return n.text == "" && n.first == nil }
