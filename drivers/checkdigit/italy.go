package checkdigit

import "strings"

// ItalianCF checks an Italian tax code (codice fiscale, D.M. 23 December 1976): 15
// characters and a check letter, or the provisional one of eleven digits, which is
// checked as a VAT number (Luhn). Of people who would share a code one has letters in
// the place of digits (omocodia): L M N P Q R S T U V for 0 to 9.
func ItalianCF(s string) bool {
	if len(s) == 11 {
		return Luhn(s)
	}
	if len(s) != 16 || s[15] < 'A' || s[15] > 'Z' {
		return false
	}
	// Values of 0 to 9 and of A to Z at odd places, counted from one.
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		c := s[i]
		if !cfPlace(i, c) {
			return false
		}
		v := int(c) - 'A'
		if c <= '9' {
			v = int(c) - '0'
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return byte('A'+sum%26) == s[15]
}

// cfPlace says whether a character may stand at a place: LLLLLLNNLNNLNNN, where N is a
// digit or its replacement.
func cfPlace(i int, c byte) bool {
	if "LLLLLLNNLNNLNNN"[i] == 'L' {
		return c >= 'A' && c <= 'Z'
	}
	return c >= '0' && c <= '9' || strings.IndexByte("LMNPQRSTUV", c) >= 0
}
