package decode

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Stages that cut and turn bytes, or bytes and text alike.

// trim removes padding from both ends.
type trim struct{ what []string }

var paddings = []string{"nul", "space", "ff", "zero"}

func (*trim) Shape() Shape { return eitherOf(textOf(paddings...), listOf(textOf(paddings...))) }

func (t *trim) DecodeNode(d *Decoder, n *yaml.Node) {
	for _, c := range oneOrMore(n) {
		t.what = append(t.what, d.Choice(c, paddings...))
	}
}

func (*trim) kinds() (in, out Kind) { return kindEither, kindEither }

func (t *trim) apply(_ *evaluation, v Value) (Value, error) {
	has := func(w string) bool { return slices.Contains(t.what, w) }
	nul, space, ff, zero := has("nul"), has("space"), has("ff") && v.kind == KindBytes, has("zero")
	padding := func(c byte) bool { return c == 0 && nul || c == ' ' && space || c == 0xFF && ff }
	b := v.b
	for len(b) > 0 && (padding(b[0]) || b[0] == '0' && zero) {
		b = b[1:]
	}
	for len(b) > 0 && padding(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	if v.kind == KindText && space {
		b = bytes.TrimSpace(b)
	}
	return Value{b: b, kind: v.kind}, nil
}

// until cuts before the first occurrence of some bytes; without one all stays.
type until struct{ stop HexBytes }

func (*until) Shape() Shape                          { return Shape{Type: ShapeHex} }
func (u *until) DecodeNode(d *Decoder, n *yaml.Node) { u.stop.DecodeNode(d, n) }
func (*until) kinds() (in, out Kind)                 { return kindEither, kindEither }
func (u *until) apply(_ *evaluation, v Value) (Value, error) {
	b, _, _ := bytes.Cut(v.b, u.stop)
	if v.kind == KindText { // the stop bytes may be a part of a character
		b = bytes.ToValidUTF8(b, nil)
	}
	return Value{b: b, kind: v.kind}, nil
}

// slice is a stage too; see source.go.
func (*slice) Shape() Shape { return Shape{Type: ShapeText, Pattern: `^[0-9]*:[0-9]*$`} }

func (s *slice) DecodeNode(d *Decoder, n *yaml.Node) {
	if !s.parse(n.Value) {
		d.Fail(n, "want from:to, such as \"0:5\"")
	}
}
func (*slice) kinds() (in, out Kind) { return kindEither, kindEither }
func (s *slice) apply(_ *evaluation, v Value) (Value, error) {
	v.b = s.cut(v)
	return v, nil
}

// part takes one part of bytes divided by a delimiter.
type part struct {
	By    HexBytes `yaml:"by,required" doc:"the delimiter"`
	Index int      `yaml:"index,required" doc:"of the part, from 0"`
}

func (p *part) DecodeNode(d *Decoder, n *yaml.Node) { keysIn(d, n, p) }
func (*part) kinds() (in, out Kind)                 { return KindBytes, KindBytes }
func (p *part) apply(_ *evaluation, v Value) (Value, error) {
	rest := v.b
	for i := 0; ; i++ {
		head, tail, found := bytes.Cut(rest, p.By)
		if i == p.Index {
			return BytesValue(head), nil
		}
		if !found {
			return Value{}, errAbsent
		}
		rest = tail
	}
}

// toHex writes bytes as upper-case hex.
type toHex struct{}

func (*toHex) kinds() (in, out Kind) { return KindBytes, KindText }
func (*toHex) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(bytes.ToUpper(hex.AppendEncode(nil, v.b))), nil
}

// toUint reads up to eight bytes as an unsigned number.
type toUint struct{ order string }

func (*toUint) Shape() Shape                          { return textOf("be", "le") }
func (t *toUint) DecodeNode(d *Decoder, n *yaml.Node) { t.order = d.Choice(n, "be", "le") }
func (*toUint) kinds() (in, out Kind)                 { return KindBytes, KindText }
func (t *toUint) apply(_ *evaluation, v Value) (Value, error) {
	if len(v.b) > 8 {
		return Value{}, errUnreadable
	}
	var u uint64
	for i, c := range v.b {
		if t.order == "le" {
			c = v.b[len(v.b)-1-i]
		}
		u = u<<8 | uint64(c)
	}
	return textValue(strconv.AppendUint(nil, u, 10)), nil
}

// bcd reads packed decimal digits. F is fill at either end.
type bcd struct {
	Nibbles map[string]string `yaml:"nibbles" doc:"what the values A to E stand for, such as {A: X}"`
	First   string            `yaml:"first" doc:"nibble that holds the first digit of a byte: high (default) or low"`
}

func (*bcd) optional() {}

func (b *bcd) DecodeNode(d *Decoder, n *yaml.Node) {
	keysIn(d, n, b)
	if !slices.Contains([]string{"", "high", "low"}, b.First) {
		d.Unknown(at(n, b.First), "value of first", []string{"high", "low"})
	}
	for k, to := range b.Nibbles {
		if len(k) != 1 || k < "A" || k > "E" || len(to) != 1 || to[0] <= ' ' || to[0] > '~' {
			d.Fail(n, "nibbles maps A to E to one ASCII character each, such as {A: X}")
		}
	}
}

func (*bcd) kinds() (in, out Kind) { return KindBytes, KindText }
func (b *bcd) apply(_ *evaluation, v Value) (Value, error) {
	s := hex.AppendEncode(nil, v.b)
	if b.First == "low" {
		for i := 0; i+1 < len(s); i += 2 {
			s[i], s[i+1] = s[i+1], s[i]
		}
	}
	if s = bytes.Trim(s, "f"); len(s) == 0 {
		return Value{}, errAbsent
	}
	for i, c := range s {
		if c <= '9' {
			continue
		}
		to, ok := b.Nibbles[string(c-'a'+'A')]
		if !ok {
			return Value{}, errUnreadable
		}
		s[i] = to[0]
	}
	return textValue(s), nil
}

// swap exchanges the nibbles of every byte, or turns the bytes round.
type swap struct{ what string }

func (*swap) Shape() Shape                          { return textOf("nibbles", "bytes") }
func (s *swap) DecodeNode(d *Decoder, n *yaml.Node) { s.what = d.Choice(n, "nibbles", "bytes") }
func (*swap) kinds() (in, out Kind)                 { return KindBytes, KindBytes }
func (s *swap) apply(_ *evaluation, v Value) (Value, error) {
	b := bytes.Clone(v.b)
	if s.what == "bytes" {
		slices.Reverse(b)
		return BytesValue(b), nil
	}
	for i, c := range b {
		b[i] = c<<4 | c>>4
	}
	return BytesValue(b), nil
}

// not turns every bit round.
type not struct{}

func (*not) kinds() (in, out Kind) { return KindBytes, KindBytes }
func (*not) apply(_ *evaluation, v Value) (Value, error) {
	b := bytes.Clone(v.b)
	for i := range b {
		b[i] = ^b[i]
	}
	return BytesValue(b), nil
}

// xor combines the bytes with a key that repeats.
type xor struct{ key HexBytes }

func (*xor) Shape() Shape                          { return Shape{Type: ShapeHex} }
func (x *xor) DecodeNode(d *Decoder, n *yaml.Node) { x.key.DecodeNode(d, n) }
func (*xor) kinds() (in, out Kind)                 { return KindBytes, KindBytes }
func (x *xor) apply(_ *evaluation, v Value) (Value, error) {
	b := bytes.Clone(v.b)
	for i := range b {
		b[i] ^= x.key[i%len(x.key)]
	}
	return BytesValue(b), nil
}

// bits takes a run of bits, the most significant of the first byte being bit 0.
type bits struct {
	At    int `yaml:"at" doc:"first bit, from 0, most significant first"`
	Count int `yaml:"count,required" doc:"how many, 1 to 4096"`
}

const maxBits = 4096

func (x *bits) DecodeNode(d *Decoder, n *yaml.Node) {
	if keysIn(d, n, x) && (x.Count < 1 || x.Count > maxBits) {
		d.Fail(n, "count is 1 to %d bits", maxBits)
	}
}
func (*bits) kinds() (in, out Kind) { return KindBytes, KindBytes }
func (x *bits) apply(_ *evaluation, v Value) (Value, error) {
	if x.At >= 8*len(v.b) {
		return Value{}, errAbsent
	}
	if x.Count > 8*len(v.b)-x.At {
		return Value{}, errUnreadable
	}
	out := make([]byte, (x.Count+7)/8)
	for i := range x.Count {
		from, to := x.At+x.Count-1-i, 8*len(out)-1-i
		if v.b[from/8]&(0x80>>(from%8)) != 0 {
			out[to/8] |= 0x80 >> (to % 8)
		}
	}
	return BytesValue(out), nil
}

// pointer cuts the part that the n-th pointer pair at the start of the bytes
// points to. A pair that points outside is unreadable, FFFF or an empty one is
// absent.
type pointer struct{ n int }

const maxPointer = 15

func (*pointer) Shape() Shape { return Shape{Type: ShapeNumber} }
func (p *pointer) DecodeNode(d *Decoder, n *yaml.Node) {
	if p.n = d.Integer(n); p.n > maxPointer {
		d.Fail(n, "pointer is the number of a pair, 0 to %d", maxPointer)
	}
}
func (*pointer) kinds() (in, out Kind) { return KindBytes, KindBytes }
func (p *pointer) apply(_ *evaluation, v Value) (Value, error) {
	first, last, ok := PointerPair(v.b, p.n)
	if !ok {
		return Value{}, errAbsent
	}
	if last >= len(v.b) {
		return Value{}, errUnreadable
	}
	return BytesValue(v.b[first : last+1]), nil
}

// PointerPair returns the i-th pair of big-endian 16-bit offsets at the start of b,
// first and last byte inclusive. FFFF, equal or reversed pointers mean that the part
// is absent.
func PointerPair(b []byte, i int) (first, last int, ok bool) {
	if len(b) < 4*i+4 {
		return 0, 0, false
	}
	first = int(binary.BigEndian.Uint16(b[4*i:]))
	last = int(binary.BigEndian.Uint16(b[4*i+2:]))
	return first, last, first < last && last != 0xFFFF
}
