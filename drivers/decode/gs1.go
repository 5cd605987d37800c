package decode

import (
	"net/url"
	"strings"
)

// parseGS1 reads GS1 element strings (GS1 General Specifications, section 7.8): as
// scanned, with FNC1 as GS (1D) and the AIM identifier gone; in brackets as people
// write them; or as a GS1 Digital Link URI. The document has the values by their
// application identifier; of a repeated one the first.
type parseGS1 struct{}

func (*parseGS1) kinds() (in, out Kind) { return kindEither, KindDocument }

func (*parseGS1) apply(_ *evaluation, v Value) (Value, error) {
	s := strings.Trim(string(v.b), "\x1d")
	root, ok := &element{}, false
	switch {
	case len(s) > maxGS1, strings.ContainsFunc(s, func(c rune) bool { return (c < ' ' || c > '~') && c != gs }):
	case strings.HasPrefix(s, "("):
		ok = root.gs1Bracketed(s)
	case gs1IsLink(s):
		ok = root.gs1Link(s)
	default:
		ok = root.gs1Elements(s)
	}
	if !ok || len(root.children) == 0 {
		return Value{}, errUnreadable
	}
	return documentValue(v.b, root), nil
}

const (
	gs          = 0x1D
	maxGS1Value = 90      // characters, section 3
	maxGS1      = 8 << 10 // characters of all; a QR code holds 4296
)

// gs1Elements reads concatenated AIs and values. A value of predefined length needs
// no separator; every other one ends with GS or the string.
func (e *element) gs1Elements(s string) bool {
	for s != "" {
		if s[0] == gs {
			s = s[1:]
			continue
		}
		n := gs1AILength(s)
		if n == 0 {
			return false
		}
		ai := s[:n]
		s = s[n:]
		if fixed := gs1Predefined(ai); fixed > 0 {
			if len(s) < fixed || !e.gs1Add(ai, s[:fixed]) {
				return false
			}
			s = s[fixed:]
			continue
		}
		value, rest, _ := strings.Cut(s, "\x1d")
		if !e.gs1Add(ai, value) {
			return false
		}
		s = rest
	}
	return true
}

// gs1Bracketed reads "(8018)123…(8019)1": a bracket begins an AI only where one can
// stand, since values may have brackets too.
func (e *element) gs1Bracketed(s string) bool {
	for s != "" {
		n := 0
		if s[0] == '(' {
			n = gs1AILength(s[1:])
		}
		if n == 0 || len(s) < n+2 || s[n+1] != ')' {
			return false
		}
		ai, value := s[1:n+1], s[n+2:]
		s = ""
		for i := range len(value) {
			if m := gs1AILength(value[i+1:]); value[i] == '(' && m > 0 && len(value) > i+m+1 && value[i+m+1] == ')' {
				value, s = value[:i], value[i:]
				break
			}
		}
		if !e.gs1Add(ai, value) {
			return false
		}
	}
	return true
}

// gs1IsLink says whether s is a web address. QR codes may have its scheme in capitals,
// which take less room (Digital Link URI Syntax, section 4.2; RFC 3986, section 3.1).
func gs1IsLink(s string) bool {
	scheme, _, found := strings.Cut(s, "://")
	return found && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http"))
}

// gs1Link reads a GS1 Digital Link (URI Syntax 1.3): pairs of path segments from the
// first that is an AI on, then numeric query parameters.
func (e *element) gs1Link(s string) bool {
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := 0; i < len(segments); i++ {
		if !gs1AI(segments[i]) || i+1 == len(segments) {
			continue
		}
		value, err := url.PathUnescape(segments[i+1])
		if err != nil || !e.gs1Add(segments[i], value) {
			return false
		}
		i++
	}
	for _, pair := range strings.FieldsFunc(u.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		ai, value, _ := strings.Cut(pair, "=")
		if !gs1AI(ai) {
			continue
		}
		value, err := url.QueryUnescape(value)
		if err != nil || !e.gs1Add(ai, value) {
			return false
		}
	}
	return true
}

func (e *element) gs1Add(ai, value string) bool {
	if value == "" || len(value) > maxGS1Value || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
		return false
	}
	if e.find([][]string{{ai}}) == nil {
		e.add(ai, value)
	}
	return true
}

// gs1AI says whether s is an AI and nothing more.
func gs1AI(s string) bool { return s != "" && gs1AILength(s) == len(s) }

// gs1AILength returns how many digits the AI at the front of s has (section 3.2, by
// its first two), or 0 if there is none.
func gs1AILength(s string) int {
	if len(s) < 2 || !allDigits([]byte(s[:2])) {
		return 0
	}
	n := 0
	switch tens, two := s[0], s[:2]; {
	case two >= "00" && two <= "04", tens == '1', two >= "20" && two <= "22", two == "30", two == "37", tens == '9':
		n = 2
	case two >= "23" && two <= "25", two >= "40" && two <= "42", two == "71":
		n = 3
	case two >= "31" && two <= "36", two == "39", two == "43", two == "70", two == "72", two >= "80" && two <= "82":
		n = 4
	}
	if n == 0 || len(s) < n || !allDigits([]byte(s[:n])) {
		return 0
	}
	return n
}

// gs1Predefined returns the length of the AI's value if the standard fixes it for all
// time (figure 7.8.5-2), else 0.
func gs1Predefined(ai string) int {
	switch two := ai[:2]; {
	case two == "00":
		return 18
	case two >= "01" && two <= "03":
		return 14
	case two == "04":
		return 16
	case two >= "11" && two <= "19":
		return 6
	case two == "20":
		return 2
	case two >= "31" && two <= "36":
		return 6
	case two == "41":
		return 13
	}
	return 0
}
