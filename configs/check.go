package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
)

// checker walks the YAML node tree beside the type of [Config] and notes every
// place where they differ. Viper alone would turn 012345 into 5349 and
// "timeout: 30" into 30 ns, and drop a misspelt key without a word.
type checker struct {
	source   string
	problems Problems
	at       map[string]*yaml.Node // dotted key to its value in the file, for later checks
	from     map[string]string     // dotted key to the layer above the file that set it
}

func (c *checker) add(n *yaml.Node, key, want, hint string) {
	p := Problem{Source: c.source, Key: key, Want: want, Hint: hint}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	c.problems = append(c.problems, p)
}

// mapping checks a mapping node against a struct type.
func (c *checker) mapping(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // "readers:" with nothing below it
	}
	if n.Kind != yaml.MappingNode {
		c.add(n, key, "expected a block of keys: "+strings.Join(keys(t), ", "), "")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		path := join(key, k.Value)
		if line, dup := seen[strings.ToLower(k.Value)]; dup {
			c.add(k, path, "this key is already set in line "+strconv.Itoa(line), "keep one of them")
			continue
		}
		seen[strings.ToLower(k.Value)] = k.Line
		f, ok := field(t, k.Value)
		if !ok {
			c.unknown(k, t, path)
			continue
		}
		c.at[path] = v
		c.value(v, f, path)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("config"); f.Tag.Get("required") == "true" && seen[name] == 0 {
			c.add(n, join(key, name), "this key is required here", f.Tag.Get("doc"))
		}
	}
}

func (c *checker) unknown(k *yaml.Node, t reflect.Type, path string) {
	if like := closest(k.Value, keys(t)); like != "" {
		c.add(k, path, "unknown key", fmt.Sprintf("did you mean %q?", like))
		return
	}
	for _, full := range leafKeys(reflect.TypeFor[Config](), "") {
		if full == k.Value || strings.HasSuffix(full, "."+k.Value) {
			c.add(k, path, "unknown key here", fmt.Sprintf("it belongs at %q", full))
			return
		}
	}
	c.add(k, path, "unknown key", "known here: "+strings.Join(keys(t), ", "))
}

// value checks one value against a struct field.
func (c *checker) value(n *yaml.Node, f reflect.StructField, path string) {
	switch {
	case n.Kind == yaml.AliasNode:
		c.add(n, path, "aliases are not supported", "write the value out")
	case f.Type.Kind() == reflect.Struct:
		c.mapping(n, f.Type, path)
	case f.Type.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.add(n, path, "expected a list", "write [a, b] or one item a line with a leading dash")
			return
		}
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			if el := f.Type.Elem(); el.Kind() == reflect.Struct {
				c.mapping(item, el, at)
			} else {
				c.scalar(item, el, "", at)
			}
		}
	default:
		c.scalar(n, f.Type, f.Tag.Get("enum"), path)
	}
}

func (c *checker) scalar(n *yaml.Node, t reflect.Type, enum, path string) {
	if n.Kind != yaml.ScalarNode {
		c.add(n, path, "expected a single value, not a list or block", "")
		return
	}
	if n.Tag == "!!null" {
		c.add(n, path, "the value is missing", "remove the key to take the default")
		return
	}
	if want, hint := wrongType(n, t); want != "" {
		c.add(n, path, want, hint)
		return
	}
	if want, hint := checkText(n.Value, t, enum); want != "" {
		c.add(n, path, want, hint)
	}
}

// wrongType says what is wrong with the YAML type of a scalar; "" is nothing.
func wrongType(n *yaml.Node, t reflect.Type) (want, hint string) {
	switch {
	case t == durationType && n.Tag != "!!str":
		return "expected a duration with a unit", fmt.Sprintf("write \"%ss\" for seconds, or use ms, m, h", strings.TrimSpace(n.Value))
	case t == sizeType && n.Tag != "!!str" && n.Value != "0":
		return "expected a size with a unit", fmt.Sprintf("write \"%sMB\", or use KB, GB", strings.TrimSpace(n.Value))
	case t == durationType || t == sizeType:
		return "", ""
	case t.Kind() == reflect.String && n.Tag != "!!str":
		return "expected text in quotes", fmt.Sprintf("codes are text, not numbers: write %q", n.Value)
	case t.Kind() == reflect.Bool && n.Tag != "!!bool":
		return "expected true or false", "without quotes"
	case t.Kind() == reflect.Int && n.Tag != "!!int":
		return "expected a whole number", "without quotes"
	}
	return "", ""
}

// checkText says what is wrong with a value written as text, in a file, the
// environment or a flag; "" is nothing.
func checkText(s string, t reflect.Type, enum string) (want, hint string) {
	switch {
	case t == durationType:
		if d, err := time.ParseDuration(s); err != nil || d < 0 {
			return "expected a duration with a unit", `like "30s", "500ms" or "2h"`
		}
	case t == sizeType:
		if _, err := ParseSize(s); err != nil {
			return err.Error(), ""
		}
	case t.Kind() == reflect.Bool:
		if s != "true" && s != "false" {
			return "expected true or false", ""
		}
	case t.Kind() == reflect.Int:
		if _, err := strconv.Atoi(s); err != nil {
			return "expected a whole number", ""
		}
	}
	if enum != "" {
		allowed := strings.Split(enum, ",")
		if !slices.Contains(allowed, s) {
			want = "expected one of " + strings.Join(allowed, ", ")
			if like := closest(s, allowed); like != "" {
				hint = fmt.Sprintf("did you mean %q?", like)
			}
		}
	}
	return want, hint
}

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

func field(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("config") == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func keys(t reflect.Type) []string {
	ks := make([]string, t.NumField())
	for i := range ks {
		ks[i] = t.Field(i).Tag.Get("config")
	}
	return ks
}

// leaf is one settable key: not a block.
type leaf struct {
	key   string
	field reflect.StructField
}

func leaves(t reflect.Type, prefix string) []leaf {
	var out []leaf
	for i := range t.NumField() {
		f := t.Field(i)
		key := join(prefix, f.Tag.Get("config"))
		if f.Type.Kind() == reflect.Struct {
			out = append(out, leaves(f.Type, key)...)
		} else {
			out = append(out, leaf{key, f})
		}
	}
	return out
}

func leafKeys(t reflect.Type, prefix string) []string {
	ls := leaves(t, prefix)
	ks := make([]string, len(ls))
	for i, l := range ls {
		ks[i] = l.key
	}
	return ks
}
