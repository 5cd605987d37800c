package code

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// MaxScan is the longest scan in bytes that is looked at. The largest QR code
// holds 7089 digits (ISO/IEC 18004, version 40-L), a PDF417 symbol 2710.
const MaxScan = 8 << 10

var utf8BOM = []byte("\xEF\xBB\xBF")

// Text turns the raw bytes of a scan into text. Charset is a WHATWG encoding name
// ("gb18030", "big5", "windows-1252"); "" means UTF-8 when the bytes are valid UTF-8
// and GB 18030 otherwise, which is what Chinese scanners send. A byte order mark,
// C0 controls (except line ends and the separators FS, GS, RS and US, which structure
// machine readable zones, GS1 and ISO/IEC 15434 codes) and white space at the ends are
// dropped. Lossy says that some bytes had no meaning in the charset and became U+FFFD.
// An unknown charset is an error.
func Text(scan []byte, charset string) (text string, lossy bool, err error) {
	var enc encoding.Encoding
	switch {
	case charset == "" && utf8.Valid(scan), strings.EqualFold(charset, "utf-8"):
	case charset == "":
		enc = simplifiedchinese.GB18030
	default:
		if enc, err = htmlindex.Get(charset); err != nil {
			return "", false, fmt.Errorf("charset %q is not known; use a WHATWG name such as gb18030 or big5", charset)
		}
	}
	text, lossy = decodeText(scan, enc)
	return text, lossy, nil
}

// Blank says whether nothing is in a scan but what [Text] drops.
func Blank(scan []byte) bool {
	text, _, err := Text(scan, "")
	return err == nil && text == ""
}

// decodeText is Text in an encoding; nil is UTF-8.
func decodeText(scan []byte, enc encoding.Encoding) (text string, lossy bool) {
	scan = bytes.TrimPrefix(scan, utf8BOM)
	if enc == nil {
		text = strings.ToValidUTF8(string(scan), string(utf8.RuneError))
	} else {
		out, err := enc.NewDecoder().Bytes(scan)
		if err != nil { // an encoding that has no replacement character
			return "", true
		}
		text = string(out)
	}
	if strings.ContainsFunc(text, dropped) {
		text = strings.Map(func(r rune) rune {
			if dropped(r) {
				return -1
			}
			return r
		}, text)
	}
	return strings.TrimSpace(text), strings.ContainsRune(text, utf8.RuneError)
}

// dropped says whether a character carries nothing: see Text.
func dropped(r rune) bool {
	return r < ' ' && (r < 0x1C || r > 0x1F) && r != '\n' && r != '\r' || r == 0x7F || r == '\uFEFF'
}

// charset is what the bytes of a code are in when they are not UTF-8.
type charset string

// DecodeNode reads a WHATWG name.
func (c *charset) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	*c = charset(d.Text(n))
	if _, err := htmlindex.Get(string(*c)); err != nil || *c == "" {
		d.Fail(n, "charset %q is not known; use a WHATWG name such as windows-1252 or big5", *c)
	}
}

// normaliser is one step that a rule asks for before it matches.
type normaliser string

const (
	// normWidth folds full-width forms (U+FF01 to U+FF5E) and the ideographic
	// space to ASCII, as an input method leaves them.
	normWidth normaliser = "width"
	normUpper normaliser = "upper" // upper case
	normSpace normaliser = "space" // drops spaces and hyphens
)

func normalisers() []string {
	return []string{string(normWidth), string(normUpper), string(normSpace)}
}

// Shape describes what DecodeNode takes.
func (*normaliser) Shape() decode.Shape {
	return decode.Shape{Type: decode.ShapeText, Words: normalisers()}
}

// DecodeNode reads the name of a normaliser.
func (n *normaliser) DecodeNode(d *decode.Decoder, y *yaml.Node) {
	*n = normaliser(d.Choice(y, normalisers()...))
}

func (n normaliser) apply(s string) string {
	switch n {
	case normWidth:
		return strings.Map(func(r rune) rune {
			switch {
			case r >= '\uFF01' && r <= '\uFF5E':
				return r - 0xFEE0
			case r == '\u3000':
				return ' '
			}
			return r
		}, s)
	case normUpper:
		return strings.ToUpper(s)
	default:
		return strings.NewReplacer(" ", "", "-", "").Replace(s)
	}
}
