package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// Size is a number of bytes, written "64MB" or "1.5GiB"; KB, MB and GB are
// powers of 1024, as KiB, MiB and GiB are. A bare number is refused, except 0:
// nobody can tell what unit was meant.
type Size int64

// ParseSize reads a size with its unit.
func ParseSize(s string) (Size, error) {
	t := strings.ToUpper(strings.TrimSpace(s))
	if t == "0" {
		return 0, nil
	}
	shift := -1
	for i, unit := range []string{"B", "K", "M", "G", "T"} {
		for _, suffix := range []string{unit + "IB", unit + "B", unit} {
			if i == 0 && suffix != "B" {
				continue
			}
			if n, ok := strings.CutSuffix(t, suffix); ok && n != "" && strings.Trim(n, "0123456789. ") == "" {
				t, shift = strings.TrimSpace(n), 10*i
				break
			}
		}
		if shift >= 0 {
			break
		}
	}
	f, err := strconv.ParseFloat(t, 64)
	if shift < 0 || err != nil || f < 0 || f*float64(int64(1)<<shift) > 1<<62 {
		return 0, fmt.Errorf(`not a size with a unit, like "64MB" or "2GB"`)
	}
	return Size(f * float64(int64(1)<<shift)), nil
}

// String writes the size with the largest unit that divides it evenly.
func (s Size) String() string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	n, i := int64(s), 0
	for n != 0 && n%1024 == 0 && i < len(units)-1 {
		n, i = n/1024, i+1
	}
	if s == 0 {
		return "0"
	}
	return strconv.FormatInt(n, 10) + units[i]
}
