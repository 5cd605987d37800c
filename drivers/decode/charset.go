package decode

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// decodeText turns bytes into UTF-8. What the charset does not define, what
// falls into the private use area and control characters become U+FFFD; the
// field is then flagged "lossy_text" and its bytes kept in hex. ASCII is for
// codes and identifiers, where half a value is worse than none: anything but
// printable ASCII makes the field unreadable.
type decodeText struct{ charset string }

func (t *decodeText) DecodeNode(d *Decoder, n *yaml.Node) {
	t.charset = d.Choice(n, "ascii", "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15",
		"windows-1252", "gb18030", "big5", "tis-620", "shift-jis")
}

func (*decodeText) kinds() (in, out Kind) { return KindBytes, KindText }

func (t *decodeText) apply(e *evaluation, v Value) (Value, error) {
	raw := v.b
	var s string
	switch t.charset {
	case "ascii":
		if bytes.ContainsFunc(raw, func(c rune) bool { return c < 0x20 || c > 0x7E }) {
			return Value{}, errUnreadable
		}
		s = string(raw)
	case "utf-8":
		s = strings.ToValidUTF8(string(raw), "\uFFFD")
	case "big5":
		s = decodeBig5(raw)
	default:
		b, err := charsetByName(t.charset).NewDecoder().Bytes(raw)
		if err != nil {
			return Value{}, errUnreadable
		}
		s = string(b)
	}
	s = strings.Map(func(c rune) rune {
		if c >= 0xE000 && c <= 0xF8FF || c >= 0xF0000 || c < 0x20 || c >= 0x7F && c <= 0x9F {
			return utf8.RuneError
		}
		return c
	}, s)
	if strings.ContainsRune(s, utf8.RuneError) {
		e.lossy(raw)
	}
	return textValue([]byte(s)), nil
}

func charsetByName(name string) encoding.Encoding {
	switch name {
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	case "iso-8859-1":
		return charmap.ISO8859_1
	case "iso-8859-15":
		return charmap.ISO8859_15
	case "windows-1252":
		return charmap.Windows1252
	case "gb18030": // superset of GBK and GB 2312
		return simplifiedchinese.GB18030
	case "tis-620": // Windows-874 is TIS-620 with additions
		return charmap.Windows874
	case "shift-jis":
		return japanese.ShiftJIS
	}
	return encoding.Nop
}

// decodeBig5 decodes Big5 without the Hong Kong supplement that x/text (as the
// WHATWG standard) folds in: in Taiwan those code points are user-defined
// characters (造字), and showing a Hong Kong character for one would be a wrong
// name instead of a missing one.
func decodeBig5(b []byte) string {
	var out strings.Builder
	dec := traditionalchinese.Big5.NewDecoder()
	for len(b) > 0 {
		n := 1
		switch {
		case b[0] < 0x80:
			out.WriteByte(b[0])
		case len(b) < 2:
			out.WriteRune(utf8.RuneError)
		case b[1] < 0x40: // no trail byte: do not swallow it
			out.WriteRune(utf8.RuneError)
		case userDefinedBig5(b[0], b[1]):
			out.WriteRune(utf8.RuneError)
			n = 2
		default:
			s, err := dec.Bytes(b[:2])
			if err != nil {
				s = []byte("\uFFFD")
			}
			out.Write(s)
			n = 2
		}
		b = b[n:]
	}
	return out.String()
}

// userDefinedBig5 says whether a code is outside levels 1 and 2 of Big5-1984,
// its symbols (A140-A3BF) and the seven ETEN characters (F9D6-F9DC).
func userDefinedBig5(lead, trail byte) bool {
	code := uint16(lead)<<8 | uint16(trail)
	ranges := [][2]uint16{{0xA140, 0xA3BF}, {0xA3E1, 0xA3E1}, {0xA440, 0xC67E}, {0xC940, 0xF9DC}}
	return !slices.ContainsFunc(ranges, func(r [2]uint16) bool { return code >= r[0] && code <= r[1] })
}
