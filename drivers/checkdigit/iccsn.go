package checkdigit

// ICCSN checks the form of a health card's number (CEN EN 1867 and ISO/IEC 7812-1 for
// major industry 80): 20 digits: 80, country, issuer, serial. Numbers in use have no
// check digit: the published ones of test cards pass no Luhn check.
func ICCSN(s string) bool { return len(s) == 20 && digits(s) && s[:2] == "80" }
