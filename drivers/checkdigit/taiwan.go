package checkdigit

import "strings"

// TWNational checks a Taiwan national identification number (身分證字號) or a
// unified resident number (統一證號): a letter, then nine digits, or for resident
// numbers issued until 2020 a second letter A to D and eight digits. The check
// digit rule is the one the Ministry of the Interior publishes: the letter
// stands for two digits, weights 1 9 8 7 6 5 4 3 2 1 1, sum divisible by 10.
func TWNational(s string) bool {
	if len(s) != 10 || !digits(s[2:]) {
		return false
	}
	// Position in this string plus 10 is the letter's number.
	const letters = "ABCDEFGHJKLMNPQRSTUVXYWZIO"
	first := strings.IndexByte(letters, s[0])
	second := int(s[1]) - '0'
	if s[1] >= 'A' && s[1] <= 'D' { // until 2020 only the last digit of a letter's number counts
		second = strings.IndexByte(letters, s[1]) % 10
	} else if !strings.ContainsRune("1289", rune(s[1])) {
		return false
	}
	if first < 0 {
		return false
	}
	number := first + 10
	sum := number/10 + number%10*9 + second*8
	for i := 2; i < 9; i++ {
		sum += int(s[i]-'0') * (9 - i)
	}
	return (sum+int(s[9]-'0'))%10 == 0
}
