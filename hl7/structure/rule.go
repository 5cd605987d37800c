package structure

import (
	"bytes"

	"cardferry/hl7"
)

// parts are the first components (or subcomponents) of one composite value, each
// its first leaf. parts[0] is unused.
type parts [maxParts + 1]hl7.Value

// maxParts is as many components as any rule looks at.
const maxParts = 6

// verdict is what a rule finds; the zero value is that nothing is wrong.
type verdict struct {
	code     Code
	severity Severity
	part     int
	text     string
}

// rule looks at components that depend on each other.
type rule func(p *parts) verdict

// rules by datatype.
var rules = map[string]rule{"HD": ruleHD, "EI": ruleEI, "CX": ruleCX, "ED": ruleED, "SN": ruleSN}

// ruleHD: a namespace, or a universal id together with its type (HL7 v2.9,
// 2A.2.32).
func ruleHD(p *parts) verdict { return universal(p, 2) }

// ruleEI: as HD, two positions further in (HL7 v2.9, 2A.2.27).
func ruleEI(p *parts) verdict { return universal(p, 3) }

func universal(p *parts, at int) verdict {
	id, typ := p[at], p[at+1]
	switch hasID, hasType := id.Kind() == hl7.Text, typ.Kind() == hl7.Text; {
	case hasID && !hasType:
		return verdict{CodeComponentMissing, Warning, at + 1, "a universal id needs its type"}
	case hasType && !hasID:
		return verdict{CodeComponentMissing, Warning, at, "a universal id type needs the id"}
	case !hasID:
	case is(typ, "ISO") && !isOID(id.Raw()):
		return verdict{CodeDatatype, Warning, at, "type ISO needs an object identifier (numbers with dots)"}
	case is(typ, "UUID") && !isUUID(id.Raw()):
		return verdict{CodeDatatype, Warning, at, "type UUID needs 36 characters, 8-4-4-4-12"}
	}
	return verdict{}
}

// ruleCX holds the id against the check digit and scheme that the sender names
// (HL7 v2.9, 2A.2.14). Schemes that are not published are not looked at.
func ruleCX(p *parts) verdict {
	id, digit, scheme := p[1].Raw(), p[2].Raw(), p[3]
	if len(digit) != 1 || len(id) == 0 || len(id) > 64 || !allDigits(id) {
		return verdict{}
	}
	want := byte(0)
	switch {
	case is(scheme, "M10"):
		want = mod10(id)
	case is(scheme, "M11"):
		want = mod11(id)
	}
	if want != 0 && want != digit[0] {
		return verdict{CodeCheckDigit, Info, 2, "the check digit does not fit the id under the scheme that is named"}
	}
	return verdict{}
}

// mod10 is the check digit that doubles every other digit from the right.
func mod10(id []byte) byte {
	sum := 0
	for i := range id {
		d := int(id[len(id)-1-i] - '0')
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return byte('0' + (10-sum%10)%10)
}

// mod11 weighs the digits 2 to 7 from the right, over again; 0 when the id can
// have no digit under the scheme.
func mod11(id []byte) byte {
	sum := 0
	for i := range id {
		sum += int(id[len(id)-1-i]-'0') * (2 + i%6)
	}
	switch c := sum % 11; c {
	case 0:
		return '0'
	case 1:
		return 0
	default:
		return byte('0' + 11 - c)
	}
}

// ruleED holds embedded data against the encoding it names (HL7 v2.9, 2A.2.25).
func ruleED(p *parts) verdict {
	encoding, data := p[4], p[5].Raw()
	switch {
	case len(data) == 0:
	case is(encoding, "Base64"):
		if !isBase64(data) {
			return verdict{CodeDatatype, Warning, 5, "not Base64 although ED.4 says so"}
		}
	case is(encoding, "Hex"):
		if !isHex(data) {
			return verdict{CodeDatatype, Warning, 5, "not hexadecimal although ED.4 says so"}
		}
	}
	return verdict{}
}

// ruleSN: comparator, number, separator or suffix, number (HL7 v2.9, 2A.2.68).
func ruleSN(p *parts) verdict {
	if c := p[1]; c.Kind() == hl7.Text {
		switch c.Text() {
		case ">", "<", ">=", "<=", "=", "<>":
		default:
			return verdict{CodeDatatype, Warning, 1, "a comparator is one of > < >= <= = <>"}
		}
	}
	if c := p[3]; c.Kind() == hl7.Text {
		switch c.Text() {
		case "-", "+", "/", ".", ":":
		default:
			return verdict{CodeDatatype, Warning, 3, "a separator or suffix is one of - + / . :"}
		}
	}
	return verdict{}
}

func is(v hl7.Value, code string) bool { return string(v.Raw()) == code }

// isOID says whether b is numbers with dots between, as ISO/IEC 8824 has them.
func isOID(b []byte) bool {
	for part := range bytes.SplitSeq(b, []byte{'.'}) {
		if len(part) == 0 || !allDigits(part) || part[0] == '0' && len(part) > 1 {
			return false
		}
	}
	return b[0] <= '2' && bytes.IndexByte(b, '.') > 0
}

func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHexDigit(c) {
				return false
			}
		}
	}
	return true
}

// isBase64 says whether b is Base64 (RFC 4648, 4); blanks that a sender wraps
// lines with do not count.
func isBase64(b []byte) bool {
	n, pad := 0, 0
	for _, c := range b {
		switch {
		case c == ' ' || c == '\n':
			continue
		case c == '=':
			pad++
		case pad > 0, (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '/':
			return false
		}
		n++
	}
	return n%4 == 0 && pad <= 2
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !isHexDigit(c) {
			return false
		}
	}
	return len(b)%2 == 0
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
