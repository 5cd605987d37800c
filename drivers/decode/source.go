package decode

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Source is "name" or "name[from:to]": an input or an earlier field, whole or cut.
// Offsets count from 0, bytes of bytes and characters of text; either end may be left
// out.
type Source struct {
	Name string
	cut  slice
	node *yaml.Node
}

// Shape describes a source.
func (*Source) Shape() Shape {
	return Shape{Type: ShapeText, Pattern: `^[A-Za-z][A-Za-z0-9-]*(\[[0-9]*:[0-9]*\])?$`}
}

// DecodeNode reads one source.
func (s *Source) DecodeNode(d *Decoder, n *yaml.Node) {
	s.node = n
	name, rest, found := strings.Cut(d.Text(n), "[")
	s.Name, s.cut = name, whole
	inner, closed := strings.CutSuffix(rest, "]")
	if found && (!closed || !s.cut.parse(inner)) {
		d.Fail(n, "want name or name[from:to], such as person[200:208]")
	}
}

// Cut takes the source's range out of b, which is shorter or empty where b ends.
func (s Source) Cut(b []byte) []byte { return s.cut.of(b) }

// sources is one source or a list of them.
type sources []Source

func (*sources) Shape() Shape {
	one := new(Source).Shape()
	return eitherOf(one, listOf(one))
}

func (s *sources) DecodeNode(d *Decoder, n *yaml.Node) {
	for _, c := range oneOrMore(n) {
		var one Source
		one.DecodeNode(d, c)
		*s = append(*s, one)
	}
}

// oneOrMore returns the entries of a list, or the node itself as the only one.
func oneOrMore(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// at returns a copy of a node with another text, for messages about a part of it.
func at(n *yaml.Node, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Line: n.Line, Column: n.Column}
}

// slice is a half-open range; to -1 means the end.
type slice struct{ from, to int }

var whole = slice{to: -1}

func (s *slice) parse(text string) bool {
	a, b, found := strings.Cut(text, ":")
	s.to = -1
	var err1, err2 error
	if a != "" {
		s.from, err1 = strconv.Atoi(a)
	}
	if b != "" {
		s.to, err2 = strconv.Atoi(b)
	}
	return found && err1 == nil && err2 == nil && s.from >= 0 && (b == "" || s.to > s.from)
}

// of cuts b; a range that begins behind the end is empty, one that ends there is
// cut short.
func (s slice) of(b []byte) []byte {
	if s.from >= len(b) {
		return nil
	}
	if s.to < 0 || s.to > len(b) {
		return b[s.from:]
	}
	return b[s.from:s.to]
}

// cut cuts a value: bytes by bytes, text by characters.
func (s slice) cut(v Value) []byte {
	if v.kind != KindText || s == whole || ascii(v.b) {
		return s.of(v.b)
	}
	var out []byte
	for n := 0; len(v.b) > 0 && (s.to < 0 || n < s.to); n++ {
		_, size := utf8.DecodeRune(v.b)
		if n >= s.from {
			out = append(out, v.b[:size]...)
		}
		v.b = v.b[size:]
	}
	return out
}

// fills says whether the value reaches the end of the range, or has nothing in it.
func (s slice) fills(v Value) bool {
	n := len(v.b)
	if v.kind == KindText && n >= s.to && s.to > 0 {
		n = utf8.RuneCount(v.b)
	}
	return s.to <= n || s.from >= n
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
