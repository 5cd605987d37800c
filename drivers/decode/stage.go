package decode

import (
	"reflect"

	"go.yaml.in/yaml/v3"
)

// stage is one transform of a field's pipeline, written as `xml` or `text: ascii`.
// Stages are pure: a value in, a value out, and warnings beside it.
type stage struct {
	name string
	node *yaml.Node
	op   transform
}

// transform is what a stage does. It returns errAbsent for "nothing there" and
// errUnreadable for "cannot be decoded". It never changes the bytes it is given,
// which other fields share.
type transform interface {
	kinds() (in, out Kind)
	apply(e *evaluation, v Value) (Value, error)
}

// optionalArgument is a transform whose argument may be left out.
type optionalArgument interface{ optional() }

func (*stage) Shape() Shape { return Shape{Type: ShapeRef, Ref: "stage"} }

func (s *stage) DecodeNode(d *Decoder, n *yaml.Node) {
	key, arg := n, (*yaml.Node)(nil)
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key, arg = n.Content[0], n.Content[1]
	} else if n.Kind != yaml.ScalarNode {
		d.Fail(n, "a stage is one word or one key, such as xml or text: ascii")
		return
	}
	s.name, s.node = key.Value, key
	op := newStage(key.Value)
	if op == nil {
		d.Unknown(key, "stage", stageNames())
		return
	}
	_, takesArg := op.(NodeDecoder)
	_, optional := op.(optionalArgument)
	switch {
	case takesArg && arg == nil && !optional:
		d.Fail(key, "%s needs an argument: %s: …", key.Value, key.Value)
	case !takesArg && arg != nil:
		d.Fail(arg, "%s takes no argument", key.Value)
	case takesArg && arg != nil:
		d.Decode(arg, op)
	}
	s.op = op
}

func newStage(name string) transform {
	for i := range stageTable {
		if stageTable[i].name == name {
			return stageTable[i].make()
		}
	}
	return nil
}

func stageNames() []string {
	names := make([]string, len(stageTable))
	for i := range stageTable {
		names[i] = stageTable[i].name
	}
	return names
}

// stageKind is one row of the stage table: all that is known of a stage but its
// code. The argument's shape comes from the transform's type.
type stageKind struct {
	name    string
	make    func() transform
	doc     string
	example string
}

// of makes a transform of type T.
func of[T any, P interface {
	*T
	transform
}]() transform {
	return P(new(T))
}

// keysIn decodes a mapping into v, a pointer to a struct type with its own
// DecodeNode, by its fields. It returns false after a mistake.
func keysIn[T any](d *Decoder, n *yaml.Node, v *T) bool {
	before := d.Mistakes()
	d.structure(n, reflect.ValueOf(v).Elem())
	return d.Mistakes() == before
}
