package code

import (
	"strconv"
	"time"

	"cardferry/drivers/decode"
)

// validity names the fields between whose dates a code is valid. A value is a
// FHIR date (YYYY, YYYY-MM, YYYY-MM-DD; both ends belong to it) or seconds since
// 1970-01-01T00:00:00Z, with or without a fraction (RFC 7519 NumericDate).
type validity struct {
	From  string `yaml:"from" doc:"field of the first day"`
	Until string `yaml:"until" doc:"field of the last day"`
}

// zones is how far the day of some place on earth may be ahead of or behind UTC.
const (
	zonesAhead  = 14 * time.Hour
	zonesBehind = 12 * time.Hour
)

// warn says by warnings whether now is outside of the validity.
func (v validity) warn(r *decode.Reading, now time.Time) {
	if first, _, ok := span(r.Values[v.From]); ok && now.Before(first) {
		r.Warn("not_yet_valid", v.From)
	}
	if _, end, ok := span(r.Values[v.Until]); ok && !now.Before(end) {
		r.Warn("expired", v.Until)
	}
}

// span is when a date begins, anywhere on earth, and when it has ended everywhere.
func span(v decode.Value) (first, end time.Time, ok bool) {
	s := string(v.Bytes())
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && len(s) > len("YYYY") && seconds >= 0 && seconds < 1e11 {
		t := time.Unix(int64(seconds), 0)
		return t, t, true
	}
	for _, p := range []struct {
		layout              string
		years, months, days int
	}{{time.DateOnly, 0, 0, 1}, {"2006-01", 0, 1, 0}, {"2006", 1, 0, 0}} {
		if t, err := time.Parse(p.layout, s); err == nil {
			return t.Add(-zonesAhead), t.AddDate(p.years, p.months, p.days).Add(zonesBehind), true
		}
	}
	return time.Time{}, time.Time{}, false
}

// oldest is the first year in which a living patient can be born.
const oldest = 1850

// canBeBorn says whether a date can be a person's birth: not before 1850 and not
// after today anywhere on earth.
func canBeBorn(v decode.Value, now time.Time) bool {
	first, _, ok := span(v)
	return ok && first.Add(zonesAhead).Year() >= oldest && !first.After(now)
}
