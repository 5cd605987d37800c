package hl7

import (
	"fmt"
	"strings"
	"time"
)

// Data is a value that a [Builder] can write: a text ([ST], [FT]), a time
// ([Time]), the null value ([Delete]), one of the composites ([CX], [XPN], …) or
// any other as [Components].
type Data interface {
	// write appends the value at a depth of the structure.
	write(b *Builder, depth depth)
}

// depth is where a value is written.
type depth uint8

const (
	atField depth = iota
	atComponent
	atSubcomponent
)

// ST is plain text in UTF-8; delimiters and control characters in it are
// escaped.
type ST string

func (t ST) write(b *Builder, _ depth) { b.text(string(t)) }

// FT is formatted text in UTF-8 (HL7 v2.9, 2A.2.31): like [ST], but each line
// feed, with or without a carriage return before it, becomes the line break
// command \.br\.
type FT string

func (t FT) write(b *Builder, _ depth) {
	for rest := string(t); ; {
		line, next, more := strings.Cut(rest, "\n")
		if more {
			line = strings.TrimSuffix(line, "\r")
		}
		b.text(line)
		if !more {
			return
		}
		e := b.v.d.Escape
		b.out = append(append(append(b.out, e), ".br"...), e)
		rest = next
	}
}

// Delete is the null value "": delete what is known.
type Delete struct{}

func (Delete) write(b *Builder, _ depth) { b.out = append(b.out, `""`...) }

// Components is any composite. As a field its parts are components, inside
// another composite they are subcomponents. Trailing empty parts are left out.
type Components []Data

func (c Components) write(b *Builder, at depth) {
	switch at {
	case atField:
		b.list(b.v.d.Component, c, atComponent)
	case atComponent:
		b.list(b.v.d.Subcomponent, c, atSubcomponent)
	default:
		b.fail(fmt.Errorf("hl7: %w: a composite inside a subcomponent", ErrBuild))
	}
}

func (t Time) write(b *Builder, _ depth) { b.out = append(b.out, t.String()...) }

// TimeOf is t to the given precision. From [Hour] on it is written with its zone.
func TimeOf(t time.Time, p Precision) Time {
	d := Time{Time: t, Precision: p, HasZone: p >= Hour}
	if p == Fraction {
		d.Digits = 3
	}
	return d
}

// list writes values between separators, without trailing empty ones.
func (b *Builder) list(sep byte, values []Data, at depth) {
	end := len(b.out)
	for i, v := range values {
		if i > 0 {
			b.out = append(b.out, sep)
		}
		start := len(b.out)
		if v != nil {
			v.write(b, at)
		}
		if len(b.out) > start {
			end = len(b.out)
		}
	}
	b.out = b.out[:end]
}

func (b *Builder) text(s string) {
	if b.err != nil {
		return
	}
	out, err := b.v.appendEscaped(b.out, s)
	if err != nil {
		b.fail(err)
		return
	}
	b.out = out
}

// texts are the parts of a composite that has only texts.
func texts(parts ...string) Components {
	c := make(Components, len(parts))
	for i, p := range parts {
		if p != "" {
			c[i] = ST(p)
		}
	}
	return c
}
