package checkdigit

// AustrianSVNR checks an Austrian social insurance number (§ 31 ASVG): ten digits, a
// serial of three, the check digit, DDMMYY. Weights 3 7 9 – 5 8 4 2 1 6, sum modulo 11;
// serials that would give ten are not used. The months 13 to 15 stand for unknown days.
func AustrianSVNR(s string) bool {
	return len(s) == 10 && digits(s) && s[0] != '0' && weighted(s, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == int(s[3]-'0')
}
