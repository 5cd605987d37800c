package checkdigit

// GermanKVNR checks the unchangeable part of a German health insurance number
// (§ 290 SGB V): a letter A to Z, eight digits, one check digit. The letter
// counts as its two-digit position in the alphabet; digits are weighted 1 2 1 2
// …, products reduced to their digit sum, sum modulo 10.
func GermanKVNR(s string) bool {
	if len(s) != 10 || s[0] < 'A' || s[0] > 'Z' || !digits(s[1:]) {
		return false
	}
	n := int(s[0]-'A') + 1
	sum := n/10 + digitSum(n%10*2)
	for i := 1; i < 9; i++ {
		sum += digitSum(int(s[i]-'0') * (2 - i%2))
	}
	return sum%10 == int(s[9]-'0')
}

// GermanIK checks a German institution code (Institutionskennzeichen, § 293
// SGB V; ARGE IK circular): nine digits. The class (first two digits) does not
// count; digits 3 to 8 are weighted 2 1 2 1 2 1, products reduced to their digit
// sum, sum modulo 10 is the ninth.
func GermanIK(s string) bool {
	if len(s) != 9 || !digits(s) {
		return false
	}
	sum := 0
	for i := 2; i < 8; i++ {
		sum += digitSum(int(s[i]-'0') * (2 - i%2))
	}
	return sum%10 == int(s[8]-'0')
}

// digitSum adds the digits of a number below 100.
func digitSum(n int) int { return n/10 + n%10 }
