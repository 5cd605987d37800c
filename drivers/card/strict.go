package card

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ProfileError is one mistake in a profile file.
type ProfileError struct {
	File         string
	Line, Column int // from 1; 0 when the file as a whole is meant
	Message      string
}

// Error reads "file:line:column: message".
func (e *ProfileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// maxMistakes bounds how many mistakes one file reports.
const maxMistakes = 20

// decoder turns YAML nodes into Go values and accepts nothing it does not
// know. It collects mistakes, so that one look at a file shows them all.
type decoder struct {
	file   string
	errs   []error
	macros map[string][]string // name -> parameters, known before steps decode
	vars   []string            // parameters and loop variables in scope
	depth  int                 // of nested steps
}

// nodeDecoder is a type that reads itself from a node.
type nodeDecoder interface {
	decodeNode(d *decoder, n *yaml.Node)
}

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	if len(d.errs) < maxMistakes {
		d.errs = append(d.errs, &ProfileError{d.file, n.Line, n.Column, fmt.Sprintf(format, args...)})
	}
}

func (d *decoder) err() error { return errors.Join(d.errs...) }

// decode fills v, a pointer, from n.
func (d *decoder) decode(n *yaml.Node, v any) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.fail(n, "anchors and aliases are not part of the profile language")
		return
	}
	if nd, ok := v.(nodeDecoder); ok {
		nd.decodeNode(d, n)
		return
	}
	d.value(n, reflect.ValueOf(v).Elem())
}

func (d *decoder) value(n *yaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Interface())
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.fail(n, "want a list, found %s", kindName(n))
			return
		}
		for _, c := range n.Content {
			item := reflect.New(v.Type().Elem())
			d.decode(c, item.Interface())
			v.Set(reflect.Append(v, item.Elem()))
		}
	case reflect.Map:
		d.pairs(n, func(key, val *yaml.Node) {
			item := reflect.New(v.Type().Elem())
			d.decode(val, item.Interface())
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(key.Value), item.Elem())
		})
	case reflect.String:
		v.SetString(d.text(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || err != nil {
			d.fail(n, "want true or false, found %s", kindName(n))
		}
		v.SetBool(b)
	case reflect.Int:
		v.SetInt(int64(d.integer(n)))
	default:
		d.fail(n, "no decoder for %s", v.Type()) // a mistake in this package, found by any test
	}
}

// structure fills a struct by its yaml tags: "name", "name,required", ",inline".
func (d *decoder) structure(n *yaml.Node, v reflect.Value) {
	fields, required := map[string]reflect.Value{}, []string(nil)
	collectFields(v, fields, &required)
	seen := map[string]bool{}
	d.pairs(n, func(key, val *yaml.Node) {
		f, ok := fields[key.Value]
		if !ok {
			d.unknown(key, "key", keysOf(fields))
			return
		}
		seen[key.Value] = true
		d.decode(val, f.Addr().Interface())
	})
	for _, name := range required {
		if !seen[name] {
			d.fail(n, "key %q is missing", name)
		}
	}
}

func collectFields(v reflect.Value, into map[string]reflect.Value, required *[]string) {
	for i := range v.NumField() {
		name, opt, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case opt == "inline":
			collectFields(v.Field(i), into, required)
		case name != "":
			into[name] = v.Field(i)
			if opt == "required" {
				*required = append(*required, name)
			}
		}
	}
}

// pairs calls f for each key of a mapping, once per key.
func (d *decoder) pairs(n *yaml.Node, f func(key, val *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, "want a mapping (key: value), found %s", kindName(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			d.fail(key, "keys are plain words")
		case seen[key.Value]:
			d.fail(key, "key %q appears twice", key.Value)
		default:
			seen[key.Value] = true
			f(key, n.Content[i+1])
		}
	}
}

// text reads a string. A bare number or truth value is refused: YAML would have
// read 012345 as 5349.
func (d *decoder) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "want text, found %s", kindName(n))
		return ""
	}
	if n.Tag != "!!str" {
		d.fail(n, "want text, found %s; write it in quotes: codes are text", kindName(n))
	}
	return n.Value
}

// integer reads a number written as decimal or 0x hex.
func (d *decoder) integer(n *yaml.Node) int {
	i, err := parseInteger(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.fail(n, "want a number such as 25 or 0x19, found %s", kindName(n))
	}
	return i
}

// parseInteger refuses signs and leading zeros, which YAML reads as octal.
func parseInteger(s string) (int, error) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	} else if len(s) > 1 && s[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	u, err := strconv.ParseUint(s, base, 31)
	return int(u), err
}

// choice reads one of the given words.
func (d *decoder) choice(n *yaml.Node, words ...string) string {
	s := d.text(n)
	if n.Kind == yaml.ScalarNode && !slices.Contains(words, s) {
		d.unknown(n, "value", words)
	}
	return s
}

// unknown reports a word that is none of known, with the likely right one.
func (d *decoder) unknown(n *yaml.Node, what string, known []string) {
	slices.Sort(known)
	if best := nearest(n.Value, known); best != "" {
		d.fail(n, "unknown %s %q; did you mean %q?", what, n.Value, best)
		return
	}
	d.fail(n, "unknown %s %q; known: %s", what, n.Value, strings.Join(known, ", "))
}

func keysOf[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// nearest returns the known word within a third of its length in edits, or "".
func nearest(word string, known []string) string {
	if len(word) > 64 {
		return ""
	}
	best, bestDist := "", 1<<30
	for _, k := range known {
		if d := editDistance(word, k); d < bestDist && d <= max(2, len(k)/3) {
			best, bestDist = k, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!int", "!!float":
			return "a number"
		case "!!bool":
			return "a truth value"
		case "!!null":
			return "nothing"
		case "!!timestamp":
			return "a date"
		}
		return "text"
	}
	return "something else"
}
