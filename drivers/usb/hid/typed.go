package hid

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/unicode/norm"
)

// typed is what a keyboard typed: characters, and codes entered with Alt, whose meaning
// the whole of it decides.
type typed struct {
	parts   []part
	mark    rune // accent of a dead key that waits for its letter; 0 for none
	tooLong bool
}

// part is a character or a code.
type part struct {
	v    rune
	code bool
}

func (t *typed) pending() bool { return len(t.parts) > 0 || t.mark != 0 || t.tooLong }

func (t *typed) add(p part) {
	if len(t.parts) == MaxScan {
		t.parts, t.tooLong = nil, true
	}
	if !t.tooLong {
		t.parts = append(t.parts, p)
	}
}

// combining are the combining forms of the accents of dead keys.
var combining = map[rune]rune{'^': 0x302, '´': 0x301, '`': 0x300, '¨': 0x308, '~': 0x303}

// accent takes a dead key: the accent goes on the next character, alone before a space
// or a second accent.
func (t *typed) accent(mark rune) {
	if t.mark != 0 {
		t.add(part{v: t.mark})
	}
	t.mark = mark
}

func (t *typed) char(c rune) {
	mark := t.mark
	if t.mark = 0; mark != 0 {
		if c == ' ' {
			c = mark
		} else if composed, n := utf8.DecodeRuneInString(norm.NFC.String(string([]rune{c, combining[mark]}))); n > 0 && composed != c {
			c = composed
		} else {
			t.add(part{v: mark})
		}
	}
	t.add(part{v: c})
}

// code takes a number entered with Alt, decimal or hexadecimal.
func (t *typed) code(digits string, hex bool) {
	base := 10
	if hex {
		base = 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	switch {
	case err != nil || n > unicode.MaxRune:
		t.add(part{v: utf8.RuneError})
	case hex || n < utf8.RuneSelf:
		t.add(part{v: rune(n)})
	default:
		t.add(part{v: rune(n), code: true})
	}
}

// meaning is what codes stand for.
type meaning int

const (
	codePoint meaning = iota
	gbCode            // two bytes of GB 18030
)

// text puts the parts together; see [Keyboard.End].
func (t typed) text(charset string) (string, bool, error) {
	if t.tooLong {
		return "", false, ErrTooLong
	}
	if t.mark != 0 {
		t.parts = append(t.parts, part{v: t.mark})
	}
	m := t.meaning(charset)
	var out strings.Builder
	for i := 0; i < len(t.parts); {
		p := t.parts[i]
		if !p.code || m == codePoint && (p.v > 0xFF || unicodeName(charset)) {
			out.WriteRune(p.v)
			i++
			continue
		}
		// A run of codes is a run of bytes.
		var raw []byte
		for ; i < len(t.parts) && t.parts[i].code && (t.parts[i].v <= 0xFF || m == gbCode); i++ {
			if v := t.parts[i].v; v > 0xFF {
				raw = append(raw, byte(v>>8), byte(v))
			} else {
				raw = append(raw, byte(v))
			}
		}
		s, err := decode(raw, charset)
		if err != nil {
			return "", false, err
		}
		out.WriteString(s)
	}
	s := out.String()
	return s, strings.ContainsRune(s, utf8.RuneError), nil
}

// meaning decides what the codes above 255 stand for. Without a charset they are GB
// codes when all can be and one is of GB 2312, whose codes begin at A1A1h (code points
// of everyday Chinese end at 9FFFh).
func (t typed) meaning(charset string) meaning {
	switch {
	case unicodeName(charset):
		return codePoint
	case charset != "":
		if gbName(charset) {
			return gbCode
		}
		return codePoint
	}
	certain := false
	for _, p := range t.parts {
		if !p.code || p.v <= 0xFF {
			continue
		}
		lead, trail := p.v>>8, p.v&0xFF
		if p.v > 0xFFFF || lead < 0x81 || lead > 0xFE || trail < 0x40 || trail > 0xFE || trail == 0x7F {
			return codePoint
		}
		certain = certain || lead >= 0xA1 && trail >= 0xA1
	}
	if certain {
		return gbCode
	}
	return codePoint
}

func unicodeName(charset string) bool {
	c := strings.ToLower(charset)
	return c == "unicode" || strings.HasPrefix(c, "utf")
}

func gbName(charset string) bool {
	c := strings.ToLower(charset)
	return strings.HasPrefix(c, "gb") || c == "hz-gb-2312" || c == "chinese"
}

// decode decodes bytes that were entered one or two at a time.
func decode(raw []byte, charset string) (string, error) {
	if charset == "" && utf8.Valid(raw) {
		return string(raw), nil
	}
	enc := simplifiedchinese.GB18030.NewDecoder()
	if charset != "" && !gbName(charset) {
		e, err := htmlindex.Get(charset)
		if err != nil {
			return "", err
		}
		enc = e.NewDecoder()
	}
	out, err := enc.Bytes(raw)
	return string(out), err
}

func isLetter(c rune) bool { return unicode.IsLetter(c) && upper(c) != c }

func upper(c rune) rune { return unicode.ToUpper(c) }
