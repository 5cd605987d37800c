package decode

import (
	"encoding/hex"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The literals of the language. Hex is read from the text as written, so that
// `fid: 0201` is a file and not YAML's octal number.

// HexBytes is hex with optional spaces: "D2 76 00".
type HexBytes []byte

// Shape describes hex bytes.
func (*HexBytes) Shape() Shape { return Shape{Type: ShapeHex} }

// DecodeNode reads one or more bytes.
func (h *HexBytes) DecodeNode(d *Decoder, n *yaml.Node) {
	b, err := hex.DecodeString(strings.ReplaceAll(n.Value, " ", ""))
	if n.Kind != yaml.ScalarNode || err != nil || len(b) == 0 {
		d.Fail(n, "want hex bytes such as D2760001")
	}
	*h = b
}

// Entry is one pair of an Ordered mapping.
type Entry[T any] struct {
	Name string
	Node *yaml.Node // of the key
	Val  T
}

// Ordered keeps a mapping in the order it was written. Its keys are plain names.
type Ordered[T any] []Entry[T]

// Shape describes a mapping with free names.
func (*Ordered[T]) Shape() Shape {
	item := ShapeOf(reflect.TypeFor[T]())
	return Shape{Type: ShapeMapping, Item: &item}
}

// DecodeNode reads a mapping.
func (o *Ordered[T]) DecodeNode(d *Decoder, n *yaml.Node) {
	d.Pairs(n, func(key, val *yaml.Node) {
		e := Entry[T]{Name: key.Value, Node: key}
		if !PlainName(key.Value) {
			d.Fail(key, "names are letters, digits and -, starting with a letter")
		}
		d.Decode(val, &e.Val)
		*o = append(*o, e)
	})
}

// Get returns the value of a name.
func (o Ordered[T]) Get(name string) (T, bool) {
	for i := range o {
		if o[i].Name == name {
			return o[i].Val, true
		}
	}
	var zero T
	return zero, false
}

// PlainName says whether s can name a profile, field, capture or parameter:
// letters, digits and -, starting with a letter, at most 64.
func PlainName(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
