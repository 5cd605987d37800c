package emrtd

import (
	"crypto/sha1" //nolint:gosec // Doc 9303-11, 9.7.2 derives the keys with it
	"fmt"
	"log/slog"
	"strings"

	"cardferry/drivers/checkdigit"
)

// Key opens a document: the key part of its machine readable zone or its card access
// number. It is a secret of the holder and masks itself in logs.
type Key struct {
	mrz string // document number, birth date, expiry, each with its check digit
	can string
}

// LogValue masks the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// String says what kind of key it is.
func (k Key) String() string {
	if k.can != "" {
		return "card access number (masked)"
	}
	return "machine readable zone (masked)"
}

// GoString masks the key for %#v.
func (k Key) GoString() string { return k.String() }

// IsCAN says whether the key is a card access number, which opens documents with PACE
// only.
func (k Key) IsCAN() bool { return k.can != "" }

// MRZKey is the key made of document number, birth date and date of expiry (Doc
// 9303-11, 4.3.2), dates as YYMMDD as in the machine readable zone. A birth date that
// is not fully known has < in place of digits.
func MRZKey(number, birth, expiry string) (Key, error) {
	number = strings.TrimRight(strings.ToUpper(number), "<")
	if number == "" || len(number) > 22 || len(birth) != 6 || len(expiry) != 6 {
		return Key{}, ErrAnswer
	}
	if len(number) < 9 {
		number += strings.Repeat("<", 9-len(number))
	}
	info := ""
	for i, field := range []string{number, birth, expiry} {
		digit, ok := checkDigit(field)
		if !ok || i > 0 && strings.Trim(field, "0123456789<") != "" {
			return Key{}, ErrAnswer
		}
		info += field + string(digit)
	}
	return Key{mrz: info}, nil
}

// checkDigit computes the digit of Doc 9303-3, 4.9.
func checkDigit(field string) (byte, bool) {
	for d := byte('0'); d <= '9'; d++ {
		if checkdigit.MRZ(field, string(d)) {
			return d, true
		}
	}
	return 0, false
}

// CANKey is the key of a card access number, six digits.
func CANKey(can string) (Key, error) {
	if len(can) != 6 || strings.Trim(can, "0123456789") != "" {
		return Key{}, ErrAnswer
	}
	return Key{can: can}, nil
}

// ParseKey reads what a person typed or an OCR reader sent: a whole machine readable
// zone (TD1, TD2, TD3, with or without line ends; the last lines of it are enough),
// NUMBER,YYMMDD,YYMMDD, or six digits. A machine readable zone whose check digits do
// not fit is refused with ErrAnswer, before a document is tried.
func ParseKey(answer string) (Key, error) {
	if key, err := CANKey(strings.TrimSpace(answer)); err == nil {
		return key, nil
	}
	parts := strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune(",;，；、", r) })
	if len(parts) == 3 {
		return MRZKey(squeeze(parts[0]), squeeze(parts[1]), squeeze(parts[2]))
	}
	zone := squeeze(answer)
	var number, digit, birth, birthDigit, expiry, expiryDigit string
	switch len(zone) {
	case 90, 60: // TD1, or its first two lines
		number, digit = zone[5:14], zone[14:15]
		if digit == "<" { // Doc 9303-5, 4.2.2: a long number goes on in the optional data
			number, digit = longNumber(number, zone[15:30])
		}
		birth, birthDigit, expiry, expiryDigit = zone[30:36], zone[36:37], zone[38:44], zone[44:45]
	case 88, 72, 44, 36: // TD3 and TD2, or the second line of either
		line := zone
		if len(zone) > 44 {
			line = zone[len(zone)/2:]
		}
		number, digit = line[:9], line[9:10]
		if digit == "<" && len(line) == 36 { // Doc 9303-6, 4.2.2
			number, digit = longNumber(number, line[28:35])
		}
		birth, birthDigit, expiry, expiryDigit = line[13:19], line[19:20], line[21:27], line[27:28]
	default:
		return Key{}, ErrAnswer
	}
	if !checkdigit.MRZ(number, digit) || !checkdigit.MRZ(birth, birthDigit) || !checkdigit.MRZ(expiry, expiryDigit) {
		return Key{}, fmt.Errorf("a check digit of the machine readable zone does not fit: %w", ErrAnswer)
	}
	return MRZKey(number, birth, expiry)
}

// longNumber joins the parts of a document number of more than nine characters.
func longNumber(first, optional string) (number, digit string) {
	rest, _, found := strings.Cut(optional, "<")
	if !found || len(rest) < 2 {
		return first, "<"
	}
	return first + rest[:len(rest)-1], rest[len(rest)-1:]
}

// squeeze drops white space and writes letters as the zone does.
func squeeze(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// secret is what keys are derived from: the SHA-1 hash of the key part of the machine
// readable zone, or the digits of the card access number (Doc 9303-11, 4.4.4.1).
func (k Key) secret() []byte {
	if k.can != "" {
		return []byte(k.can)
	}
	sum := sha1.Sum([]byte(k.mrz)) //nolint:gosec // see above
	return sum[:]
}

// reference names the password in MSE:Set AT (Doc 9303-11, 4.4.4.1). There is none for
// PIN and PUK on purpose.
func (k Key) reference() byte {
	if k.can != "" {
		return 0x02
	}
	return 0x01
}
