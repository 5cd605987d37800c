package checkdigit

// Mod11_2 checks a number by ISO/IEC 7064 MOD 11-2; its check character, the last, is
// a digit or X for ten. Letters in lower case do not pass.
func Mod11_2(s string) bool {
	if len(s) < 2 || !digits(s[:len(s)-1]) {
		return false
	}
	sum := 0
	for i := range len(s) - 1 {
		sum = (sum + int(s[i]-'0')) * 2 % 11
	}
	last := int(s[len(s)-1]) - '0'
	if s[len(s)-1] == 'X' {
		last = 10
	}
	return last >= 0 && last <= 10 && (sum+last)%11 == 1
}
