package decode

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// date reads a calendar date into a FHIR date (YYYY, YYYY-MM or YYYY-MM-DD).
type date struct {
	Layout   layouts  `yaml:"layout,required" doc:"how it is written, or several ways to try in order: yyyy (roc: yyy) or yy, mm or mon, dd, and literals; white space stands for any run of it; generalized is ASN.1 GeneralizedTime"`
	Calendar string   `yaml:"calendar" doc:"gregorian (default), roc (year 1 is 1912) or buddhist (543 years ahead)"`
	Months   []string `yaml:"months" doc:"languages of mon: de, en, fr, nl"`
	Pivot    string   `yaml:"pivot" doc:"century of yy: birth (not after today) or expiry (within 50 years of today); with expiry a date without day is the last of its month"`
	Never    []string `yaml:"never" doc:"texts that mean there is none, such as 99999999"`
	names    []monthName
}

// layouts is one layout or a list of them.
type layouts []layout

func (*layouts) Shape() Shape { return eitherOf(textOf(), listOf(textOf())) }

func (l *layouts) DecodeNode(d *Decoder, n *yaml.Node) {
	for _, c := range oneOrMore(n) {
		one, ok := parseLayout(d.Text(c))
		if !ok {
			d.Fail(c, "layout needs yyyy (roc: yyy) or yy, mm and dd, such as yyyymmdd or dd.mm.yyyy")
			continue
		}
		*l = append(*l, one)
	}
}

func (*date) Shape() Shape {
	type plain date
	return eitherOf(textOf(), listOf(textOf()), shapeOfStruct[plain]())
}

func (x *date) DecodeNode(d *Decoder, n *yaml.Node) {
	if n.Kind != yaml.MappingNode { // the layouts alone
		x.Layout.DecodeNode(d, n)
	} else if !keysIn(d, n, x) {
		return
	}
	if !slices.Contains([]string{"", "gregorian", "roc", "buddhist"}, x.Calendar) {
		d.Fail(n, "calendar is gregorian, roc or buddhist")
	}
	if !slices.Contains([]string{"", "birth", "expiry"}, x.Pivot) {
		d.Fail(n, "pivot is birth or expiry")
	}
	for _, language := range x.Months {
		names, ok := monthNames[language]
		if !ok {
			d.Fail(n, "months are in de, en, fr or nl; %q is none of them", language)
		}
		x.names = append(x.names, names...)
	}
	// The longest first, so that MARS is not read as MAR and an S.
	slices.SortStableFunc(x.names, func(a, b monthName) int { return len(b.name) - len(a.name) })
	for _, l := range x.Layout {
		switch {
		case (l.year == 3) != (x.Calendar == "roc"):
			d.Fail(n, "layout needs yyyy (roc: yyy), mm and dd, such as yyyymmdd or dd.mm.yyyy")
		case l.year == 2 && x.Pivot == "":
			d.Fail(n, "yy needs a pivot: birth or expiry")
		case l.year == 2 && x.Calendar == "buddhist":
			d.Fail(n, "a Buddhist year has four digits")
		case l.named && x.names == nil:
			d.Fail(n, "mon needs months: the languages of its names, such as [fr, nl, de]")
		}
	}
}

func (*date) kinds() (in, out Kind) { return KindText, KindText }

func (x *date) apply(e *evaluation, v Value) (Value, error) {
	s := string(bytes.TrimSpace(v.b))
	if s == "" || slices.Contains(x.Never, s) {
		return Value{}, errAbsent
	}
	for _, l := range x.Layout {
		day, ok := l.read(s, x.names)
		if !ok {
			continue
		}
		out, err := x.calendarDate(day, l, e.today())
		if err == errUnreadable && len(x.Layout) > 1 { //nolint:errorlint // a sentinel of this package, never wrapped
			continue
		}
		return textValue([]byte(out)), err
	}
	return Value{}, errUnreadable
}

// calendarDate turns what a layout read into a FHIR date.
func (x *date) calendarDate(day ymd, l layout, today time.Time) (string, error) {
	y, m, d := day.year, day.month, day.day
	switch {
	case l.year == 2:
		y = x.century(y, m, d, today)
	case y == 0:
		return "", errAbsent
	case x.Calendar == "roc":
		y += 1911
	case x.Calendar == "buddhist": // as Thailand counts since 1941
		y -= 543
	}
	switch {
	case y < 1800 || y > 9999 || m > 12:
		return "", errUnreadable
	case m == 0:
		return fmt.Sprintf("%04d", y), nil
	case d == 0 && !l.hasDay && x.Pivot == "expiry":
		return time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), nil
	case d == 0:
		return fmt.Sprintf("%04d-%02d", y, m), nil
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d {
		return "", errUnreadable
	}
	return t.Format(time.DateOnly), nil
}

// century completes a year of two digits. Nobody is born after today, and cards
// are not valid for more than 50 years.
func (x *date) century(yy, m, d int, today time.Time) int {
	y := today.Year()/100*100 + yy
	if x.Pivot == "birth" {
		if t := time.Date(y, time.Month(max(1, m)), max(1, d), 0, 0, 0, 0, time.UTC); t.After(today) {
			return y - 100
		}
		return y
	}
	switch {
	case y > today.Year()+50:
		return y - 100
	case y <= today.Year()-50:
		return y + 100
	}
	return y
}

// today is the moment that two-digit years are judged by, in UTC: it is today already
// up to 14 hours earlier, east of Greenwich.
func (e *evaluation) today() time.Time {
	now := e.opt.Today
	if now.IsZero() {
		now = time.Now()
	}
	return now.UTC().Add(14 * time.Hour)
}
