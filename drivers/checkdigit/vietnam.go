package checkdigit

// VietnameseCCCD checks a citizen number (Circular 07/2016/TT-BCA): province of three
// digits (001 to 096), sex and century (0 and 1 for the 20th, 2 and 3 for the 21st), two
// digits of the year of birth, a serial of six. It has no check digit.
func VietnameseCCCD(s string) bool {
	return len(s) == 12 && digits(s) && s[:3] >= "001" && s[:3] <= "096" && s[3] <= '3'
}
