package checkdigit

// EstonianCode checks an Estonian personal code (isikukood, EVS 585:2007): century and
// sex, YYMMDD, a serial of three, a check digit modulo 11; if that gives ten, once more
// with other weights, and ten again counts as 0.
func EstonianCode(s string) bool {
	if len(s) != 11 || !digits(s) || s[0] < '1' || s[0] > '8' {
		return false
	}
	century := 1800 + 100*((int(s[0]-'0')-1)/2)
	if !existing(century+number(s[1:3]), number(s[3:5]), number(s[5:7])) {
		return false
	}
	check := weighted(s, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
	if check == 10 {
		check = weighted(s, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
	}
	return check == int(s[10]-'0')
}
