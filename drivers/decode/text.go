package decode

import (
	"bytes"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/unicode/norm"
)

// Stages that turn text into text.

// remove drops every one of some characters.
type remove struct{ chars string }

func (*remove) Shape() Shape { return textOf() }
func (r *remove) DecodeNode(d *Decoder, n *yaml.Node) {
	if r.chars = d.Text(n); r.chars == "" {
		d.Fail(n, "want the characters to remove, such as \" -\"")
	}
}
func (*remove) kinds() (in, out Kind) { return KindText, KindText }
func (r *remove) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(bytes.Map(func(c rune) rune {
		if strings.ContainsRune(r.chars, c) {
			return -1
		}
		return c
	}, v.b)), nil
}

// collapse writes every run of white space as one space and none at the ends.
type collapse struct{}

func (*collapse) kinds() (in, out Kind) { return KindText, KindText }
func (*collapse) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(bytes.Join(bytes.Fields(v.b), []byte(" "))), nil
}

type upper struct{}

func (*upper) kinds() (in, out Kind) { return KindText, KindText }
func (*upper) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(bytes.ToUpper(v.b)), nil
}

type lower struct{}

func (*lower) kinds() (in, out Kind) { return KindText, KindText }
func (*lower) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(bytes.ToLower(v.b)), nil
}

type nfc struct{}

func (*nfc) kinds() (in, out Kind) { return KindText, KindText }
func (*nfc) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(norm.NFC.Bytes(v.b)), nil
}

// width folds the full-width forms of ASCII (U+FF01 to U+FF5E) and the ideographic
// space, as an input method leaves them. Half-width kana stay as they are.
type width struct{}

func (*width) kinds() (in, out Kind) { return KindText, KindText }
func (*width) apply(_ *evaluation, v Value) (Value, error) {
	return textValue(bytes.Map(func(c rune) rune {
		switch {
		case c >= '\uFF01' && c <= '\uFF5E':
			return c - 0xFEE0
		case c == '\u3000':
			return ' '
		}
		return c
	}, v.b)), nil
}

// pad fills text up to a length.
type pad struct {
	Left  string `yaml:"left" doc:"character to put in front, or"`
	Right string `yaml:"right" doc:"character to add behind"`
	To    int    `yaml:"to,required" doc:"length in characters, at most 256"`
}

func (p *pad) DecodeNode(d *Decoder, n *yaml.Node) {
	if keysIn(d, n, p) && (utf8.RuneCountInString(p.Left)+utf8.RuneCountInString(p.Right) != 1 || p.To < 1 || p.To > 256) {
		d.Fail(n, "want one character, left or right, and to: 1 to 256")
	}
}
func (*pad) kinds() (in, out Kind) { return KindText, KindText }
func (p *pad) apply(_ *evaluation, v Value) (Value, error) {
	missing := p.To - utf8.RuneCount(v.b)
	if missing <= 0 {
		return v, nil
	}
	return textValue([]byte(strings.Repeat(p.Left, missing) + string(v.b) + strings.Repeat(p.Right, missing))), nil
}

// replace puts one text in place of another, everywhere.
type replace struct {
	From string `yaml:"from,required" doc:"text to look for"`
	To   string `yaml:"to,required" doc:"what takes its place; may be empty"`
}

func (r *replace) DecodeNode(d *Decoder, n *yaml.Node) {
	if keysIn(d, n, r) && (r.From == "" || len(r.To) > 64) {
		d.Fail(n, "from is not empty and to has at most 64 bytes")
	}
}
func (*replace) kinds() (in, out Kind) { return KindText, KindText }
func (r *replace) apply(_ *evaluation, v Value) (Value, error) {
	if grown := len(v.b) + bytes.Count(v.b, []byte(r.From))*(len(r.To)-len(r.From)); grown > maxValue {
		return Value{}, errUnreadable
	}
	return textValue(bytes.ReplaceAll(v.b, []byte(r.From), []byte(r.To))), nil
}

// split takes one part of separated text, trimmed.
type split struct {
	By    string    `yaml:"by,required" doc:"the separator"`
	Part  signed    `yaml:"part" doc:"index of the part: from 0, or from the end with -1"`
	Parts *quantity `yaml:"parts" doc:"how many parts there must be; anything else is unreadable"`
}

type quantity struct {
	Min int `yaml:"min" doc:"at least"`
	Max int `yaml:"max" doc:"at most"`
}

// signed is a number that may be negative.
type signed int

func (*signed) Shape() Shape { return Shape{Type: ShapeSigned} }
func (s *signed) DecodeNode(d *Decoder, n *yaml.Node) {
	text, negative := strings.CutPrefix(n.Value, "-")
	i, err := parseInteger(text)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.Fail(n, "want a number such as 3 or -1, found %s", kindName(n))
	}
	if *s = signed(i); negative {
		*s = -*s
	}
}

func (s *split) DecodeNode(d *Decoder, n *yaml.Node) {
	if keysIn(d, n, s) && s.By == "" {
		d.Fail(n, "by is the separator")
	}
	if s.Parts != nil && (s.Parts.Max < max(1, s.Parts.Min) && s.Parts.Max != 0) {
		d.Fail(n, "parts is {min: N, max: N} with max not below min")
	}
}
func (*split) kinds() (in, out Kind) { return KindText, KindText }
func (s *split) apply(_ *evaluation, v Value) (Value, error) {
	n := bytes.Count(v.b, []byte(s.By)) + 1
	if q := s.Parts; q != nil && (n < q.Min || q.Max > 0 && n > q.Max) {
		return Value{}, errUnreadable
	}
	i := int(s.Part)
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return Value{}, errAbsent
	}
	rest := v.b
	for range i {
		_, rest, _ = bytes.Cut(rest, []byte(s.By))
	}
	rest, _, _ = bytes.Cut(rest, []byte(s.By))
	return textValue(bytes.TrimSpace(rest)), nil
}

// match takes the first group of an RE2 pattern; no match is absent.
type match struct{ pattern }

func (m *match) DecodeNode(d *Decoder, n *yaml.Node) {
	if !m.parse(d.Text(n)) || m.groups != 1 {
		d.Fail(n, "want an RE2 pattern of at most %d bytes with one group", maxPattern)
	}
}
func (*match) kinds() (in, out Kind) { return KindText, KindText }
func (m *match) apply(_ *evaluation, v Value) (Value, error) {
	g := m.compiled().FindSubmatch(v.b)
	if g == nil {
		return Value{}, errAbsent
	}
	return textValue(bytes.ToValidUTF8(g[1], nil)), nil
}

// unhex reads hex digits, with or without spaces between the bytes.
type unhex struct{}

func (*unhex) kinds() (in, out Kind) { return KindText, KindBytes }
func (*unhex) apply(_ *evaluation, v Value) (Value, error) {
	b, err := hex.AppendDecode(nil, bytes.ReplaceAll(v.b, []byte(" "), nil))
	if err != nil {
		return Value{}, errUnreadable
	}
	return BytesValue(b), nil
}
