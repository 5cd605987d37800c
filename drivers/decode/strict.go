package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is one mistake in a file of the language. It quotes keys and words of the
// file, which holds no patient data.
type Error struct {
	File         string
	Line, Column int // from 1; 0 when the file as a whole is meant
	Message      string
}

// Error reads "file:line:column: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

const noAliases = "anchors and aliases are not part of the profile language"

// maxMistakes bounds how many mistakes one file reports.
const maxMistakes = 20

// Decoder turns YAML nodes into Go values and accepts nothing it does not
// know. It collects mistakes, so that one look at a file shows them all. A
// Decoder serves one file and one goroutine.
type Decoder struct {
	// Scope is the caller's: what its own NodeDecoders need to know of the
	// surroundings of a node. This package leaves it alone.
	Scope    any
	file     string
	errs     []error
	mistakes int // all of them, also those that errs has no room for
}

// NewDecoder returns a decoder whose mistakes name the file.
func NewDecoder(file string) *Decoder { return &Decoder{file: file} }

// Parse reads a YAML file of exactly one document and returns its root node. An
// empty file has no root: nil. Every error is an *Error.
func Parse(file string, text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(text))
	if err := in.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(file, err)
	}
	if err := in.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{File: file, Message: "more than one YAML document; want one in a file"}
	}
	if len(doc.Content) != 1 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// Forget empties the nodes of a file that has been loaded, but for their places. What was
// made of them keeps a few, to say later where it stands, and each would keep all that
// is below it.
func Forget(root *yaml.Node) {
	if root == nil {
		return
	}
	for _, n := range root.Content {
		Forget(n)
	}
	*root = yaml.Node{Line: root.Line, Column: root.Column}
}

// syntaxError finds the line in a message of the YAML parser.
func syntaxError(file string, err error) error {
	e := &Error{File: file, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if _, scanErr := fmt.Sscanf(e.Message, "line %d: ", &e.Line); scanErr == nil {
		_, e.Message, _ = strings.Cut(e.Message, ": ")
		e.Column = 1
	}
	return e
}

// NodeDecoder is a type that reads itself from a node.
type NodeDecoder interface {
	DecodeNode(d *Decoder, n *yaml.Node)
}

// Fail notes a mistake at n; its text says what is wrong and what is wanted.
func (d *Decoder) Fail(n *yaml.Node, format string, args ...any) {
	d.fail(&Error{d.file, n.Line, n.Column, fmt.Sprintf(format, args...)})
}

func (d *Decoder) fail(e *Error) {
	if d.mistakes++; d.mistakes <= maxMistakes {
		d.errs = append(d.errs, e)
	}
}

// Mistakes is how many were noted so far. That it did not grow is how a NodeDecoder
// knows that what it decoded is whole.
func (d *Decoder) Mistakes() int { return d.mistakes }

// Err returns the first 20 mistakes, joined, or nil. Each is an *Error.
func (d *Decoder) Err() error { return errors.Join(d.errs...) }

// Decode fills v, a pointer, from n: by v's own DecodeNode, else by kind. Structs
// go by their yaml tags: "name", "name,required", ",inline".
func (d *Decoder) Decode(n *yaml.Node, v any) {
	if n == nil { // the root of an empty file
		d.fail(&Error{File: d.file, Message: "file is empty"})
		return
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.Fail(n, noAliases)
		return
	}
	if nd, ok := v.(NodeDecoder); ok {
		nd.DecodeNode(d, n)
		return
	}
	d.value(n, reflect.ValueOf(v).Elem())
}

func (d *Decoder) value(n *yaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.Decode(n, v.Interface())
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.Fail(n, "want a list, found %s", kindName(n))
			return
		}
		for _, c := range n.Content {
			item := reflect.New(v.Type().Elem())
			d.Decode(c, item.Interface())
			v.Set(reflect.Append(v, item.Elem()))
		}
	case reflect.Map:
		d.Pairs(n, func(key, val *yaml.Node) {
			item := reflect.New(v.Type().Elem())
			d.Decode(val, item.Interface())
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(key.Value), item.Elem())
		})
	case reflect.String:
		v.SetString(d.Text(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || err != nil {
			d.Fail(n, "want true or false, found %s", kindName(n))
		}
		v.SetBool(b)
	case reflect.Int:
		v.SetInt(int64(d.Integer(n)))
	default:
		d.Fail(n, "no Decoder for %s", v.Type()) // a mistake in this package, found by any test
	}
}

// structure fills a struct by its yaml tags: "name", "name,required", ",inline".
func (d *Decoder) structure(n *yaml.Node, v reflect.Value) {
	fields, required := map[string]reflect.Value{}, []string(nil)
	collectFields(v, fields, &required)
	seen := map[string]bool{}
	d.Pairs(n, func(key, val *yaml.Node) {
		f, ok := fields[key.Value]
		if !ok {
			d.Unknown(key, "key", KeysOf(fields))
			return
		}
		seen[key.Value] = true
		d.Decode(val, f.Addr().Interface())
	})
	for _, name := range required {
		if !seen[name] {
			d.Fail(n, "key %q is missing", name)
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

// Pairs calls f for each key of a mapping, once per key.
func (d *Decoder) Pairs(n *yaml.Node, f func(key, val *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.Fail(n, "want a mapping (key: value), found %s", kindName(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			d.Fail(key, "keys are plain words")
		case seen[key.Value]:
			d.Fail(key, "key %q appears twice", key.Value)
		default:
			seen[key.Value] = true
			f(key, n.Content[i+1])
		}
	}
}

// Text reads a string. A bare number or truth value is refused: YAML would have
// read 012345 as 5349.
func (d *Decoder) Text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		d.Fail(n, "want text, found %s", kindName(n))
		return ""
	}
	if n.Tag != "!!str" {
		d.Fail(n, "want text, found %s; write it in quotes: codes are text", kindName(n))
	}
	return n.Value
}

// Integer reads a number written as decimal or 0x hex.
func (d *Decoder) Integer(n *yaml.Node) int {
	i, err := parseInteger(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.Fail(n, "want a number such as 25 or 0x19, found %s", kindName(n))
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

// Choice reads one of the given words.
func (d *Decoder) Choice(n *yaml.Node, words ...string) string {
	s := d.Text(n)
	if n.Kind == yaml.ScalarNode && !slices.Contains(words, s) {
		d.Unknown(n, "value", words)
	}
	return s
}

// Unknown reports a word that is none of known, with the likely right one.
func (d *Decoder) Unknown(n *yaml.Node, what string, known []string) {
	known = slices.Sorted(slices.Values(known))
	if best := nearest(n.Value, known); best != "" {
		d.Fail(n, "unknown %s %q; did you mean %q?", what, n.Value, best)
		return
	}
	d.Fail(n, "unknown %s %q; known: %s", what, n.Value, strings.Join(known, ", "))
}

// KeysOf returns the sorted keys of a map.
func KeysOf[V any](m map[string]V) []string {
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
