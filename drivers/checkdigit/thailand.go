package checkdigit

// ThaiCitizen checks a 13-digit Thai citizen identification number: the last
// digit is (11 − Σ digit·weight mod 11) mod 10 with weights 13 down to 2.
func ThaiCitizen(s string) bool {
	if len(s) != 13 || !digits(s) {
		return false
	}
	sum := 0
	for i := range 12 {
		sum += int(s[i]-'0') * (13 - i)
	}
	return (11-sum%11)%10 == int(s[12]-'0')
}
