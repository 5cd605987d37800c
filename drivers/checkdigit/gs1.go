package checkdigit

// GS1 checks the last digit of a GS1 key (GTIN, SSCC, GSRN, GLN; GS1 General
// Specifications, section 7.9): from the right weights 1 3 1 3 …, sum divisible by 10.
func GS1(s string) bool {
	if len(s) < 2 || !digits(s) {
		return false
	}
	sum := 0
	for i := range len(s) {
		sum += int(s[len(s)-1-i]-'0') * [2]int{1, 3}[i%2]
	}
	return sum%10 == 0
}
