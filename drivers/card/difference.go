package card

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cardferry/drivers/decode"
)

// maxDifferences bounds what one failed test shows.
const maxDifferences = 20

// differences shows how a read differs from what a test expects, for people:
//
//	patient.name[0].text
//	  expected "王測試"
//	  read     nothing
func differences(expected, read any) string {
	var lines []string
	count := 0
	var walk func(path string, a, b any)
	show := func(path string, a, b any) {
		if count++; count <= maxDifferences {
			lines = append(lines, strings.TrimPrefix(path, "."), "  expected "+inWords(a), "  read     "+inWords(b))
		}
	}
	walk = func(path string, a, b any) {
		switch x := a.(type) {
		case map[string]any:
			if y, ok := b.(map[string]any); ok {
				keys := slices.Concat(decode.KeysOf(x), decode.KeysOf(y))
				slices.Sort(keys)
				for _, k := range slices.Compact(keys) {
					walk(path+"."+k, x[k], y[k])
				}
				return
			}
		case []any:
			if y, ok := b.([]any); ok {
				for i := range max(len(x), len(y)) {
					var av, bv any
					if i < len(x) {
						av = x[i]
					}
					if i < len(y) {
						bv = y[i]
					}
					walk(fmt.Sprintf("%s[%d]", path, i), av, bv)
				}
				return
			}
		}
		if left, right := inWords(a), inWords(b); left != right {
			show(path, a, b)
		}
	}
	walk("", expected, read)
	if count > maxDifferences {
		lines = append(lines, fmt.Sprintf("and %d more", count-maxDifferences))
	}
	return strings.Join(lines, "\n")
}

func inWords(v any) string {
	if v == nil {
		return "nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "something that is no JSON"
	}
	return string(b)
}
