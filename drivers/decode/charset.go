package decode

import (
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
type decodeText struct {
	charset string
	enc     encoding.Encoding // nil: decoded here
}

// charsets has the names that `text` takes. GB 18030 is a superset of GBK and
// GB 2312; Windows-874 is TIS-620 with additions.
var charsets = []struct {
	name string
	enc  encoding.Encoding
}{
	{"ascii", nil}, {"utf-8", nil}, {"big5", nil}, {"iso-646-de", nil}, {"iso-646-dk", nil},
	{"iso-8859-1", charmap.ISO8859_1}, {"iso-8859-2", charmap.ISO8859_2}, {"iso-8859-5", charmap.ISO8859_5},
	{"iso-8859-15", charmap.ISO8859_15}, {"windows-1252", charmap.Windows1252},
	{"utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
	{"utf-16be", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
	{"utf-16", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)}, // RFC 2781, section 4.3
	{"gb18030", simplifiedchinese.GB18030}, {"tis-620", charmap.Windows874}, {"shift_jis", japanese.ShiftJIS},
}

func charsetNames() []string {
	names := make([]string, len(charsets))
	for i := range charsets {
		names[i] = charsets[i].name
	}
	return names
}

func (*decodeText) Shape() Shape { return textOf(charsetNames()...) }

func (t *decodeText) DecodeNode(d *Decoder, n *yaml.Node) {
	t.charset = d.Choice(n, charsetNames()...)
	for i := range charsets {
		if charsets[i].name == t.charset {
			t.enc = charsets[i].enc
		}
	}
}

func (*decodeText) kinds() (in, out Kind) { return KindBytes, KindText }

func (t *decodeText) apply(e *evaluation, v Value) (Value, error) {
	var s string
	switch t.charset {
	case "ascii":
		for _, c := range v.b {
			if c < 0x20 || c > 0x7E {
				return Value{}, errUnreadable
			}
		}
		return textValue(v.b), nil
	case "utf-8":
		s = strings.ToValidUTF8(string(v.b), "\uFFFD")
	case "big5":
		s = decodeBig5(v.b)
	case "iso-646-de", "iso-646-dk":
		s = decodeISO646(v.b, t.charset)
	default:
		b, err := t.enc.NewDecoder().Bytes(v.b)
		if err != nil {
			return Value{}, errUnreadable
		}
		s = string(b)
	}
	return e.clean(s, v.b), nil
}

// clean makes text of s, decoded from raw: control and private use characters and
// what could not be decoded are U+FFFD, and if there are any the text is lossy.
func (e *evaluation) clean(s string, raw []byte) Value {
	s = strings.Map(func(c rune) rune {
		if c >= 0xE000 && c <= 0xF8FF || c >= 0xF0000 || c < 0x20 || c >= 0x7F && c <= 0x9F {
			return utf8.RuneError
		}
		return c
	}, s)
	if strings.ContainsRune(s, utf8.RuneError) {
		e.lossy(raw)
	}
	return textValue([]byte(s))
}

// decodeISO646 decodes the national variants of ISO/IEC 646: DIN 66003 (German)
// and DS 2089 (Danish), which put letters in the place of brackets.
func decodeISO646(b []byte, variant string) string {
	from, to := "@[\\]{|}~", []rune("§ÄÖÜäöüß")
	if variant == "iso-646-dk" {
		from, to = "[\\]{|}", []rune("ÆØÅæøå")
	}
	var out strings.Builder
	for _, c := range b {
		switch i := strings.IndexByte(from, c); {
		case c >= utf8.RuneSelf:
			out.WriteRune(utf8.RuneError)
		case i >= 0:
			out.WriteRune(to[i])
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
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
		case len(b) < 2, b[0] == 0x80, b[0] == 0xFF, b[1] < 0x40: // no lead or no trail byte: what follows is not its own
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
