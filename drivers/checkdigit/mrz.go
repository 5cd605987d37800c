package checkdigit

import "strings"

// MRZ checks a field of a machine readable zone against its check digit (see
// [MRZDigit]). An empty field may have < in place of the digit 0.
func MRZ(field, digit string) bool {
	want, ok := MRZDigit(field)
	if digit == "<" {
		return ok && strings.Trim(field, "<") == ""
	}
	return ok && len(digit) == 1 && digit[0] == want
}

// MRZDigit returns the check digit of a field of a machine readable zone (ICAO Doc
// 9303-3, section 4.9): weights 7 3 1, letters from A = 10, < = 0, sum modulo 10. False
// is for a field with any other character.
func MRZDigit(field string) (digit byte, ok bool) {
	sum := 0
	for i := range len(field) {
		v := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", field[i])
		if v < 0 {
			if field[i] != '<' {
				return 0, false
			}
			v = 0
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	return byte('0' + sum%10), true
}
