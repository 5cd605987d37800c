package checkdigit

import (
	"slices"
	"strings"
)

// ArgentineCUIL checks a CUIL or CUIT (ANSES, AFIP): a type of two digits, the document
// number, a check digit: 11 less the sum with weights 5 4 3 2 7 6 5 4 3 2 modulo 11,
// eleven being 0. Numbers that would give ten are issued with another type.
func ArgentineCUIL(s string) bool {
	if len(s) != 11 || !digits(s) || !slices.Contains(strings.Fields("20 23 24 25 26 27 30 33 34"), s[:2]) {
		return false
	}
	check := (11 - weighted(s, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	return check == int(s[10]-'0')
}
