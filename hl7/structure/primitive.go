package structure

import (
	"bytes"

	"cardferry/hl7"
)

// primitive checks one value of a primitive datatype as it was sent, escapes
// included, and says what is wrong, "" if nothing. It never repeats the value.
type primitive func(raw []byte) string

// primitives are the datatypes whose values have a form. ST, TX, FT and GTS take
// any text; ID and IS are looked up in tables.
var primitives = map[string]primitive{
	"NM": checkNumber, "SI": checkSequence, "DT": checkDate, "TM": checkTime, "DTM": checkDateTime, "ID": checkCode, "IS": checkCode,
}

// checkNumber: an optional sign, digits, an optional point with digits (HL7
// v2.9, 2A.2.46).
func checkNumber(raw []byte) string {
	b := raw
	if b[0] == '+' || b[0] == '-' {
		b = b[1:]
	}
	whole, fraction, point := bytes.Cut(b, []byte{'.'})
	if len(whole)+len(fraction) == 0 || !allDigits(whole) || !allDigits(fraction) || point && len(whole) == 0 && len(fraction) == 0 {
		return "not a number (digits with an optional sign and decimal point; a comparison such as < needs SN)"
	}
	return ""
}

// checkSequence: a whole number (HL7 v2.9, 2A.2.67).
func checkSequence(raw []byte) string {
	if !allDigits(raw) {
		return "not a sequence number (digits only)"
	}
	return ""
}

// checkDate: YYYY[MM[DD]] (HL7 v2.9, 2A.2.21).
func checkDate(raw []byte) string {
	t, err := hl7.ParseTime(string(raw), nil)
	if err != nil {
		return "not a date (YYYY[MM[DD]]) or no day of the calendar"
	}
	if t.Precision > hl7.Day || t.HasZone {
		return "a date holds no time of day and no zone"
	}
	return ""
}

// checkDateTime: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ] (HL7 v2.9, 2A.2.22).
func checkDateTime(raw []byte) string {
	if _, err := hl7.ParseTime(string(raw), nil); err != nil {
		return "not a date and time (YYYY[MM[DD[HH[MM[SS[.SSSS]]]]]][+/-ZZZZ]) or none of the calendar"
	}
	return ""
}

// checkTime: HH[MM[SS[.S[S[S[S]]]]]][+/-ZZZZ] (HL7 v2.9, 2A.2.75).
func checkTime(raw []byte) string {
	if len(raw) > 32 || len(raw) < 2 {
		return notATime
	}
	var b [40]byte
	n := copy(b[:], "20000101")
	n += copy(b[n:], raw)
	if t, err := hl7.ParseTime(string(b[:n]), nil); err != nil || t.Precision < hl7.Hour {
		return notATime
	}
	return ""
}

const notATime = "not a time of day (HH[MM[SS[.SSSS]]][+/-ZZZZ])"

// checkCode: codes are printable ASCII without blanks at the ends. What a table
// holds is looked at apart.
func checkCode(raw []byte) string {
	if raw[0] == ' ' || raw[len(raw)-1] == ' ' {
		return "a code has no blanks at its ends"
	}
	return ""
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
