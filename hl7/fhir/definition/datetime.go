package definition

// number reads n digits at s[i:]; -1 when they are not there.
func number(s string, i, n int) int {
	if i+n > len(s) {
		return -1
	}
	v := 0
	for _, c := range []byte(s[i : i+n]) {
		if c < '0' || c > '9' {
			return -1
		}
		v = v*10 + int(c-'0')
	}
	return v
}

// validDate checks YYYY, YYYY-MM or YYYY-MM-DD at the start of s, including
// that the day exists. Only "T" may follow the day.
func validDate(s string) bool {
	y := number(s, 0, 4)
	if y < 1 || len(s) > 4 && (len(s) < 7 || s[4] != '-') || len(s) > 7 && (len(s) < 10 || s[7] != '-') {
		return false
	}
	if len(s) == 4 {
		return true
	}
	m := number(s, 5, 2)
	if m < 1 || m > 12 {
		return false
	}
	if len(s) == 7 {
		return true
	}
	d := number(s, 8, 2)
	return d >= 1 && d <= daysIn(y, m)
}

func daysIn(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// validDateTime is a date, or a date with time to the second and an offset.
func validDateTime(s string) bool {
	if !validDate(s) {
		return false
	}
	if len(s) <= 10 {
		return true
	}
	if s[10] != 'T' {
		return false
	}
	zone := len(s) - 1
	if s[zone] != 'Z' {
		zone = len(s) - 6
		if zone < 11 || s[zone] != '+' && s[zone] != '-' || s[zone+3] != ':' {
			return false
		}
		h, m := number(s, zone+1, 2), number(s, zone+4, 2)
		if h < 0 || m < 0 || m > 59 || h*60+m > 14*60 {
			return false
		}
	}
	return validTime(s[11:zone])
}

// validTime is hh:mm:ss(.f+)?; second 60 is allowed, hour 24 is not.
func validTime(s string) bool {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return false
	}
	h, m, sec := number(s, 0, 2), number(s, 3, 2), number(s, 6, 2)
	if h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60 {
		return false
	}
	if len(s) == 8 {
		return true
	}
	if s[8] != '.' || len(s) == 9 {
		return false
	}
	for _, c := range []byte(s[9:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
