package fhir

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cardferry/hl7"
	"cardferry/hl7/fhir/definition"
)

// maxDateBytes bounds what is tried as a date.
const maxDateBytes = 32

// scalar turns a v2 text into the lexical form of a primitive; what comes out is
// still to be checked.
func (r *run) scalar(p *definition.Primitive, s string) string {
	switch p.Name {
	case "date", "dateTime", "instant":
		return r.dateTime(s, p.Name)
	case "time":
		return timeOfDay(s)
	case "boolean":
		switch s {
		case "Y", "y", "true":
			return "true"
		case "N", "n", "false":
			return "false"
		}
		return ""
	case "decimal":
		d, _ := decimal(s)
		return d
	case "integer", "positiveInt", "unsignedInt":
		d, _ := decimal(s)
		return d
	case "uri", "url", "canonical", "oid", "uuid":
		return escapeURI(strings.TrimSpace(s))
	case "code":
		return oneLine(s)
	case "id", "base64Binary":
		return s
	}
	return cleanText(s)
}

// oneLine trims and makes every run of white space one space, as codes demand.
func oneLine(s string) string {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= utf8.RuneSelf {
			return strings.Join(strings.Fields(s), " ")
		}
	}
	return s
}

// cleanText makes a FHIR string: trimmed, without control characters other than
// tab, CR and LF, valid UTF-8.
func cleanText(s string) string {
	s = strings.TrimSpace(s)
	clean := utf8.ValidString(s)
	for i := range len(s) {
		clean = clean && (s[i] >= 0x20 || s[i] == '\n' || s[i] == '\r' || s[i] == '\t')
	}
	if clean {
		return s
	}
	s = strings.Map(func(c rune) rune {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' {
			return -1
		}
		return c
	}, s)
	return strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
}

// decimal turns an HL7 NM into a FHIR decimal, keeping every digit after the
// point: "+013.20" is 13.20, ".5" is 0.5.
func decimal(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if validDecimal(s) {
		return s, true
	}
	sign, body := "", s
	switch {
	case strings.HasPrefix(body, "+"):
		body = body[1:]
	case strings.HasPrefix(body, "-"):
		sign, body = "-", body[1:]
	}
	whole, frac, point := strings.Cut(body, ".")
	if whole == "" && frac == "" || whole != "" && !digits(whole) || frac != "" && !digits(frac) {
		return "", false
	}
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if point && frac != "" {
		whole += "." + frac
	}
	return sign + whole, validDecimal(sign + whole)
}

func validDecimal(s string) bool {
	t, _ := definition.R4().Lookup("decimal")
	return t.Primitive.Valid(s)
}

// dateTime turns an HL7 DTM into a FHIR date, dateTime or instant. Precision is
// kept, except that FHIR wants seconds with a time: a missing minute or second
// becomes zero. A time without an offset is in the sender's zone.
func (r *run) dateTime(s, kind string) string {
	if len(s) > maxDateBytes {
		return ""
	}
	t, err := hl7.ParseTime(strings.TrimSpace(s), r.zone)
	if err != nil {
		return ""
	}
	return formatTime(t, kind)
}

func formatTime(t hl7.Time, kind string) string {
	switch {
	case t.Precision == hl7.Year && kind != "instant":
		return t.Time.Format("2006")
	case t.Precision == hl7.Month && kind != "instant":
		return t.Time.Format("2006-01")
	case kind == "date" || t.Precision == hl7.Day && kind != "instant":
		return t.Time.Format(time.DateOnly)
	case t.Precision <= hl7.Day:
		return "" // an instant needs a time
	}
	layout := "2006-01-02T15:04:05"
	if t.Precision == hl7.Fraction {
		layout += "." + strings.Repeat("0", t.Digits)
	}
	b := t.Time.AppendFormat(make([]byte, 0, 40), layout)
	// An offset of odd seconds (local mean time) has no place in FHIR.
	_, offset := t.Time.Zone()
	if offset%60 != 0 {
		b = t.Time.In(time.FixedZone("", offset/60*60)).AppendFormat(b[:0], layout)
		offset = offset / 60 * 60
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	b = append(b, sign)
	b = appendTwo(b, offset/3600)
	b = append(b, ':')
	return string(appendTwo(b, offset/60%60))
}

func appendTwo(b []byte, n int) []byte {
	if n < 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// timeOfDay turns an HL7 TM into a FHIR time, "" when it carries an offset,
// which a FHIR time cannot say.
func timeOfDay(s string) string {
	whole, frac, point := strings.Cut(strings.TrimSpace(s), ".")
	if !digits(whole) || len(whole)%2 != 0 || len(whole) < 2 || len(whole) > 6 || point && (len(whole) != 6 || !digits(frac)) {
		return ""
	}
	whole += "0000"[:6-len(whole)]
	out := whole[:2] + ":" + whole[2:4] + ":" + whole[4:6]
	if point {
		out += "." + frac
	}
	return out
}
