package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// version is a mapping version as it stands in a Bundle.
var versionPattern = regexp.MustCompile(`"[0-9]+\.[0-9]+\.[0-9]+\+[0-9a-f]{8}"`)

// maskVersion blanks the mapping version, which changes with every row, out of a
// Bundle that is compared.
func maskVersion(b []byte) []byte {
	return versionPattern.ReplaceAll(b, []byte(`"VERSION"`))
}

// compareJSON compares two JSON documents whatever their white space and order
// of members, numbers by their text. It returns the path of the first
// difference.
func compareJSON(a, b []byte) (string, bool) {
	x, err1 := decode(a)
	y, err2 := decode(b)
	if err1 != nil || err2 != nil {
		return "$ (not JSON)", false
	}
	return difference("$", x, y)
}

func decode(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}

func difference(path string, a, b any) (string, bool) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return path, false
		}
		names := make([]string, 0, len(x)+len(y))
		for n := range x {
			names = append(names, n)
		}
		for n := range y {
			if _, both := x[n]; !both {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		for _, n := range names {
			if p, same := difference(path+"."+n, x[n], y[n]); !same {
				return p, false
			}
		}
		return "", true
	case []any:
		y, ok := b.([]any)
		if !ok {
			return path, false
		}
		for i := range max(len(x), len(y)) {
			at := fmt.Sprintf("%s[%d]", path, i)
			if i >= len(x) || i >= len(y) {
				return at, false
			}
			if p, same := difference(at, x[i], y[i]); !same {
				return p, false
			}
		}
		return "", true
	}
	return path, a == b
}
