package checkdigit

// Verhoeff checks the last digit of a number by J. Verhoeff, Error Detecting Decimal
// Codes (Amsterdam, 1969): digits are turned by a permutation that depends
// on their place and multiplied in the dihedral group of order ten.
func Verhoeff(s string) bool {
	if len(s) < 2 || !digits(s) {
		return false
	}
	// Verhoeff's permutation 1 5 7 6 2 8 3 0 9 4; its powers turn the places.
	turn := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		for range i % 8 {
			d = turn[d]
		}
		c = dihedral(c, d)
	}
	return c == 0
}

// dihedral multiplies in the group of rotations (0 to 4) and reflections (5 to 9) of
// the pentagon.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return (a+b)%5 + 5
	case b < 5:
		return (a-b)%5 + 5
	}
	return (a - b + 5) % 5
}
