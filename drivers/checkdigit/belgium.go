package checkdigit

// BelgianNN checks a Belgian national number (Royal Decree of 3 April 1984): 11
// digits, the last two being 97 less the remainder of the first nine by 97, with a 2 in
// front of the nine for births from 2000 on.
func BelgianNN(s string) bool {
	if len(s) != 11 || !digits(s) {
		return false
	}
	check := number(s[9:])
	return check == 97-number(s[:9])%97 || check == 97-number("2"+s[:9])%97
}
