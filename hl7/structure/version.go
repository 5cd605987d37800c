package structure

import "strings"

// version indexes versions.
type version uint8

// versions are those the tables tell apart, oldest first.
var versions = [...]string{"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8"}

const (
	oldest          = version(0)
	newest          = version(len(versions) - 1)
	fallbackVersion = version(4) // 2.5.1, what most senders speak
)

// String is the version as MSH-12 writes it.
func (v version) String() string { return versions[v] }

// resolve finds the version whose rules hold for MSH-12 as written. A version
// between two, or beyond the last, has those of the one before it; what is no
// version at all is read as 2.5.1 and known is false.
func resolve(text string) (v version, known bool) {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "^")
	want, ok := parseVersion(text)
	if !ok {
		return fallbackVersion, false
	}
	v = oldest
	for i, name := range versions {
		have, _ := parseVersion(name)
		if lessOrEqual(have, want) {
			v = version(i)
		}
	}
	return v, true
}

// exactVersion is the index of a version the tables name.
func exactVersion(text string) (version, bool) {
	for i, name := range versions {
		if name == text {
			return version(i), true
		}
	}
	return 0, false
}

// parseVersion reads up to three numbers of at most two digits.
func parseVersion(text string) (n [3]int, ok bool) {
	if len(text) > 8 {
		return n, false
	}
	for i := range n {
		part, rest, more := strings.Cut(text, ".")
		if part == "" || len(part) > 2 {
			return n, false
		}
		for _, c := range []byte(part) {
			if c < '0' || c > '9' {
				return n, false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
		if !more {
			return n, n[0] == 2
		}
		text = rest
	}
	return n, false
}

func lessOrEqual(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return true
}

// inRange says whether v is in a range of the tables: "*", "2.4", "2.4-" or
// "2.3-2.4". ok is false for anything else.
func inRange(text string, v version) (in, ok bool) {
	if text == "*" {
		return true, true
	}
	from, to, open := strings.Cut(text, "-")
	first, ok := exactVersion(from)
	if !ok {
		return false, false
	}
	last := first
	switch {
	case open && to == "":
		last = newest
	case open:
		if last, ok = exactVersion(to); !ok || last < first {
			return false, false
		}
	}
	return first <= v && v <= last, true
}
