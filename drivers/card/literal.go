package card

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// The literals of the language. Hex is read from the text as written, so that
// `fid: 0201` is a file and not YAML's octal number.

// scope is what a decoder of a profile knows of the surroundings of a node.
type scope struct {
	macros map[string][]string // name -> parameters, known before steps decode
	vars   []string            // parameters and loop variables in scope
	loops  map[string][]int    // values of the loop variables whose values are literal
	depth  int                 // of nested steps
}

func scopeOf(d *decode.Decoder) *scope { return d.Scope.(*scope) }

// number is a decimal or 0x number, or "${name}" for a parameter in scope.
type number struct {
	lit int
	ref string
	set bool
}

func (x *number) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if !x.reference(d, n) {
		x.lit = d.Integer(n)
	}
	x.set = true
}

func (x *number) reference(d *decode.Decoder, n *yaml.Node) bool {
	name, ok := strings.CutPrefix(n.Value, "${")
	if !ok || n.Kind != yaml.ScalarNode || !strings.HasSuffix(name, "}") {
		return false
	}
	x.ref = strings.TrimSuffix(name, "}")
	if !slices.Contains(scopeOf(d).vars, x.ref) {
		d.Fail(n, "%q is not a parameter or loop variable here", x.ref)
	}
	return true
}

// value resolves the number; parameters exist because loading checked them.
func (x number) value(vars map[string]int) int {
	if x.ref != "" {
		return vars[x.ref]
	}
	return x.lit
}

// outside says whether a literal is given and not within from and to. Parameters
// are only known when the step runs.
func (x number) outside(from, to int) bool {
	return x.set && x.ref == "" && (x.lit < from || x.lit > to)
}

// hexNumber is a number whose literal is hex as the standards write tags, P1,
// P2, SFI and FID: `tag: 4E`, `fid: EF05`.
type hexNumber struct{ number }

func (x *hexNumber) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if !x.reference(d, n) {
		u, err := strconv.ParseUint(strings.TrimPrefix(n.Value, "0x"), 16, 16)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.Fail(n, "want hex digits such as 4E or EF05")
		}
		x.lit = int(u)
	}
	x.set = true
}

// expected is Le: how many bytes a command asks for. `none` (0), a number, or a
// list that is tried in order while the card answers 6700.
type expected []number

func (e *expected) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) == 0 || len(nodes) > 4 {
		d.Fail(n, "want one to four lengths")
	}
	for _, c := range nodes {
		var x number
		if c.Kind == yaml.ScalarNode && c.Value == "none" {
			x.set = true
		} else {
			d.Decode(c, &x)
		}
		if x.outside(0, maxShort) {
			d.Fail(c, "a length is none or 1 to %d", maxShort)
		}
		*e = append(*e, x)
	}
}

// captureName names what a step keeps. In a for-each over literal values it may
// hold the loop variable: `as: rec-${n}` makes rec-1, rec-2 and so on.
type captureName struct {
	before, ref, after string
	values             []int // of ref
}

func (c *captureName) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	text := d.Text(n)
	before, rest, found := strings.Cut(text, "${")
	c.before = before
	if found {
		c.ref, c.after, found = strings.Cut(rest, "}")
		if c.values = scopeOf(d).loops[c.ref]; !found || c.values == nil {
			d.Fail(n, "${…} in a capture's name is a loop variable with literal values")
			return
		}
	}
	if !decode.PlainName(c.name(nil)) {
		d.Fail(n, "%q cannot name a capture: letters, digits and -", text)
	}
}

// name is the name for the present values of the loop variables; "" for none.
func (c captureName) name(vars map[string]int) string {
	if c.ref == "" {
		return c.before
	}
	return c.before + strconv.Itoa(vars[c.ref]) + c.after
}

// names are all names it can stand for.
func (c captureName) names() []string {
	switch {
	case c.ref != "":
		var all []string
		for _, v := range c.values {
			all = append(all, c.name(map[string]int{c.ref: v}))
		}
		return all
	case c.before != "":
		return []string{c.before}
	}
	return nil
}

// swPattern is a status word where x stands for any digit: "6Cxx".
type swPattern struct{ value, mask uint16 }

func (p *swPattern) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if len(n.Value) != 4 {
		d.Fail(n, "want a status word such as 6A83 or 69xx")
		return
	}
	for _, c := range n.Value {
		p.value, p.mask = p.value<<4, p.mask<<4
		if c == 'x' {
			continue
		}
		u, err := strconv.ParseUint(string(c), 16, 4)
		if err != nil {
			d.Fail(n, "want a status word such as 6A83 or 69xx")
			return
		}
		p.value, p.mask = p.value|uint16(u), p.mask|0xF
	}
}

func matchSW(patterns []swPattern, sw uint16) bool {
	return slices.ContainsFunc(patterns, func(p swPattern) bool { return sw&p.mask == p.value })
}

// duration is written with a unit: "50ms", "10s".
type duration time.Duration

func (x *duration) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	t, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || t < 0 {
		d.Fail(n, "want a time with its unit, such as 50ms or 10s")
	}
	*x = duration(t)
}
