package decode

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of documents; real ones are a few kilobytes.
const (
	maxDepth    = 32
	maxElements = 1 << 16
)

// element is a node of a document: its name, its own text, its children. An
// entry of a list is named by its number, an XML attribute by @ and its name.
type element struct {
	name     string
	text     []byte
	children []*element
}

// add appends a child with a text, unless there is none.
func (e *element) add(name, text string) {
	if text != "" {
		e.children = append(e.children, &element{name: name, text: []byte(text)})
	}
}

// find returns the first element at a path, in document order.
func (e *element) find(path [][]string) *element {
	if len(path) == 0 {
		return e
	}
	names, rest := path[0], path[1:]
	for _, c := range e.children {
		if slices.Contains(names, c.name) {
			if found := c.find(rest); found != nil {
				return found
			}
		}
	}
	return nil
}

// documentValue makes a value of a document read from b, or of an empty one, which
// is absent.
func documentValue(b []byte, root *element) Value {
	if root == nil {
		return Value{}
	}
	return Value{b: b, kind: KindDocument, doc: root}
}

// path takes the text of the first element at a path of names below the root.
type path struct{ steps [][]string }

func (*path) Shape() Shape { return Shape{Type: ShapeText, Pattern: `^[^/|]+([/|][^/|]+)*$`} }

func (p *path) DecodeNode(d *Decoder, n *yaml.Node) {
	text := d.Text(n)
	if strings.Count(text, "/") >= maxDepth {
		d.Fail(n, "a path has at most %d steps", maxDepth)
		return
	}
	for step := range strings.SplitSeq(text, "/") {
		alt := strings.Split(step, "|")
		if slices.Contains(alt, "") {
			d.Fail(n, "want a path of element names, such as Versicherter/Person/Vorname")
		}
		p.steps = append(p.steps, alt)
	}
}

func (*path) kinds() (in, out Kind) { return KindDocument, KindText }

func (p *path) apply(e *evaluation, v Value) (Value, error) {
	found := v.doc.find(p.steps)
	if found == nil {
		return Value{}, errAbsent
	}
	if printable(found.text) {
		return textValue(found.text), nil
	}
	line := strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(string(found.text))
	return e.clean(line, found.text), nil
}

// printable says whether text needs no cleaning: printable ASCII.
func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7E {
			return false
		}
	}
	return true
}

// builder makes a document of nested Go values, as decoders of JSON and CBOR give
// them, within bounds.
type builder struct{ elements int }

// build returns the element for v, or nil for nothing (null, empty text); false when
// a bound is passed, a type is strange or two keys of a map are written alike.
func (b *builder) build(name string, v any, scalar func(any) (string, bool), depth int) (*element, bool) {
	if b.elements++; depth == 0 || b.elements > maxElements {
		return nil, false
	}
	e := &element{name: name}
	switch x := v.(type) {
	case nil:
		return nil, true
	case []any:
		for i, item := range x {
			if !b.child(e, strconv.Itoa(i), item, scalar, depth) {
				return nil, false
			}
		}
		return e, true
	case map[any]any:
		named := make(map[string]any, len(x))
		for k, item := range x {
			key, ok := scalar(k)
			if _, twice := named[key]; !ok || twice { // such as 1 and "1"
				return nil, false
			}
			named[key] = item
		}
		return e, b.object(e, named, scalar, depth)
	case map[string]any:
		return e, b.object(e, x, scalar, depth)
	}
	s, ok := scalar(v)
	if s == "" {
		return nil, ok
	}
	e.text = []byte(s)
	return e, ok
}

// object adds the members in order of name: Go's maps have none of their own.
func (b *builder) object(e *element, members map[string]any, scalar func(any) (string, bool), depth int) bool {
	for _, k := range KeysOf(members) {
		if !b.child(e, k, members[k], scalar, depth) {
			return false
		}
	}
	return true
}

func (b *builder) child(e *element, name string, v any, scalar func(any) (string, bool), depth int) bool {
	c, ok := b.build(name, v, scalar, depth-1)
	if c != nil {
		e.children = append(e.children, c)
	}
	return ok
}
