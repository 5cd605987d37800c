package code

import (
	"strings"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// Symbologies by the letter of their AIM identifier (ISO/IEC 15424), as scanner
// manuals list them. Han Xin ("h") is in ISO/IEC 20830 but in no manual we found.
var symbologies = map[byte]string{
	'A': "Code 39", 'B': "Telepen", 'C': "Code 128", 'D': "Code One", 'E': "EAN/UPC", 'F': "Codabar",
	'G': "Code 93", 'H': "Code 11", 'I': "Interleaved 2 of 5", 'K': "Code 16K", 'L': "PDF417", 'M': "MSI",
	'N': "Anker", 'O': "Codablock", 'P': "Plessey", 'Q': "QR Code", 'R': "Straight 2 of 5", 'S': "Industrial 2 of 5",
	'T': "Code 49", 'U': "MaxiCode", 'X': "other", 'Z': "no bar code", 'd': "Data Matrix", 'e': "GS1 DataBar",
	'h': "Han Xin", 'z': "Aztec",
}

// aim is a symbology whose identifier a rule wants off: "Q" any QR code, "Q3" QR
// with GS1 structure, "any" whatever comes.
type aim string

const aimAny aim = "any"

// Shape describes what DecodeNode takes.
func (*aim) Shape() decode.Shape {
	return decode.Shape{Type: decode.ShapeText, Pattern: "^(any|[A-Zdehz][0-9A-Fa-f]?)$"}
}

// DecodeNode reads a letter, a letter with its modifier, or any.
func (a *aim) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	*a = aim(d.Text(n))
	if *a == aimAny {
		return
	}
	if s := string(*a); s == "" || len(s) > 2 || symbologies[s[0]] == "" || len(s) == 2 && !hexDigit(s[1]) {
		d.Fail(n, "want any, or an AIM code character and perhaps its modifier, such as Q, C1 or d2")
	}
}

// is says whether the identifier id, such as "Q1", is of this symbology.
func (a aim) is(id string) bool { return a == aimAny || strings.HasPrefix(id, string(a)) }

// cutAIM takes an AIM symbology identifier (ISO/IEC 15424: "]", a letter, a
// modifier) off the front of a scan. Scanners send it only when told to.
func cutAIM(text string) (id, rest string) {
	if len(text) < 3 || text[0] != ']' || symbologies[text[1]] == "" || !hexDigit(text[2]) {
		return "", text
	}
	return text[1:3], text[3:]
}

// StripAIM returns a scan without the AIM symbology identifier that it may begin
// with, for scanners that always send one.
func StripAIM(scan []byte) []byte {
	if id, _ := cutAIM(string(scan[:min(3, len(scan))])); id == "" {
		return scan
	}
	return scan[3:]
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}
