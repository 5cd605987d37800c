package decode

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cardferry/drivers/checkdigit"

	"go.yaml.in/yaml/v3"
)

// stage is one transform of a field's pipeline, written as `gunzip` or
// `text: ascii`. Stages are pure: a value in, a value out.
type stage struct {
	name string
	node *yaml.Node
	op   transform
}

// transform is what a stage does. It returns errAbsent for "nothing there" and
// errUnreadable for "cannot be decoded".
type transform interface {
	kinds() (in, out Kind)
	apply(e *evaluation, v Value) (Value, error)
}

func (s *stage) DecodeNode(d *Decoder, n *yaml.Node) {
	key, arg := n, (*yaml.Node)(nil)
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key, arg = n.Content[0], n.Content[1]
	} else if n.Kind != yaml.ScalarNode {
		d.Fail(n, "a stage is one word or one key, such as gunzip or text: ascii")
		return
	}
	s.name, s.node = key.Value, key
	stages := map[string]transform{
		"text": new(decodeText), "trim": new(trim), "hex": new(toHex), "bcd": new(bcd), "uint": new(toUint),
		"slice": new(slice), "pointer": new(pointer), "tlv": new(tlvStage), "gunzip": new(gunzip), "xml": new(parseXML), "path": new(path),
		"date": new(date), "map": new(lookup), "split": new(split), "match": new(match), "check": new(check), "image": new(image),
	}
	op, ok := stages[key.Value]
	if !ok {
		d.Unknown(key, "stage", KeysOf(stages))
		return
	}
	_, takesArg := op.(NodeDecoder)
	switch {
	case takesArg && arg == nil:
		d.Fail(key, "%s needs an argument: %s: …", key.Value, key.Value)
	case !takesArg && arg != nil:
		d.Fail(arg, "%s takes no argument", key.Value)
	case takesArg:
		d.Decode(arg, op)
	}
	s.op = op
}

// trim removes padding from both ends: nul, space, ff, zero (the digit 0, left
// only). Text also loses Unicode white space with `space`.
type trim struct{ what []string }

func (t *trim) DecodeNode(d *Decoder, n *yaml.Node) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	for _, c := range nodes {
		t.what = append(t.what, d.Choice(c, "nul", "space", "ff", "zero"))
	}
}

func (*trim) kinds() (in, out Kind) { return kindEither, kindEither }

func (t *trim) apply(_ *evaluation, v Value) (Value, error) {
	has := func(w string) bool { return slices.Contains(t.what, w) }
	padding := func(c byte) bool {
		return c == 0 && has("nul") || c == ' ' && has("space") || c == 0xFF && has("ff") && v.kind == KindBytes
	}
	b := v.b
	for len(b) > 0 && (padding(b[0]) || b[0] == '0' && has("zero")) {
		b = b[1:]
	}
	for len(b) > 0 && padding(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	if v.kind == KindText && has("space") {
		b = bytes.TrimSpace(b)
	}
	return Value{b: b, kind: v.kind}, nil
}

// toHex writes bytes as upper-case hex.
type toHex struct{}

func (*toHex) kinds() (in, out Kind) { return KindBytes, KindText }
func (*toHex) apply(_ *evaluation, v Value) (Value, error) {
	return textValue([]byte(strings.ToUpper(hex.EncodeToString(v.b)))), nil
}

// bcd reads packed decimal digits, high nibble first, filled with F at the end.
type bcd struct{}

func (*bcd) kinds() (in, out Kind) { return KindBytes, KindText }
func (*bcd) apply(_ *evaluation, v Value) (Value, error) {
	s := strings.TrimRight(hex.EncodeToString(v.b), "f")
	if s == "" {
		return Value{}, errAbsent
	}
	if strings.Trim(s, "0123456789") != "" {
		return Value{}, errUnreadable
	}
	return textValue([]byte(s)), nil
}

// toUint reads up to eight bytes as an unsigned number, be or le.
type toUint struct{ little bool }

func (t *toUint) DecodeNode(d *Decoder, n *yaml.Node) { t.little = d.Choice(n, "be", "le") == "le" }
func (*toUint) kinds() (in, out Kind)                 { return KindBytes, KindText }
func (t *toUint) apply(_ *evaluation, v Value) (Value, error) {
	if len(v.b) > 8 {
		return Value{}, errUnreadable
	}
	var u uint64
	for i := range v.b {
		c := v.b[i]
		if t.little {
			c = v.b[len(v.b)-1-i]
		}
		u = u<<8 | uint64(c)
	}
	return textValue(strconv.AppendUint(nil, u, 10)), nil
}

// pointer cuts the part that the n-th pointer pair at the start of the bytes
// points to: big-endian 16-bit offsets, first and last byte inclusive. A pair
// that points outside is unreadable, FFFF or an empty one is absent.
type pointer struct{ n int }

func (p *pointer) DecodeNode(d *Decoder, n *yaml.Node) { p.n = d.Integer(n) }
func (*pointer) kinds() (in, out Kind)                 { return KindBytes, KindBytes }
func (p *pointer) apply(_ *evaluation, v Value) (Value, error) {
	first, last, ok := PointerPair(v.b, min(p.n, 16))
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

// lookup maps codes to codes: `map: {to: {"1": male}, other: keep}`.
type lookup struct {
	To    map[string]string `yaml:"to,required"`
	Other string            `yaml:"other"` // warn (default), keep or absent
}

func (l *lookup) DecodeNode(d *Decoder, n *yaml.Node) {
	type plain lookup
	d.Decode(n, (*plain)(l))
	if !slices.Contains([]string{"", "warn", "keep", "absent"}, l.Other) {
		d.Fail(n, "other is warn, keep or absent")
	}
}
func (*lookup) kinds() (in, out Kind) { return KindText, KindText }
func (l *lookup) apply(e *evaluation, v Value) (Value, error) {
	if s, ok := l.To[string(v.b)]; ok {
		return textValue([]byte(s)), nil
	}
	switch l.Other {
	case "keep":
		return v, nil
	case "absent":
		return Value{}, errAbsent
	}
	e.warn("unknown_code")
	return Value{}, errAbsent
}

// split takes one part of separated text, trimmed: `split: {by: "#", part: 3}`.
type split struct {
	By   string `yaml:"by,required"`
	Part int    `yaml:"part"` // from 0
}

func (s *split) DecodeNode(d *Decoder, n *yaml.Node) {
	type plain split
	d.Decode(n, (*plain)(s))
	if s.By == "" {
		d.Fail(n, "by is the separator")
	}
}
func (*split) kinds() (in, out Kind) { return KindText, KindText }
func (s *split) apply(_ *evaluation, v Value) (Value, error) {
	parts := strings.Split(string(v.b), s.By)
	if s.Part >= len(parts) {
		return Value{}, errAbsent
	}
	return textValue([]byte(strings.TrimSpace(parts[s.Part]))), nil
}

// match takes the first group of an RE2 pattern; no match is absent.
type match struct{ re *regexp.Regexp }

func (m *match) DecodeNode(d *Decoder, n *yaml.Node) {
	re, err := regexp.Compile(d.Text(n))
	if err != nil || re.NumSubexp() != 1 || len(n.Value) > 256 {
		d.Fail(n, "want an RE2 pattern of at most 256 bytes with one group")
	}
	m.re = re
}
func (*match) kinds() (in, out Kind) { return KindText, KindText }
func (m *match) apply(_ *evaluation, v Value) (Value, error) {
	g := m.re.FindSubmatch(v.b)
	if g == nil {
		return Value{}, errAbsent
	}
	return textValue(g[1]), nil
}

// check verifies a check digit; a failure is the warning "check_digit" and the
// value stays.
type check struct{ valid func(string) bool }

func (c *check) DecodeNode(d *Decoder, n *yaml.Node) {
	checks := map[string]func(string) bool{
		"cn-id": func(s string) bool { _, ok := checkdigit.ParseCNResident(s); return ok },
		"tw-id": checkdigit.TWNational, "thai-cid": checkdigit.ThaiCitizen,
		"de-kvnr": checkdigit.GermanKVNR, "de-ik": checkdigit.GermanIK, "luhn": checkdigit.Luhn,
	}
	c.valid = checks[d.Choice(n, KeysOf(checks)...)]
}
func (*check) kinds() (in, out Kind) { return KindText, KindText }
func (c *check) apply(e *evaluation, v Value) (Value, error) {
	if !c.valid(string(v.b)) {
		e.warn("check_digit")
	}
	return v, nil
}

// image passes a picture on as base64 after looking at its first bytes. What
// follows the end of a JPEG is cut.
type image struct{ form string }

func (i *image) DecodeNode(d *Decoder, n *yaml.Node) { i.form = d.Choice(n, "jpeg") }
func (*image) kinds() (in, out Kind)                 { return KindBytes, KindText }
func (i *image) apply(_ *evaluation, v Value) (Value, error) {
	end := bytes.LastIndex(v.b, []byte{0xFF, 0xD9})
	if !bytes.HasPrefix(v.b, []byte{0xFF, 0xD8, 0xFF}) || end < 0 {
		return Value{}, errUnreadable
	}
	return textValue(base64.StdEncoding.AppendEncode(nil, v.b[:end+2])), nil
}
