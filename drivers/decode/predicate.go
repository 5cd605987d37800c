package decode

import (
	"encoding/hex"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Predicate is a condition on one source, with exactly one test:
//
//	{from: header, equals: "4103"}                  bytes as hex, text as text
//	{from: "page[0:4]", matches: "^[0-9]+$"}        RE2; bytes are read as ISO 8859-1
//	{from: kind, one-of: [A, B]}
//	{from: extension, present: true}
//
// An absent source passes only `present: false`; a cut that the source does not
// fill is absent.
type Predicate struct {
	From    Source   `yaml:"from,required" doc:"what is looked at: an input or an earlier field"`
	Equals  scalar   `yaml:"equals" doc:"the value: hex of bytes, else text"`
	Matches *pattern `yaml:"matches" doc:"or an RE2 pattern; bytes are read as ISO 8859-1"`
	OneOf   []scalar `yaml:"one-of" doc:"or several values, as for equals"`
	Present *bool    `yaml:"present" doc:"or whether there is anything"`

	wanted [][]byte // of equals and one-of, once the kind is known
	node   *yaml.Node
}

// scalar is text or hex as written, whatever YAML takes it for: `equals: 4103`.
type scalar struct{ text string }

func (*scalar) Shape() Shape { return eitherOf(textOf(), Shape{Type: ShapeHex}) }

func (s *scalar) DecodeNode(d *Decoder, n *yaml.Node) {
	if s.text = n.Value; n.Kind != yaml.ScalarNode || n.Value == "" {
		d.Fail(n, "want text or hex, found %s", kindName(n))
	}
}

// DecodeNode reads a predicate.
func (p *Predicate) DecodeNode(d *Decoder, n *yaml.Node) {
	type plain Predicate
	p.node = n
	d.Decode(n, (*plain)(p))
	tests := 0
	for _, given := range []bool{p.Equals.text != "", p.Matches != nil, p.OneOf != nil, p.Present != nil} {
		if given {
			tests++
		}
	}
	if tests != 1 {
		d.Fail(n, "want one of equals, matches, one-of, present")
	}
}

// Compile checks the predicate against the kinds of value it can name.
func (p *Predicate) Compile(d *Decoder, kinds map[string]Kind) {
	if p.node == nil { // the file had no usable node here and said so
		return
	}
	kind, ok := kinds[p.From.Name]
	switch {
	case !ok:
		d.Unknown(at(p.node, p.From.Name), "source", KeysOf(kinds))
		return
	case kind == KindDocument && p.Present == nil:
		d.Fail(p.node, "%q is a document; take a path of it", p.From.Name)
		return
	}
	p.wanted = nil
	for _, s := range append(slices.Clone(p.OneOf), p.Equals) {
		if s.text == "" {
			continue
		}
		b := []byte(s.text)
		if kind == KindBytes {
			var err error
			if b, err = hex.DecodeString(strings.ReplaceAll(s.text, " ", "")); err != nil {
				d.Fail(p.node, "%q is bytes: compare with hex such as 41AC", p.From.Name)
			}
		}
		p.wanted = append(p.wanted, b)
	}
}

// Holds says whether the predicate is true of the values. It must have been
// compiled.
func (p *Predicate) Holds(values map[string]Value) bool {
	v := values[p.From.Name]
	var b []byte
	if p.From.cut.fills(v) {
		b = p.From.cut.cut(v)
	}
	switch {
	case p.Present != nil:
		return *p.Present == (len(b) > 0)
	case len(b) == 0:
		return false
	case p.Matches != nil && v.kind == KindBytes:
		return p.Matches.compiled().MatchString(latin1(b))
	case p.Matches != nil:
		return p.Matches.compiled().Match(b)
	}
	return slices.ContainsFunc(p.wanted, func(w []byte) bool { return string(w) == string(b) })
}

// latin1 reads bytes as ISO 8859-1.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}
