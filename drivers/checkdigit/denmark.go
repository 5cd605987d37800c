package checkdigit

// DanishCPR checks a Danish CPR number: DDMMYY, a serial of four; weights 4 3 2 7 6 5 4 3
// 2 1, sum divisible by 11. The CPR office issues numbers without that check since
// October 2007, so a failure is a hint and no more. The century follows from the
// seventh digit and the year.
func DanishCPR(s string) bool {
	if len(s) != 10 || !digits(s) {
		return false
	}
	yy, year := number(s[4:6]), 1900
	switch seventh := s[6]; {
	case seventh >= '5' && seventh <= '8' && yy >= 58:
		year = 1800
	case seventh >= '5' && seventh <= '8', (seventh == '4' || seventh == '9') && yy <= 36:
		year = 2000
	}
	return existing(year+yy, number(s[2:4]), number(s[:2])) && weighted(s, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}
