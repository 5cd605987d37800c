// Package checkdigit has the check-digit algorithms of national identifiers.
// A valid check digit proves typing, not identity, so callers turn a failure
// into a warning and never drop the value.
package checkdigit

import (
	"strconv"
	"time"
)

// CNResident is a Chinese resident identity number (GB 11643-1999) taken apart.
type CNResident struct {
	Number string    // 18 characters, final X in upper case
	Birth  time.Time // UTC midnight
	Male   bool      // parity of the 17th digit
}

// ParseCNResident checks the length, the ISO 7064 MOD 11-2 check character and
// that the birth date exists and is not before 1800. It accepts a lower-case x. The
// region code is not checked: cards keep codes of regions that have been abolished.
func ParseCNResident(s string) (CNResident, bool) {
	if len(s) != 18 {
		return CNResident{}, false
	}
	// GB 11643-1999, weights 2^(17-i) mod 11.
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		if s[i] < '0' || s[i] > '9' {
			return CNResident{}, false
		}
		sum += int(s[i]-'0') * w
	}
	last := s[17]
	if last == 'x' {
		last = 'X'
	}
	if last != "10X98765432"[sum%11] {
		return CNResident{}, false
	}
	birth, err := time.Parse("20060102", s[6:14])
	if err != nil || birth.Year() < 1800 {
		return CNResident{}, false
	}
	seq, _ := strconv.Atoi(s[14:17])
	return CNResident{Number: s[:17] + string(last), Birth: birth, Male: seq%2 == 1}, true
}
