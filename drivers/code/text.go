package code

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// MaxScan is the longest scan in bytes that is looked at. The largest QR code
// holds 2953 bytes.
const MaxScan = 64 << 10

// Text turns the raw bytes of a scan into text. Charset is a WHATWG encoding name
// ("gb18030", "big5", "windows-1252"); "" means UTF-8 when the bytes are valid UTF-8
// and GB 18030 otherwise, which is what Chinese scanners send. A byte order mark,
// C0 controls (except the separators FS, GS, RS and US, which structure GS1 and
// ISO/IEC 15434 codes) and white space at the ends are dropped. Lossy says that some
// bytes had no meaning in the charset and became U+FFFD. An unknown charset is an
// error.
func Text(scan []byte, charset string) (text string, lossy bool, err error) {
	scan = bytes.TrimPrefix(scan, []byte("\xEF\xBB\xBF"))
	switch {
	case charset == "" && utf8.Valid(scan), strings.EqualFold(charset, "utf-8"):
		text = strings.ToValidUTF8(string(scan), string(utf8.RuneError))
	default:
		enc := simplifiedchinese.GB18030.NewDecoder()
		if charset != "" {
			e, err := htmlindex.Get(charset)
			if err != nil {
				return "", false, fmt.Errorf("charset %q is not known; use a WHATWG name such as gb18030 or big5", charset)
			}
			enc = e.NewDecoder()
		}
		out, err := enc.Bytes(scan)
		if err != nil {
			return "", false, fmt.Errorf("decode scan: %w", err)
		}
		text = string(out)
	}
	text = strings.Map(func(r rune) rune {
		if (r < ' ' && (r < 0x1C || r > 0x1F)) || r == 0x7F || r == '\uFEFF' {
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text), strings.ContainsRune(text, utf8.RuneError), nil
}

// cutAIM takes an AIM symbology identifier (ISO/IEC 15424: "]", a letter, a
// modifier) off the front of a scan. Scanners send it only when told to.
func cutAIM(text string) (id, rest string) {
	if len(text) < 3 || text[0] != ']' || !letter(text[1]) || (!letter(text[2]) && !digit(text[2])) {
		return "", text
	}
	return text[1:3], text[3:]
}

// StripAIM returns a scan without the AIM symbology identifier that it may begin
// with, for scanners that always send one.
func StripAIM(scan []byte) []byte {
	id, _ := cutAIM(string(scan[:min(3, len(scan))]))
	if id == "" {
		return scan
	}
	return scan[3:]
}

func letter(c byte) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// normaliser is one step that a rule asks for before it matches.
type normaliser string

const (
	// normWidth folds full-width forms (U+FF01 to U+FF5E) and the ideographic
	// space to ASCII, as an input method leaves them.
	normWidth normaliser = "width"
	normUpper normaliser = "upper" // upper case
	normSpace normaliser = "space" // drops spaces and hyphens
)

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
