package checkdigit

import (
	"slices"
	"strings"
)

// MalaysianMyKad checks a MyKad number (National Registration Regulations 1990): YYMMDD,
// place of birth, a serial of four. There is no check digit; the day must exist in one
// century or the other and the place be one that the registration department uses.
func MalaysianMyKad(s string) bool {
	if len(s) != 12 || !digits(s) || slices.Contains(strings.Fields("00 17 18 19 20 69 70 73 80 81 94 95 96 97"), s[6:8]) {
		return false
	}
	yy, m, d := number(s[:2]), number(s[2:4]), number(s[4:6])
	return existing(1900+yy, m, d) || existing(2000+yy, m, d)
}
