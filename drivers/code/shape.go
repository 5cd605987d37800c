package code

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"sync"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// maxPattern is the longest pattern of a rule, in bytes.
const maxPattern = 4 << 10

// pattern is an RE2 expression of the whole text. It is checked when it is loaded and
// compiled when a text first passes its filter: a desk meets few of all codes.
type pattern struct {
	filter   filter
	names    []string // of the groups, by number; "" for one without
	compiled func() *regexp.Regexp
}

// Shape describes what DecodeNode takes.
func (*pattern) Shape() decode.Shape { return decode.Shape{Type: decode.ShapeText} }

// DecodeNode compiles the expression.
func (p *pattern) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	s := d.Text(n)
	if len(s) > maxPattern {
		d.Fail(n, "pattern has %d bytes; %d at most", len(s), maxPattern)
		return
	}
	whole := `\A(?:` + s + `)\z`
	tree, err := syntax.Parse(whole, syntax.Perl)
	if err != nil {
		d.Fail(n, "pattern: %v", err)
		return
	}
	p.filter, p.names = newFilter(tree), tree.CapNames()
	p.compiled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(whole) }) // it has been parsed
}

// submatches are the groups of a match by number, nil without one.
func (p *pattern) submatches(text string) []string {
	if !p.filter.pass(text) {
		return nil
	}
	return p.compiled().FindStringSubmatch(text)
}

// groups are the names of the named groups.
func (p *pattern) groups() []string {
	var names []string
	if p != nil {
		for _, g := range p.names {
			if g != "" {
				names = append(names, g)
			}
		}
	}
	return names
}

// shape is what a rule asks of the bytes of a scan.
type shape struct {
	Length int      `yaml:"length" doc:"exactly so many bytes"`
	Min    int      `yaml:"min" doc:"at least"`
	Max    int      `yaml:"max" doc:"at most"`
	At     []marker `yaml:"at" doc:"bytes at places"`
}

// marker is bytes at an offset from the start.
type marker struct {
	Offset int             `yaml:"offset" doc:"from 0"`
	Is     decode.HexBytes `yaml:"is,required" doc:"the bytes"`
}

// DecodeNode reads the conditions.
func (s *shape) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	type plain shape
	d.Decode(n, (*plain)(s))
	if s.Length == 0 && s.Min == 0 && s.Max == 0 && s.At == nil {
		d.Fail(n, "want at least one of length, min, max, at")
	}
}

// fits says whether the bytes meet all conditions.
func (s *shape) fits(b []byte) bool {
	if s.Length > 0 && len(b) != s.Length || len(b) < s.Min || s.Max > 0 && len(b) > s.Max {
		return false
	}
	for _, m := range s.At {
		if m.Offset > len(b) || !bytes.HasPrefix(b[m.Offset:], m.Is) {
			return false
		}
	}
	return true
}
