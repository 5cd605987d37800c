package checkdigit

import "strings"

// FrenchNIR checks a French social security number (NIR, décret 82-103) with its key:
// 13 characters and two digits, 97 less the number's remainder by 97. Corsica's
// departments 2A and 2B count as 19 and 18.
func FrenchNIR(s string) bool {
	if len(s) != 15 {
		return false
	}
	switch n := s[:13]; s[5:7] {
	case "2A":
		s = n[:5] + "19" + n[7:] + s[13:]
	case "2B":
		s = n[:5] + "18" + n[7:] + s[13:]
	}
	return digits(s) && strings.IndexByte("123478", s[0]) >= 0 && number(s[13:]) == 97-number(s[:13])%97
}
