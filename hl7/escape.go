package hl7

import (
	"bytes"
	"strings"
)

// escapeKind classifies one escape sequence (HL7 v2.9, 2.7).
type escapeKind uint8

const (
	escNone      escapeKind = iota // no closing escape character: plain text
	escEmpty                       // \\
	escUnknown                     // not a sequence; the closing character may open the next one
	escLiteral                     // a sequence with no text form (Z, C, M): kept as written
	escChar                        // F S T R E P
	escHex                         // X
	escHighlight                   // H
	escNormal                      // N
	escBreak                       // .br .sp .ce: line breaks
	escSkip                        // .sk: spaces
	escLayout                      // .in .ti .fi .nf: no text of their own
)

// maxLayoutCount bounds what .sp and .sk may repeat, so that a few bytes cannot
// ask for gigabytes.
const maxLayoutCount = 200

// escape is one scanned sequence.
type escape struct {
	kind  escapeKind
	size  int  // bytes including both escape characters
	char  byte // escChar: the delimiter meant
	count int  // escBreak, escSkip: how many
	hex   []byte
	lower bool // letters in the wrong case
	bad   bool // hex or layout arguments that cannot be read
}

// TokenKind says what a [Token] is.
type TokenKind uint8

// The tokens of a formatted text.
const (
	TextToken      TokenKind = iota // Token.Text is text
	HighlightToken                  // \H\ highlighting starts
	NormalToken                     // \N\ highlighting ends
	LayoutToken                     // Token.Text is a layout command such as ".in4"; a line break is TextToken "\n"
)

// Token is a piece of a formatted (FT) text.
type Token struct {
	Kind TokenKind
	Text string
}

// Tokens takes the value's first subcomponent apart into text, highlighting and
// layout, in order. Joining the TextTokens gives Text.
func (x Value) Tokens() []Token {
	var out []Token
	if x.Kind() != Text {
		return nil
	}
	leaf := x
	if x.lvl != verbatim {
		leaf = x.leaf()
	}
	leaf.scan(func(t Token) { out = append(out, t) })
	return out
}

// unescape is the plain text of a leaf that holds an escape character.
func (x Value) unescape() string {
	var sb strings.Builder
	sb.Grow(int(x.end - x.start))
	x.scan(func(t Token) {
		if t.Kind == TextToken {
			sb.WriteString(t.Text)
		}
	})
	return sb.String()
}

// scan resolves the escapes of a leaf. Sequences are looked for in the structure
// bytes, where no part of a multi-byte character can be taken for one; literal
// stretches and runs of hex bytes are each decoded in one go.
func (x Value) scan(emit func(Token)) {
	raw, s, d, cs := x.Raw(), x.structure(), &x.v.d, x.v.cs
	text := func(b []byte) {
		if len(b) > 0 {
			emit(Token{TextToken, cs.decode(b)})
		}
	}
	if x.lvl == verbatim || d.Escape == 0 {
		text(raw)
		return
	}
	literal, pos := 0, 0
	var hex []byte
	flushHex := func() {
		text(hex)
		hex = hex[:0]
	}
	for {
		j := bytes.IndexByte(s[pos:], d.Escape)
		if j < 0 {
			break
		}
		pos += j
		e := scanEscape(s[pos:], d)
		if e.kind == escNone {
			break
		}
		if e.kind == escUnknown || e.kind == escEmpty || e.kind == escLiteral || e.bad {
			pos += e.size
			if e.kind == escUnknown {
				pos-- // its closing character may open the next sequence
			}
			continue
		}
		if pos > literal {
			flushHex()
			text(raw[literal:pos])
		}
		if e.kind == escHex {
			hex = appendHex(hex, e.hex)
		} else {
			flushHex()
			emitEscape(emit, e, raw[pos:pos+e.size])
		}
		pos += e.size
		literal = pos
	}
	flushHex()
	text(raw[literal:])
}

func emitEscape(emit func(Token), e escape, raw []byte) {
	switch e.kind {
	case escChar:
		emit(Token{TextToken, string(rune(e.char))})
	case escHighlight:
		emit(Token{Kind: HighlightToken})
	case escNormal:
		emit(Token{Kind: NormalToken})
	case escBreak:
		emit(Token{TextToken, strings.Repeat("\n", e.count)})
	case escSkip:
		emit(Token{TextToken, strings.Repeat(" ", e.count)})
	default:
		emit(Token{LayoutToken, string(raw[1 : len(raw)-1])})
	}
}

// scanEscape reads the sequence that starts at s[0], an escape character.
func scanEscape(s []byte, d *Delimiters) escape {
	j := bytes.IndexByte(s[1:], d.Escape)
	if j < 0 {
		return escape{kind: escNone}
	}
	body := s[1 : 1+j]
	e := escape{kind: escUnknown, size: j + 2}
	if len(body) == 0 {
		e.kind = escEmpty
		return e
	}
	letter := upper(body[0])
	e.lower = letter != body[0]
	switch {
	case letter == '.':
		e.layout(body[1:])
	case letter == 'X':
		e.kind, e.hex = escHex, body[1:]
		e.bad = !isHex(e.hex)
	case letter == 'Z' && allAlnum(body), (letter == 'C' || letter == 'M') && len(body) > 1 && isHex(body[1:]):
		e.kind = escLiteral
	case len(body) > 1:
	case letter == 'H':
		e.kind = escHighlight
	case letter == 'N':
		e.kind = escNormal
	default:
		if e.char = d.meant(letter); e.char != 0 {
			e.kind = escChar
		}
	}
	if e.kind == escUnknown {
		e.lower = false
	}
	return e
}

// layout reads a formatting command (HL7 v2.9, 2.7.6) without its dot.
func (e *escape) layout(body []byte) {
	if len(body) < 2 {
		return
	}
	name := [2]byte{upper(body[0]), upper(body[1])}
	n, ok := layoutCount(body[2:])
	switch string(name[:]) {
	case "BR":
		e.kind, e.count, e.bad = escBreak, 1, len(body) > 2
	case "CE":
		e.kind, e.count, e.bad = escBreak, 1, len(body) > 2
	case "SP":
		e.kind, e.count, e.bad = escBreak, max(n, 1), !ok || n < 0
	case "SK":
		e.kind, e.count, e.bad = escSkip, max(n, 1), !ok || n < 0
	case "IN", "TI":
		e.kind, e.bad = escLayout, !ok
	case "FI", "NF":
		e.kind, e.bad = escLayout, len(body) > 2
	default:
		return
	}
	e.lower = name[0] == body[0] || name[1] == body[1]
}

// layoutCount reads the optional signed number of a formatting command.
func layoutCount(b []byte) (int, bool) {
	b = bytes.TrimSpace(b)
	sign := 1
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		if b[0] == '-' {
			sign = -1
		}
		if b = b[1:]; len(b) == 0 {
			return 0, false
		}
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > maxLayoutCount {
			return 0, false
		}
	}
	return sign * n, true
}

// appendHex decodes the digits of an \X..\ sequence. Senders that write every
// byte as four digits put a 00 before control characters: it is dropped.
func appendHex(dst, digits []byte) []byte {
	for i := 0; i+1 < len(digits); i += 2 {
		c := nibble(digits[i])<<4 | nibble(digits[i+1])
		if c == 0 && i+3 < len(digits) && nibble(digits[i+2]) < 2 {
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

func isHex(b []byte) bool {
	if len(b) == 0 || len(b)%2 != 0 {
		return false
	}
	for _, c := range b {
		if nibble(c) > 15 {
			return false
		}
	}
	return true
}

// nibble is the value of a hex digit, 16 when it is none.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 16
}

func allAlnum(b []byte) bool {
	for _, c := range b {
		if !isAlnum(c) {
			return false
		}
	}
	return true
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
