package decode

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// date reads a calendar date into a FHIR date: `date: yyyymmdd` or
// `date: {layout: yyymmdd, calendar: roc, never: ["9999999"]}`.
//
// In the layout y, m and d stand for one digit each; anything else must appear
// as written. Month or day 00 makes the date partial (YYYY-MM or YYYY), year 0
// or blanks mean that there is none. Years are exactly as many digits as there
// are y, except that a three-digit year may have two.
type date struct {
	Layout   string   `yaml:"layout,required"`
	Calendar string   `yaml:"calendar"` // gregorian (default), roc, buddhist
	Never    []string `yaml:"never"`    // "does not expire": absent
}

func (x *date) DecodeNode(d *Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		x.Layout = d.Text(n)
	} else {
		type plain date
		d.Decode(n, (*plain)(x))
	}
	y := strings.Count(x.Layout, "y")
	if y != 3 && y != 4 || y == 3 != (x.Calendar == "roc") || len(x.Layout) > 32 {
		d.Fail(n, "layout needs yyyy (roc: yyy), mm and dd, such as yyyymmdd or dd.mm.yyyy")
	}
	if !slices.Contains([]string{"", "gregorian", "roc", "buddhist"}, x.Calendar) {
		d.Fail(n, "calendar is gregorian, roc or buddhist")
	}
}

func (*date) kinds() (in, out Kind) { return KindText, KindText }

func (x *date) apply(_ *evaluation, v Value) (Value, error) {
	s := strings.TrimSpace(string(v.b))
	if s == "" || slices.Contains(x.Never, s) {
		return Value{}, errAbsent
	}
	out, err := x.parse(s)
	return textValue([]byte(out)), err
}

// parse returns the FHIR date (YYYY, YYYY-MM or YYYY-MM-DD).
func (x *date) parse(s string) (string, error) {
	if len(s) == len(x.Layout)-1 && strings.HasPrefix(x.Layout, "yyy") && !strings.HasPrefix(x.Layout, "yyyy") {
		s = "0" + s // ROC year below 100 written without its zero
	}
	if len(s) != len(x.Layout) {
		return "", errUnreadable
	}
	var y, m, d int
	for i := range len(s) {
		digit := int(s[i] - '0')
		part := map[byte]*int{'y': &y, 'm': &m, 'd': &d}[x.Layout[i]]
		switch {
		case part == nil && s[i] != x.Layout[i], part != nil && (digit < 0 || digit > 9):
			return "", errUnreadable
		case part != nil:
			*part = *part*10 + digit
		}
	}
	if y == 0 {
		return "", errAbsent
	}
	switch x.Calendar {
	case "roc": // year 1 is 1912
		y += 1911
	case "buddhist": // as Thailand counts since 1941
		y -= 543
	}
	switch {
	case y < 1800 || y > 9999 || m > 12:
		return "", errUnreadable
	case m == 0:
		return fmt.Sprintf("%04d", y), nil
	case d == 0:
		return fmt.Sprintf("%04d-%02d", y, m), nil
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Day() != d {
		return "", errUnreadable
	}
	return t.Format(time.DateOnly), nil
}
