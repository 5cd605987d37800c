package decode

import (
	"bytes"
	"strings"

	"cardferry/drivers/checkdigit"
)

// parseMRZ reads a machine readable zone (ICAO Doc 9303 parts 4 to 7): three lines
// of 30 (TD1), two of 36 (TD2, visa B) or two of 44 (TD3, visa A), with or without
// line ends. A check digit that does not fit is the warning "check_digit"; the
// values stay.
type parseMRZ struct{}

func (*parseMRZ) kinds() (in, out Kind) { return kindEither, KindDocument }

func (*parseMRZ) apply(e *evaluation, v Value) (Value, error) {
	s := string(bytes.Join(bytes.Fields(v.b), nil))
	if strings.Trim(s, "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return Value{}, errUnreadable
	}
	var root *element
	var valid bool
	switch len(s) {
	case 90:
		root, valid = mrzTD1(s[:30], s[30:60], s[60:])
	case 72:
		root, valid = mrzTwoLines(s[:36], s[36:])
	case 88:
		root, valid = mrzTwoLines(s[:44], s[44:])
	default:
		return Value{}, errUnreadable
	}
	if !valid {
		e.warn("check_digit")
	}
	return documentValue(v.b, root), nil
}

// mrzTD1 reads part 5, section 4.2.2. A document number longer than nine characters
// goes on in the optional data, with its check digit behind it.
func mrzTD1(a, b, c string) (*element, bool) {
	number, digit, optional := a[5:14], a[14:15], a[15:30]
	if digit == "<" {
		if rest, after, found := strings.Cut(optional, "<"); found && len(rest) > 1 {
			number, digit, optional = number+rest[:len(rest)-1], rest[len(rest)-1:], after
		}
	}
	e := &element{}
	e.add("type", mrzText(a[:2]))
	e.add("issuer", mrzText(a[2:5]))
	e.add("number", mrzText(number))
	e.add("optional", mrzText(optional))
	e.add("optional-2", mrzText(b[18:29]))
	e.mrzPerson(b[:6], b[7:8], b[8:14], b[15:18], c)
	return e, checkdigit.MRZ(number, digit) && checkdigit.MRZ(b[:6], b[6:7]) && checkdigit.MRZ(b[8:14], b[14:15]) &&
		checkdigit.MRZ(a[5:30]+b[:7]+b[8:15]+b[18:29], b[29:30])
}

// mrzTwoLines reads part 6, section 4.2.2 (TD2), part 4, section 4.2.2 (TD3) and
// part 7 (visas, which have no composite check digit).
func mrzTwoLines(a, b string) (*element, bool) {
	end := len(b) - 1
	number, digit, optional := b[:9], b[9:10], b[28:end]
	e := &element{}
	e.add("type", mrzText(a[:2]))
	e.add("issuer", mrzText(a[2:5]))
	valid := checkdigit.MRZ(b[13:19], b[19:20]) && checkdigit.MRZ(b[21:27], b[27:28])
	switch visa := a[0] == 'V'; {
	case visa:
		optional = b[28:]
	case len(b) == 44: // the personal number has a check digit of its own
		optional = b[28:42]
		valid = valid && checkdigit.MRZ(optional, b[42:43]) && checkdigit.MRZ(b[:10]+b[13:20]+b[21:43], b[43:])
		e.add("personal-number", mrzText(optional))
	default:
		if rest, after, found := strings.Cut(optional, "<"); digit == "<" && found && len(rest) > 1 {
			number, digit, optional = number+rest[:len(rest)-1], rest[len(rest)-1:], after
		}
		valid = valid && checkdigit.MRZ(b[:10]+b[13:20]+b[21:35], b[35:])
	}
	e.add("number", mrzText(number))
	e.add("optional", mrzText(optional))
	e.mrzPerson(b[13:19], b[20:21], b[21:27], b[10:13], a[5:])
	return e, valid && checkdigit.MRZ(number, digit)
}

// mrzPerson adds what all formats share. "<" as sex is the X of the visual zone.
func (e *element) mrzPerson(birth, sex, expires, nationality, names string) {
	surname, given, _ := strings.Cut(names, "<<")
	e.add("surname", mrzText(surname))
	e.add("given", mrzText(given))
	e.add("nationality", mrzText(nationality))
	e.add("birth", mrzText(birth))
	if sex == "<" {
		sex = "X"
	}
	e.add("sex", sex)
	e.add("expires", mrzText(expires))
}

// mrzText writes fillers as spaces and drops them at the ends.
func mrzText(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "<", " ")), " ")
}
