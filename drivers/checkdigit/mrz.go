package checkdigit

import "strings"

// MRZ checks a field of a machine readable zone against its check digit (ICAO Doc
// 9303-3, section 4.9): weights 7 3 1, letters from A = 10, < = 0, sum modulo 10. An
// empty field may have < in place of the digit 0.
func MRZ(field, digit string) bool {
	sum := 0
	for i := range len(field) {
		v := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", field[i])
		if v < 0 {
			if field[i] != '<' {
				return false
			}
			v = 0
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	if digit == "<" {
		return strings.Trim(field, "<") == ""
	}
	return len(digit) == 1 && int(digit[0])-'0' == sum%10
}
