package hl7

import (
	"strconv"
	"time"
)

// Precision is the last part of a date/time that was sent.
type Precision uint8

// The precisions of an HL7 date/time (HL7 v2.9, 2A.2.21).
const (
	Year Precision = iota + 1
	Month
	Day
	Hour
	Minute
	Second
	Fraction // Time.Digits says how many decimals, 1 to 4
)

// Time is an HL7 date/time (DTM, and the first component of TS) with what was
// really sent: no digit of precision and no zone is invented.
type Time struct {
	// Time is the earliest instant the value can mean. Without a zone of its own
	// it is in the location given to ParseTime.
	Time      time.Time
	Precision Precision
	Digits    int  // decimals of the second, 0 unless Precision is Fraction
	HasZone   bool // the value carried +/-ZZZZ
}

// ParseTime reads YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]. A value without
// a zone is taken to be in loc (nil: UTC); [Message.Zone] gives the right one.
// The error wraps [ErrBadTime]; keep the raw value then.
func ParseTime(s string, loc *time.Location) (Time, error) {
	if loc == nil {
		loc = time.UTC
	}
	var t Time
	digits := s
	for i := range len(s) {
		if s[i] == '+' || s[i] == '-' {
			zone, ok := parseZone(s[i:])
			if !ok {
				return Time{}, ErrBadTime
			}
			digits, loc, t.HasZone = s[:i], zone, true
			break
		}
	}
	nanos := 0
	if len(digits) > 14 {
		var ok bool
		if nanos, t.Digits, ok = parseFraction(digits[14:]); !ok {
			return Time{}, ErrBadTime
		}
		digits, t.Precision = digits[:14], Fraction
	}
	v := [6]int{0, 1, 1, 0, 0, 0} // year, month, day, hour, minute, second
	n := 0
	for at := 0; at < len(digits); n++ {
		width := 2
		if n == 0 {
			width = 4
		}
		if at+width > len(digits) {
			return Time{}, ErrBadTime
		}
		var ok bool
		if v[n], ok = digitsValue(digits[at : at+width]); !ok {
			return Time{}, ErrBadTime
		}
		at += width
	}
	if n == 0 || t.Precision == Fraction && n != 6 {
		return Time{}, ErrBadTime
	}
	if t.Precision == 0 {
		t.Precision = Precision(n)
	}
	t.Time = time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], nanos, loc)
	// time.Date normalises what does not exist; a changed part says so. Hours are
	// checked apart because a clock change may move one that is fine.
	if v[0] == 0 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > daysIn(v[0], v[1]) || v[3] > 23 || v[4] > 59 || v[5] > 59 {
		return Time{}, ErrBadTime
	}
	return t, nil
}

// String is the value in HL7 form with the digits and zone that were sent.
func (t Time) String() string {
	layouts := [...]string{"", "2006", "200601", "20060102", "2006010215", "200601021504", "20060102150405", "20060102150405"}
	if t.Precision == 0 || int(t.Precision) >= len(layouts) {
		return ""
	}
	b := t.Time.AppendFormat(nil, layouts[t.Precision])
	if t.Precision == Fraction {
		frac := strconv.Itoa(1_000_000_000 + t.Time.Nanosecond())
		b = append(append(b, '.'), frac[1:1+t.Digits]...)
	}
	if t.HasZone {
		b = t.Time.AppendFormat(b, "-0700")
	}
	return string(b)
}

// Zone is the zone of MSH-7, in which every time of the message without a zone
// is meant (HL7 v2.9, 2A.2.21), or def when MSH-7 has none.
func (m *Message) Zone(def *time.Location) *time.Location {
	t, err := ParseTime(m.segs[0].Field(7).Text(), def)
	if err != nil || !t.HasZone {
		return def
	}
	return t.Time.Location()
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// parseZone reads +ZZZZ or -ZZZZ; real offsets end at 14 hours.
func parseZone(s string) (*time.Location, bool) {
	if len(s) != 5 {
		return nil, false
	}
	h, ok1 := digitsValue(s[1:3])
	m, ok2 := digitsValue(s[3:5])
	if !ok1 || !ok2 || m > 59 || h*60+m > 14*60 {
		return nil, false
	}
	seconds := (h*60 + m) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), true
}

// parseFraction reads .S to .SSSS and returns nanoseconds.
func parseFraction(s string) (nanos, digits int, ok bool) {
	digits = len(s) - 1
	if s[0] != '.' || digits < 1 || digits > 4 {
		return 0, 0, false
	}
	nanos, ok = digitsValue(s[1:])
	for range 9 - digits {
		nanos *= 10
	}
	return nanos, digits, ok
}

func digitsValue(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
