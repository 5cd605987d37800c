package decode

import (
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Tree is YAML that stands for JSON: the replays and expected reads of a file's
// own tests. Numbers are float64, as encoding/json reads them.
type Tree struct{ Val any }

// Shape describes any JSON.
func (*Tree) Shape() Shape { return Shape{Type: ShapeAny} }

// DecodeNode reads any YAML that JSON can express.
func (t *Tree) DecodeNode(d *Decoder, n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.Fail(n, noAliases)
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		d.Pairs(n, func(key, val *yaml.Node) {
			var c Tree
			c.DecodeNode(d, val)
			m[key.Value] = c.Val
		})
		t.Val = m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, v := range n.Content {
			var c Tree
			c.DecodeNode(d, v)
			list = append(list, c.Val)
		}
		t.Val = list
	case n.Tag == "!!bool":
		t.Val = n.Value == "true"
	case n.Tag == "!!int":
		t.Val = float64(d.Integer(n))
	default:
		t.Val = d.Text(n)
	}
}

// Difference returns the path of the first difference between two JSON trees,
// such as "patient.name[0].text". It never returns a value.
func Difference(a, b any) (path string, differs bool) {
	path, differs = difference("", a, b)
	if len(path) > 0 && path[0] == '.' {
		path = path[1:]
	}
	return path, differs
}

func difference(path string, a, b any) (string, bool) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return path, true
		}
		keys := slices.Concat(KeysOf(x), KeysOf(y))
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			xv, inX := x[k]
			yv, inY := y[k]
			if inX != inY {
				return path + "." + k, true
			}
			if p, differs := difference(path+"."+k, xv, yv); differs {
				return p, true
			}
		}
		return "", false
	case []any:
		y, ok := b.([]any)
		if !ok {
			return path, true
		}
		for i := range max(len(x), len(y)) {
			here := path + "[" + strconv.Itoa(i) + "]"
			if i >= len(x) || i >= len(y) {
				return here, true
			}
			if p, differs := difference(here, x[i], y[i]); differs {
				return p, true
			}
		}
		return "", false
	}
	return path, a != b
}
