package definition

import "unicode/utf8"

// Primitive is a primitive type: its lexical form and how JSON writes it
// (http://hl7.org/fhir/R4/datatypes.html#primitive).
type Primitive struct {
	Name string
	// JSON says whether instances are JSON strings, numbers or booleans.
	JSON JSONKind
	// Valid checks the lexical form of a value.
	Valid func(string) bool
}

// JSONKind is the JSON type of a primitive.
type JSONKind uint8

// The JSON types of primitives.
const (
	String JSONKind = iota
	Number
	Boolean
)

var primitives = []Primitive{
	{"boolean", Boolean, func(s string) bool { return s == "true" || s == "false" }},
	{"integer", Number, func(s string) bool { return validInteger(s, 0) }},
	{"positiveInt", Number, func(s string) bool { return validInteger(s, '1') }},
	{"unsignedInt", Number, func(s string) bool { return validInteger(s, '0') }},
	{"decimal", Number, validDecimal},
	{"string", String, validString},
	{"markdown", String, validString},
	{"xhtml", String, validString},
	{"code", String, validCode},
	{"id", String, validID},
	{"uri", String, validURI},
	{"url", String, validURI},
	{"canonical", String, validURI},
	{"oid", String, validURI},
	{"uuid", String, validURI},
	{"base64Binary", String, validBase64},
	{"date", String, func(s string) bool { return validDate(s) && len(s) <= 10 }},
	{"dateTime", String, validDateTime},
	{"instant", String, func(s string) bool { return len(s) > 10 && validDateTime(s) }},
	{"time", String, validTime},
}

// validInteger checks a 32-bit integer; kind '0' means >= 0, '1' means >= 1.
func validInteger(s string, kind byte) bool {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		if kind != 0 {
			return false
		}
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 10 || digits[0] == '0' && len(digits) > 1 || kind == '1' && digits == "0" {
		return false
	}
	var n int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int64(c-'0')
	}
	return n <= 1<<31-1
}

// validDecimal is -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?, at most 64 long.
func validDecimal(s string) bool {
	if len(s) > 64 {
		return false
	}
	i := 0
	digits := func() int {
		start := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i - start
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	first := i
	if n := digits(); n == 0 || n > 1 && s[first] == '0' {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if digits() == 0 {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if n := digits(); n == 0 || n > 3 {
			return false
		}
	}
	return i == len(s)
}

// validString: not empty, UTF-8, at least one non-blank, no control characters
// but tab, CR and LF.
func validString(s string) bool {
	blank := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c < 0x20:
			return false
		default:
			blank = false
		}
	}
	return !blank && utf8.ValidString(s)
}

// validCode is [^\s]+(\s[^\s]+)*.
func validCode(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' {
			if space {
				return false
			}
			space = true
		} else {
			space = false
		}
	}
	return !space && utf8.ValidString(s)
}

func validID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !alnum(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func validURI(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7F {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

func validBase64(s string) bool {
	body := s
	for n := 0; n < 2 && len(body) > 0 && body[len(body)-1] == '='; n++ {
		body = body[:len(body)-1]
	}
	for i := 0; i < len(body); i++ {
		if c := body[i]; !alnum(c) && c != '+' && c != '/' {
			return false
		}
	}
	return len(body) > 0 && len(s)%4 == 0
}
