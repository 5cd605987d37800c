package hl7

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// allCharsets is every set once, by name.
func allCharsets() []*charset {
	seen := map[*charset]bool{}
	var out []*charset
	for _, cs := range byName {
		if !seen[cs] {
			seen[cs] = true
			out = append(out, cs)
		}
	}
	slices.SortFunc(out, func(a, b *charset) int { return strings.Compare(a.name, b.name) })
	return out
}

// FuzzCharset: in every set, bytes decode to valid UTF-8 whatever they are, a
// text that is encoded comes back, and the structure keeps every position.
func FuzzCharset(f *testing.F) {
	for _, s := range []string{"", "DOE", "张伟", "許功蓋", "홍길동", "Łódź", "Иван", "5 €", "𠮷㐂é", "ﾔﾏﾀﾞ山田", "\x1b$B\x30\x7C\x1b(B", "\xB0\x7C\xD6\x5C\x81\x30\x81\x30\xB0", "\x8e\xa2\xa1\xa1", "\x8f\xa1", "\xff"} {
		f.Add([]byte(s))
	}
	sets := allCharsets()
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, cs := range sets {
			text := cs.decode(b)
			if !utf8.ValidString(text) {
				t.Fatalf("%s: decoded to what is not UTF-8", cs.name)
			}
			s := cs.structure(b)
			if len(s) != len(b) {
				t.Fatalf("%s: structure of %d bytes for %d", cs.name, len(s), len(b))
			}
			for i := range s {
				if s[i] != b[i] && s[i] != masked {
					t.Fatalf("%s: structure invents a byte", cs.name)
				}
			}
			if utf8.Valid(b) {
				if out, err := cs.encode(string(b)); err == nil && cs.decode(out) != string(b) {
					t.Fatalf("%s: %q does not come back", cs.name, b)
				}
			}
			// What stands behind a whole text keeps its place.
			out, err := cs.encode(text)
			if err != nil {
				continue
			}
			if cs.torn(out) {
				t.Fatalf("%s: an encoded text ends inside a character", cs.name)
			}
			if n := len(out); !bytes.Equal(cs.structure(append(out, "|^"...))[n:], []byte("|^")) {
				t.Fatalf("%s: a delimiter behind a text is lost", cs.name)
			}
		}
	})
}

// FuzzEscape: a text that is escaped has no delimiter in it and reads back, with
// any delimiters and in any set; and any bytes can be read as tokens.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", `a\F\b \S\ \T\ \R\ \E\`, `\X0d\\X0a\`, `\Xc3a9\`, `\.sp3\\.in-4\`, `\H\b\N\`, `\Z12\ \C2842\ \M244228\`, `4\5`, `a\\b`, "|^~\\&#\r\n", `""`, "張|許"} {
		f.Add(s, []byte(s), uint8(0))
		f.Add(s, []byte(s), uint8(7))
	}
	sets := allCharsets()
	delimiters := []Delimiters{StandardDelimiters(), {'$', '%', '*', '!', '@', 0}, {'|', '^', '~', '\\', '&', '#'}}
	f.Fuzz(func(t *testing.T, text string, raw []byte, pick uint8) {
		cs, d := sets[int(pick)%len(sets)], delimiters[int(pick)%len(delimiters)]
		v := view{d: d, cs: cs}
		if out, err := v.escape(text); err == nil {
			s := cs.structure(out)
			for i, c := range s {
				if l := d.letter(c); c < ' ' && c != '\t' && !cs.escaped || l != 0 && l != 'E' {
					t.Fatalf("%s: byte %d of the escaped text is structure", cs.name, i)
				}
			}
			x := Value{v: &view{b: out, s: s, d: d, cs: cs}, end: uint32(len(out)), lvl: subcomponentLevel}
			if got := x.Text(); got != text {
				t.Fatalf("%s: %q came back as %q", cs.name, text, got)
			}
		}
		x := Value{v: &view{b: raw, s: cs.structure(raw), d: d, cs: cs}, end: uint32(len(raw)), lvl: subcomponentLevel}
		joined := ""
		for _, tok := range x.Tokens() {
			if tok.Kind == TextToken {
				joined += tok.Text
			}
		}
		leaf := x.leaf()
		if leaf.Kind() == Text && joined != leaf.Text() {
			t.Fatalf("%s: tokens %q, text %q", cs.name, joined, leaf.Text())
		}
		var w warnings
		x.warnEscapes(&w)
	})
}
