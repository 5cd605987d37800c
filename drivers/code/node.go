package code

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// node is a YAML node that knows its file, so that every complaint can say where.
type node struct {
	*yaml.Node
	file string
}

// errorf returns an error that begins with file:line:column.
func (n node) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d:%d: %w", n.file, n.Line, n.Column, fmt.Errorf(format, args...))
}

// fields walks a mapping and hands each value to the function of its key. Unknown
// and repeated keys are errors, as are missing ones of required.
func (n node) fields(handle map[string]func(node) error, required ...string) error {
	if n.Kind != yaml.MappingNode {
		return n.errorf("want a mapping (key: value)")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := node{n.Content[i], n.file}, node{n.Content[i+1], n.file}
		f, ok := handle[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !ok:
			return key.errorf("unknown key %q%s", key.Value, suggestion(key.Value, handle))
		case seen[key.Value]:
			return key.errorf("key %q is given twice", key.Value)
		case value.Kind == yaml.AliasNode:
			return value.errorf("aliases are not allowed; repeat the value")
		}
		seen[key.Value] = true
		if err := f(value); err != nil {
			return err
		}
	}
	for _, key := range required {
		if !seen[key] {
			return n.errorf("key %q is missing", key)
		}
	}
	return nil
}

// each walks a sequence.
func (n node) each(f func(node) error) error {
	if n.Kind != yaml.SequenceNode {
		return n.errorf("want a list")
	}
	for _, item := range n.Content {
		if item.Kind == yaml.AliasNode {
			return node{item, n.file}.errorf("aliases are not allowed; repeat the value")
		}
		if err := f(node{item, n.file}); err != nil {
			return err
		}
	}
	return nil
}

// text returns a string. Codes are strings: a bare number loses leading zeros, so
// it is an error.
func (n node) text() (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", n.errorf("want text")
	}
	if n.Tag != "!!str" {
		return "", n.errorf("put quotes around this value; without them YAML does not read it as text")
	}
	return n.Value, nil
}

// into stores a string.
func into(dst *string) func(node) error {
	return func(n node) (err error) {
		*dst, err = n.text()
		return err
	}
}

// intoInt stores a whole number from low to high.
func intoInt(dst *int, low, high int) func(node) error {
	return func(n node) error {
		v, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < low || v > high {
			return n.errorf("want a whole number from %d to %d", low, high)
		}
		*dst = v
		return nil
	}
}

// intoBool stores true or false.
func intoBool(dst *bool) func(node) error {
	return func(n node) error {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			return n.errorf("want true or false")
		}
		*dst = n.Value == "true"
		return nil
	}
}

// oneOf stores a word out of a closed list.
func oneOf[T ~string](dst *T, words ...T) func(node) error {
	return func(n node) error {
		s, err := n.text()
		if err != nil {
			return err
		}
		if !slices.Contains(words, T(s)) {
			return n.errorf("%q is not one of %v", s, words)
		}
		*dst = T(s)
		return nil
	}
}

// suggestion returns `; did you mean "…"?` for the nearest key within two edits.
func suggestion(key string, known map[string]func(node) error) string {
	best, bestDistance := "", 3
	for k := range known {
		if d := distance(key, k); d < bestDistance || d == bestDistance && d < 3 && k < best {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	if len(a) > 32 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j+1]+1, row[j]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
