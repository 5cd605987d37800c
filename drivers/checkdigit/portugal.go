package checkdigit

// PortugueseNIF checks a Portuguese tax number (Decreto-Lei 14/2013): nine digits,
// weights 9 down to 2, check digit 11 less the remainder by 11, ten and eleven being 0.
func PortugueseNIF(s string) bool {
	if len(s) != 9 || !digits(s) {
		return false
	}
	check := 11 - weighted(s, 9, 8, 7, 6, 5, 4, 3, 2)%11
	if check > 9 {
		check = 0
	}
	return check == int(s[8]-'0')
}

// PortugueseSNS checks the form of a Portuguese health number (número de utente): nine
// digits. A rule for a check digit is not published.
func PortugueseSNS(s string) bool { return len(s) == 9 && digits(s) && s[0] != '0' }
