package card

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The literals of the language. Hex is read from the text as written, so that
// `fid: 0201` is a file and not YAML's octal number.

// hexBytes is hex with optional spaces: "D2 76 00".
type hexBytes []byte

func (h *hexBytes) decodeNode(d *decoder, n *yaml.Node) {
	b, err := hex.DecodeString(strings.ReplaceAll(n.Value, " ", ""))
	if n.Kind != yaml.ScalarNode || err != nil || len(b) == 0 {
		d.fail(n, "want hex bytes such as D2760001")
	}
	*h = b
}

// number is a decimal or 0x number, or "${name}" for a parameter in scope.
type number struct {
	lit int
	ref string
	set bool
}

func (x *number) decodeNode(d *decoder, n *yaml.Node) {
	if !x.reference(d, n) {
		x.lit = d.integer(n)
	}
	x.set = true
}

func (x *number) reference(d *decoder, n *yaml.Node) bool {
	name, ok := strings.CutPrefix(n.Value, "${")
	if !ok || n.Kind != yaml.ScalarNode || !strings.HasSuffix(name, "}") {
		return false
	}
	x.ref = strings.TrimSuffix(name, "}")
	if !slices.Contains(d.vars, x.ref) {
		d.fail(n, "%q is not a parameter or loop variable here", x.ref)
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

func (x *hexNumber) decodeNode(d *decoder, n *yaml.Node) {
	if !x.reference(d, n) {
		u, err := strconv.ParseUint(strings.TrimPrefix(n.Value, "0x"), 16, 16)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.fail(n, "want hex digits such as 4E or EF05")
		}
		x.lit = int(u)
	}
	x.set = true
}

// swPattern is a status word where x stands for any digit: "6Cxx".
type swPattern struct{ value, mask uint16 }

func (p *swPattern) decodeNode(d *decoder, n *yaml.Node) {
	if len(n.Value) != 4 {
		d.fail(n, "want a status word such as 6A83 or 69xx")
		return
	}
	for _, c := range n.Value {
		p.value, p.mask = p.value<<4, p.mask<<4
		if c == 'x' {
			continue
		}
		u, err := strconv.ParseUint(string(c), 16, 4)
		if err != nil {
			d.fail(n, "want a status word such as 6A83 or 69xx")
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

func (x *duration) decodeNode(d *decoder, n *yaml.Node) {
	t, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || t < 0 {
		d.fail(n, "want a time with its unit, such as 50ms or 10s")
	}
	*x = duration(t)
}

// entry and ordered keep a mapping in the order it was written.
type entry[T any] struct {
	name string
	node *yaml.Node // of the key
	val  T
}

type ordered[T any] []entry[T]

func (o *ordered[T]) decodeNode(d *decoder, n *yaml.Node) {
	d.pairs(n, func(key, val *yaml.Node) {
		e := entry[T]{name: key.Value, node: key}
		if !plainName(key.Value) {
			d.fail(key, "names are letters, digits and -, starting with a letter")
		}
		d.decode(val, &e.val)
		*o = append(*o, e)
	})
}

func (o ordered[T]) get(name string) (T, bool) {
	for _, e := range o {
		if e.name == name {
			return e.val, true
		}
	}
	var zero T
	return zero, false
}

// plainName says whether s can name a profile, field, capture or parameter.
func plainName(s string) bool {
	for i, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
