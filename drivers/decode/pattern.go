package decode

import (
	"regexp"
	"regexp/syntax"
	"sync"

	"go.yaml.in/yaml/v3"
)

// maxPattern is the longest expression, in bytes.
const maxPattern = 1024

// pattern is an RE2 expression. It is checked when it is loaded and compiled when it is
// first used: of all profiles and rules a desk meets few.
type pattern struct {
	groups   int
	compiled func() *regexp.Regexp
}

func (*pattern) Shape() Shape { return textOf() }

func (p *pattern) DecodeNode(d *Decoder, n *yaml.Node) {
	if !p.parse(d.Text(n)) {
		d.Fail(n, "want an RE2 pattern of at most %d bytes", maxPattern)
	}
}

func (p *pattern) parse(expr string) bool {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || len(expr) > maxPattern {
		return false
	}
	p.groups = tree.MaxCap()
	p.compiled = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) }) // it has been parsed
	return true
}
