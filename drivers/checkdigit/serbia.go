package checkdigit

// JMBG checks a unique master citizen number (Law on the JMBG, 1976; Serbia and the
// other states of former Yugoslavia): DDMMYYY (the last three digits of the year), a
// region of two digits, a serial of three, a check digit: 11 less the sum with weights
// 7 6 5 4 3 2 7 6 5 4 3 2 modulo 11; ten and eleven count as 0.
func JMBG(s string) bool {
	if len(s) != 13 || !digits(s) {
		return false
	}
	year := 2000 + number(s[4:7])
	if s[4] != '0' {
		year -= 1000
	}
	if !existing(year, number(s[2:4]), number(s[:2])) {
		return false
	}
	check := 11 - weighted(s, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
	if check > 9 {
		check = 0
	}
	return check == int(s[12]-'0')
}
