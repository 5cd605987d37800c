package checkdigit

// SwissAHV checks a Swiss AHV number (AHVN13, Art. 133 AHVV): thirteen digits from 756
// on, with the check digit of an EAN-13.
func SwissAHV(s string) bool { return len(s) == 13 && s[:3] == "756" && GS1(s) }
