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
