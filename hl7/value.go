package hl7

import (
	"bytes"
	"log/slog"
)

// Kind tells nothing sent from delete this from a value (HL7 v2.9, 2.5.3).
type Kind uint8

// The kinds of value.
const (
	Absent Kind = iota // not sent, or only empty positions: leave what is known
	Null               // "" was sent: delete what is known
	Text               // anything else
)

// String names the kind.
func (k Kind) String() string {
	return [...]string{"absent", "null", "text"}[k]
}

// level is how deep in a segment a value is.
type level uint8

const (
	verbatim level = iota // MSH-1, MSH-2, whole segments: never escaped
	fieldLevel
	repetitionLevel
	componentLevel
	subcomponentLevel
)

// Value is a stretch of a message at any depth: a field with all its
// repetitions, one subcomponent, and all between. The zero Value is absent.
// It points into the message and is immutable.
type Value struct {
	v          *view
	start, end uint32
	lvl        level
}

// Raw is the value as sent, delimiters and escapes included; nil when nothing
// was sent. The caller must not change it.
func (x Value) Raw() []byte {
	if x.start == x.end {
		return nil
	}
	return x.v.b[x.start:x.end:x.end]
}

// Offset is where the value starts in the message, in bytes (for a UTF-16
// message: in its UTF-8 form).
func (x Value) Offset() int { return int(x.start) }

// Kind says whether there is a value. Trailing empty positions mean nothing:
// "^^" is absent and `""^` is null.
func (x Value) Kind() Kind {
	s := x.structure()
	if x.lvl != verbatim {
		s = trimEmpty(s, &x.v.d)
	}
	switch {
	case len(s) == 0:
		return Absent
	case len(s) == 2 && s[0] == '"' && s[1] == '"':
		return Null
	}
	return Text
}

// Text is the text of the value's first subcomponent (a reader that knows only
// the first position of what later became a composite sees it unchanged, HL7
// v2.9, 2.8) with escapes resolved, in UTF-8. Absent and null values give "".
// Bytes that are wrong in the message's character set become U+FFFD.
func (x Value) Text() string {
	if x.start == x.end {
		return ""
	}
	if x.lvl == verbatim {
		return x.v.cs.decode(x.Raw())
	}
	leaf := x.leaf()
	s := leaf.structure()
	if len(s) == 2 && s[0] == '"' && s[1] == '"' {
		return ""
	}
	if d := &x.v.d; d.Escape == 0 || bytes.IndexByte(s, d.Escape) < 0 {
		return x.v.cs.decode(leaf.Raw())
	}
	return leaf.unescape()
}

// Whole is the text of all of the value, with escapes resolved and the
// delimiters between its parts as characters: for narrative fields (TX, FT) of
// senders that forget to escape. Escaped and real delimiters look the same in it.
func (x Value) Whole() string {
	if x.Kind() != Text {
		return ""
	}
	if x.lvl != verbatim {
		x.lvl = subcomponentLevel
	}
	return x.unescape()
}

// LogValue keeps content out of logs: it tells kind and size only.
func (x Value) LogValue() slog.Value {
	return slog.StringValue(x.String())
}

// String masks the value for fmt; use Text for the content.
func (x Value) String() string { return "hl7 value (" + x.Kind().String() + ", masked)" }

// GoString masks the value for %#v.
func (x Value) GoString() string { return x.String() }

func (x Value) structure() []byte {
	if x.start == x.end {
		return nil
	}
	return x.v.s[x.start:x.end]
}

// leaf is the first subcomponent of the first component of the first repetition.
func (x Value) leaf() Value {
	d := &x.v.d
	s := x.v.s
	for i := x.start; i < x.end; i++ {
		if c := s[i]; c == d.Component || c == d.Repetition && c != 0 || c == d.Subcomponent && c != 0 {
			x.end = i
			break
		}
	}
	x.lvl = subcomponentLevel
	return x
}

// child is the nth (from 1) part of x between separators.
func (x Value) child(sep byte, n int, lvl level) Value {
	if x.start == x.end || n < 1 {
		return Value{}
	}
	if x.lvl == verbatim || sep == 0 {
		if n > 1 {
			return Value{}
		}
		if x.lvl != verbatim {
			x.lvl = lvl
		}
		return x
	}
	start, end, ok := part(x.v.s, x.start, x.end, sep, n)
	if !ok {
		return Value{}
	}
	return Value{v: x.v, start: start, end: end, lvl: lvl}
}

// children counts the parts of x between separators; 0 when nothing was sent.
func (x Value) children(sep byte) int {
	switch {
	case x.start == x.end:
		return 0
	case x.lvl == verbatim || sep == 0:
		return 1
	}
	return 1 + bytes.Count(x.structure(), []byte{sep})
}

// part finds the nth (from 1) stretch of s[start:end] between separators.
func part(s []byte, start, end uint32, sep byte, n int) (uint32, uint32, bool) {
	for ; ; n-- {
		j := bytes.IndexByte(s[start:end], sep)
		switch {
		case n == 1 && j < 0:
			return start, end, true
		case n == 1:
			return start, start + uint32(j), true
		case j < 0:
			return 0, 0, false
		}
		start += uint32(j) + 1
	}
}

// trimEmpty drops trailing empty repetitions, components and subcomponents.
func trimEmpty(s []byte, d *Delimiters) []byte {
	for len(s) > 0 {
		c := s[len(s)-1]
		if c != d.Component && (c != d.Repetition || c == 0) && (c != d.Subcomponent || c == 0) {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}
