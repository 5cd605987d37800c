package checkdigit

// EmiratesID checks a number of the United Arab Emirates' identity card: 784 (ISO 3166-1
// numeric), year of birth, seven digits, a Luhn check digit.
func EmiratesID(s string) bool {
	return len(s) == 15 && digits(s) && s[:3] == "784" && s[3:7] >= "1850" && s[3:7] < "2100" && Luhn(s)
}
