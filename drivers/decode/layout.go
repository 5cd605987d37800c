package decode

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// layout is a compiled date layout.
type layout struct {
	parts  []layoutPart
	year   int  // digits
	hasDay bool // has dd
	named  bool // has mon
	asn1   bool // generalized
	fixed  int  // length in bytes, when it begins with yyy
}

// layoutPart is one piece: digits of a year, month or day, a month's name, white
// space, or a literal.
type layoutPart struct {
	what   byte // 'y', 'm', 'd', 'n' (name), ' ' (white space), 'l' (literal)
	digits int
	lit    string
}

const maxLayout = 32

// parseLayout compiles a layout; false when it is none.
func parseLayout(s string) (layout, bool) {
	l := layout{}
	if s == "generalized" {
		return layout{year: 4, hasDay: true, asn1: true}, true
	}
	if len(s) > maxLayout {
		return l, false
	}
	count := map[byte]int{}
	for rest := s; rest != ""; {
		p := layoutPart{what: rest[0]}
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "mon"):
			p.what, p.digits = 'n', 3
			l.named = true
			count['m']++
		case c == 'y' || c == 'm' || c == 'd':
			p.digits = len(rest) - len(strings.TrimLeft(rest, string(c)))
			count[c]++
		case c == ' ':
			p.digits = len(rest) - len(strings.TrimLeft(rest, " "))
		default:
			p.what, p.digits = 'l', 1
			p.lit = rest[:1]
		}
		switch {
		case p.what == 'y':
			l.year = p.digits
		case (p.what == 'm' || p.what == 'd') && p.digits != 2:
			return l, false
		case p.what == 'd':
			l.hasDay = true
		}
		rest = rest[p.digits:]
		l.parts = append(l.parts, p)
	}
	if l.year < 2 || l.year > 4 || count['y'] != 1 || count['m'] > 1 || count['d'] > count['m'] {
		return l, false
	}
	if l.year == 3 && l.parts[0].what == 'y' && !l.named && !strings.Contains(s, " ") {
		l.fixed = len(s)
	}
	return l, true
}

// ymd is a date as written, 0 for what is not there.
type ymd struct{ year, month, day int }

// read takes a date of this layout apart.
func (l layout) read(s string, names []monthName) (ymd, bool) {
	if l.asn1 {
		return readGeneralized(s)
	}
	if l.fixed > 0 && len(s) == l.fixed-1 {
		s = "0" + s // ROC year below 100 written without its zero
	}
	var day ymd
	for _, p := range l.parts {
		var n int
		switch p.what {
		case ' ':
			trimmed := strings.TrimLeftFunc(s, unicode.IsSpace)
			if len(trimmed) == len(s) {
				return ymd{}, false
			}
			s = trimmed
			continue
		case 'l':
			var ok bool
			if s, ok = strings.CutPrefix(s, p.lit); !ok {
				return ymd{}, false
			}
			continue
		case 'n':
			if n, s = cutMonth(s, names); n == 0 {
				return ymd{}, false
			}
		default:
			var ok bool
			if n, s, ok = cutNumber(s, p.digits); !ok {
				return ymd{}, false
			}
		}
		switch p.what {
		case 'y':
			day.year = n
		case 'd':
			day.day = n
		default:
			day.month = n
		}
	}
	return day, s == ""
}

// cutNumber takes exactly some digits off the front.
func cutNumber(s string, digits int) (n int, rest string, ok bool) {
	if len(s) < digits {
		return 0, s, false
	}
	for i := range digits {
		if s[i] < '0' || s[i] > '9' {
			return 0, s, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s[digits:], true
}

// readGeneralized reads YYYYMMDDHH[MM[SS]][.f][Z|±HHMM] (X.680, section 46). Only the
// date is taken, as written: births have no time zone.
func readGeneralized(s string) (ymd, bool) {
	var day ymd
	var ok bool
	rest := s
	for _, f := range []struct {
		into   *int
		digits int
	}{{&day.year, 4}, {&day.month, 2}, {&day.day, 2}} {
		if *f.into, rest, ok = cutNumber(rest, f.digits); !ok {
			return ymd{}, false
		}
	}
	clock := strings.TrimLeft(rest, "0123456789")
	if n := len(rest) - len(clock); n != 2 && n != 4 && n != 6 {
		return ymd{}, false
	}
	if fraction, ok := strings.CutPrefix(clock, "."); ok {
		clock = strings.TrimLeft(fraction, "0123456789")
	}
	if clock == "" || clock == "Z" {
		return day, true
	}
	_, end, ok := cutNumber(clock[1:], 4)
	return day, ok && end == "" && (clock[0] == '+' || clock[0] == '-')
}

// monthName is the abbreviation of a month on a card.
type monthName struct {
	name  string // upper case
	month int
}

// monthNames are as Belgian cards abbreviate them (eid-mw, tlvbuffer.cpp and the
// applet's file specification) with and without accents; English as in dates of
// ISO 7501 documents.
var monthNames = map[string][]monthName{
	"fr": months("JAN", "FEV FÉV", "MARS", "AVR", "MAI", "JUIN", "JUIL", "AOUT AOÛT", "SEPT", "OCT", "NOV", "DEC DÉC"),
	"nl": months("JAN", "FEB", "MAAR MRT", "APR", "MEI", "JUN", "JUL", "AUG", "SEP", "OKT", "NOV", "DEC"),
	"de": months("JAN", "FEB", "MÄR MRZ", "APR", "MAI", "JUN", "JUL", "AUG", "SEP", "OKT", "NOV", "DEZ"),
	"en": months("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
}

func months(names ...string) []monthName {
	var out []monthName
	for i, alternatives := range names {
		for name := range strings.FieldsSeq(alternatives) {
			out = append(out, monthName{name, i + 1})
		}
	}
	return out
}

// cutMonth takes a month's name off the front, in any case; 0 if there is none. A
// letter may not follow: MARS is no MAR.
func cutMonth(s string, names []monthName) (month int, rest string) {
	for _, n := range names {
		end := 0
		for range utf8.RuneCountInString(n.name) {
			_, size := utf8.DecodeRuneInString(s[end:])
			end += size
		}
		if !strings.EqualFold(s[:end], n.name) {
			continue
		}
		if next, _ := utf8.DecodeRuneInString(s[end:]); unicode.IsLetter(next) {
			continue
		}
		return n.month, s[end:]
	}
	return 0, s
}
