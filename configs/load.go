package configs

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

const (
	// EnvPrefix begins the name of every environment variable that sets a key:
	// CARDFERRY_UPSTREAM_URL sets upstream.url.
	EnvPrefix = "CARDFERRY"
	// EnvFile names the configuration file when no flag does.
	EnvFile = EnvPrefix + "_CONFIG"

	maxFile = 1 << 20
)

// Load reads the file at path ("" is an empty file), lays the environment
// (CARDFERRY_…) and then the overrides ("key=value") over it and returns the
// checked result. A configuration that cannot be used is a [Problems] error
// that names each place and what to write there.
func Load(path string, overrides []string) (*Config, error) {
	var raw []byte
	if path != "" {
		var err error
		if raw, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
	}
	return Parse(path, raw, os.Environ(), overrides)
}

// Parse is [Load] on bytes: source names them in problems, environ is a list of
// NAME=value.
func Parse(source string, raw []byte, environ, overrides []string) (*Config, error) {
	if len(raw) > maxFile {
		return nil, Problems{{Source: source, Want: "the file is larger than 1 MB; this is not a configuration"}}
	}
	c := &checker{source: source, at: map[string]*yaml.Node{}, from: map[string]string{}}
	c.file(raw)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	env := c.environment(environ)
	set := c.overrides(overrides)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	cfg, err := merge(raw, env, set)
	if err != nil {
		return nil, fmt.Errorf("merge configuration: %w", err)
	}
	c.source = source
	c.semantics(cfg)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return cfg, nil
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

func (c *checker) file(raw []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		p := Problem{Source: c.source, Want: "not valid YAML", Hint: "look for a missing colon, quote or space of indentation"}
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Column = 1
		}
		c.problems = append(c.problems, p)
		return
	}
	if len(doc.Content) > 0 {
		c.mapping(doc.Content[0], reflect.TypeFor[Config](), "")
	}
}

// environment picks the variables that set keys and checks them.
func (c *checker) environment(environ []string) map[string]string {
	c.source = "environment"
	byName := map[string]leaf{}
	var names []string
	for _, l := range leaves(reflect.TypeFor[Config](), "") {
		name := EnvPrefix + "_" + strings.ToUpper(strings.ReplaceAll(l.key, ".", "_"))
		byName[name] = l
		names = append(names, strings.ToLower(name))
	}
	out := map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix+"_") || name == EnvFile {
			continue
		}
		l, ok := byName[name]
		if !ok {
			hint := ""
			if like := closest(name, names); like != "" {
				hint = "did you mean " + strings.ToUpper(like) + "?"
			}
			c.add(nil, name, "no key is set by this variable", hint)
			continue
		}
		c.text(l, value, name, out)
	}
	return out
}

// overrides checks "key=value" pairs of the command line.
func (c *checker) overrides(pairs []string) map[string]string {
	c.source = "--set"
	all := leaves(reflect.TypeFor[Config](), "")
	out := map[string]string{}
	for _, kv := range pairs {
		key, value, ok := strings.Cut(kv, "=")
		if !ok {
			c.add(nil, key, "expected key=value", "")
			continue
		}
		i := slices.IndexFunc(all, func(l leaf) bool { return l.key == key })
		if i < 0 {
			hint := ""
			if like := closest(key, leafKeys(reflect.TypeFor[Config](), "")); like != "" {
				hint = fmt.Sprintf("did you mean %q?", like)
			}
			c.add(nil, key, "unknown key", hint)
			continue
		}
		c.text(all[i], value, key, out)
	}
	return out
}

func (c *checker) text(l leaf, value, name string, out map[string]string) {
	t := l.field.Type
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
		c.add(nil, name, "a list of blocks can only be set in the file", "")
		return
	}
	if want, hint := checkText(value, t, l.field.Tag.Get("enum")); want != "" {
		c.add(nil, name, want, hint)
		return
	}
	out[l.key] = value
	c.from[l.key] = c.source
}

// merge lets Viper lay the layers over each other and decodes the result. By now
// every value is known to have the right type.
func merge(raw []byte, env, set map[string]string) (*Config, error) {
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	for _, layer := range []map[string]string{env, set} {
		for key, value := range layer {
			v.Set(key, value)
		}
	}
	cfg := Default()
	err := v.Unmarshal(&cfg, func(d *mapstructure.DecoderConfig) {
		d.TagName = "config"
		d.ErrorUnused = true
		d.WeaklyTypedInput = false
		d.DecodeHook = decodeText
	})
	return &cfg, err
}

// decodeText turns the text of a layer into the type of its key.
func decodeText(from, to reflect.Type, data any) (any, error) {
	s, isText := data.(string)
	switch {
	case to == sizeType && !isText:
		return Size(0), nil // the only bare number that passed the check
	case !isText:
		return data, nil
	case to == durationType:
		return time.ParseDuration(s)
	case to == sizeType:
		return ParseSize(s)
	case to.Kind() == reflect.Bool:
		return s == "true", nil
	case to.Kind() == reflect.Int:
		return strconv.Atoi(s)
	case to.Kind() == reflect.Slice:
		return strings.Split(s, ","), nil
	}
	return data, nil
}
