package code

import (
	"time"

	"cardferry/drivers/checkdigit"
)

// algorithm is a check that a rule can ask for.
type algorithm string

const (
	// algGB11643 is a Chinese resident identity number: check character, and a
	// birth date from 1850 to today. It gives {x.birth} and {x.gender}.
	algGB11643 algorithm = "gb11643"
	algLuhn    algorithm = "luhn"  // ISO/IEC 7812-1 annex B
	algGS1     algorithm = "gs1"   // GS1 General Specifications 7.9, modulo 10
	algMod11_2 algorithm = "mod11" // ISO 7064 MOD 11-2, check character 0-9 or X
	// algDate is a day of the calendar, YYYYMMDD, not after today.
	algDate algorithm = "date"
)

// check runs the algorithm over s and returns what it derives from it, by suffix.
func (a algorithm) check(s string, today time.Time) (derived map[string]string, ok bool) {
	switch a {
	case algGB11643:
		id, ok := checkdigit.ParseCNResident(s)
		if !ok || !plausible(id.Birth, today) {
			return nil, false
		}
		sex := "female"
		if id.Male {
			sex = "male"
		}
		return map[string]string{"birth": id.Birth.Format(time.DateOnly), "gender": sex}, true
	case algLuhn:
		return nil, luhn(s)
	case algGS1:
		return nil, gs1(s)
	case algMod11_2:
		return nil, mod11(s)
	default:
		t, err := time.Parse("20060102", s)
		return nil, err == nil && plausible(t, today)
	}
}

// plausible says whether a day, as midnight UTC, can be a person's birth. East of
// Greenwich the day begins up to 14 hours before it does in UTC.
func plausible(day, now time.Time) bool {
	return day.Year() >= 1850 && !day.After(now.Add(14*time.Hour))
}

// derives names the placeholders an algorithm adds to its group.
func (a algorithm) derives() []string {
	if a == algGB11643 {
		return []string{"birth", "gender"}
	}
	return nil
}

func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		c := s[len(s)-1-i]
		if !digit(c) {
			return false
		}
		d := int(c - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(s) > 1 && sum%10 == 0
}

func gs1(s string) bool {
	sum := 0
	for i := range len(s) {
		c := s[len(s)-1-i]
		if !digit(c) {
			return false
		}
		sum += int(c-'0') * [2]int{1, 3}[i%2]
	}
	return len(s) > 1 && sum%10 == 0
}

func mod11(s string) bool {
	if len(s) < 2 {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[i]) - '0'
		if i == len(s)-1 && s[i] == 'X' {
			d = 10
		} else if !digit(s[i]) {
			return false
		}
		sum = (sum + d) * 2 % 11
	}
	return sum == 2 // the last step doubled once more: 2·(… + check) ≡ 2 (mod 11)
}
