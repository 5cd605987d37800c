package code

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Limits of a rule file, so that a site file cannot take the daemon down.
const (
	maxFile    = 1 << 20
	maxPattern = 4 << 10
	maxRules   = 1000
)

// Rules is a set of loaded rules.
type Rules struct {
	rules []*rule
	now   func() time.Time // for dates that must not be in the future
}

// LoadRules reads *.yaml at the top of each file system. A rule of a later file
// system replaces one of the same name of an earlier one, so a site's directory goes
// last. The first mistake is returned as "file:line:column: what and how to mend it".
// A file system without rule files is not an error.
func LoadRules(fsys ...fs.FS) (*Rules, error) {
	byName := map[string]*rule{}
	for _, f := range fsys {
		layer, err := loadLayer(f)
		if err != nil {
			return nil, err
		}
		for _, r := range layer {
			byName[r.name] = r
		}
	}
	if len(byName) > maxRules {
		return nil, fmt.Errorf("%d code rules; %d at most", len(byName), maxRules)
	}
	rules := &Rules{now: time.Now}
	for _, r := range byName {
		rules.rules = append(rules.rules, r)
	}
	slices.SortFunc(rules.rules, func(a, b *rule) int { return strings.Compare(a.name, b.name) })
	return rules, nil
}

func loadLayer(fsys fs.FS) ([]*rule, error) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list code rules: %w", err)
	}
	var rules []*rule
	names := map[string]node{}
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, fmt.Errorf("read code rules: %w", err)
		}
		parsed, err := parseFile(file, data)
		if err != nil {
			return nil, err
		}
		for _, r := range parsed {
			if first, ok := names[r.name]; ok {
				return nil, r.where.errorf("rule %q is already in %s:%d", r.name, first.file, first.Line)
			}
			names[r.name] = r.where
		}
		rules = append(rules, parsed...)
	}
	return rules, nil
}

func parseFile(file string, data []byte) ([]*rule, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: %d bytes; a rule file has %d at most", file, len(data), maxFile)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		// yaml's text names the line and never quotes more than a key.
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fmt.Errorf("%s: no rules; begin with \"rules:\"", file)
	}
	var rules []*rule
	err := node{doc.Content[0], file}.fields(map[string]func(node) error{
		"rules": func(n node) error {
			return n.each(func(n node) error {
				r, err := parseRule(n)
				rules = append(rules, r)
				return err
			})
		},
	}, "rules")
	return rules, err
}

func parseRule(n node) (*rule, error) {
	r := &rule{where: n}
	var about, source string
	err := n.fields(map[string]func(node) error{
		"name":      func(n node) error { return slug(n, &r.name) },
		"version":   intoInt(&r.version, 1, 1_000_000),
		"about":     into(&about),
		"source":    into(&source),
		"medium":    func(n node) error { return slug(n, &r.medium) },
		"priority":  intoInt(&r.priority, -100, 100),
		"aim":       texts(&r.aim),
		"normalise": words(&r.normalise, normWidth, normUpper, normSpace),
		"match":     r.parseMatch,
		"checks":    func(n node) error { return n.each(r.parseCheck) },
		"withhold":  intoBool(&r.withhold),
		"one_time":  intoBool(&r.oneTime),
		"warnings":  texts(&r.warnings),
		"patient":   r.parsePatient,
		"extras":    r.parseExtras,
		"tests":     r.parseTests,
	}, "name", "version", "medium", "match", "tests")
	if err != nil {
		return nil, err
	}
	return r, r.verify()
}

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// slug stores a name of lower-case letters, digits and hyphens.
func slug(n node, dst *string) error {
	s, err := n.text()
	if err != nil {
		return err
	}
	if !slugPattern.MatchString(s) || len(s) > 64 {
		return n.errorf("want lower-case letters, digits and single hyphens, 64 at most")
	}
	*dst = s
	return nil
}

func texts(dst *[]string) func(node) error {
	return func(n node) error {
		return n.each(func(n node) error {
			s, err := n.text()
			*dst = append(*dst, s)
			return err
		})
	}
}

func words[T ~string](dst *[]T, allowed ...T) func(node) error {
	return func(n node) error {
		return n.each(func(n node) error {
			var w T
			err := oneOf(&w, allowed...)(n)
			*dst = append(*dst, w)
			return err
		})
	}
}

func intoTemplate(dst *template) func(node) error {
	return func(n node) (err error) {
		dst.where = n
		dst.text, err = n.text()
		return err
	}
}

func (r *rule) parseMatch(n node) error {
	s, err := n.text()
	if err != nil {
		return err
	}
	if len(s) > maxPattern {
		return n.errorf("pattern has %d bytes; %d at most", len(s), maxPattern)
	}
	if r.match, err = regexp.Compile(`\A(?:` + s + `)\z`); err != nil {
		return n.errorf("pattern: %w", err)
	}
	return nil
}

func (r *rule) parseCheck(n node) error {
	c := check{onFail: "reject"}
	err := n.fields(map[string]func(node) error{
		"algorithm": oneOf(&c.algorithm, algGB11643, algLuhn, algGS1, algMod11_2, algDate),
		"of":        into(&c.of),
		"on_fail":   oneOf(&c.onFail, "reject", "warn"),
	}, "algorithm", "of")
	r.checks = append(r.checks, c)
	return err
}

func (r *rule) parseExtras(n node) error {
	if n.Kind != yaml.MappingNode {
		return n.errorf("want a mapping (key: value)")
	}
	handle := map[string]func(node) error{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		handle[key] = func(n node) error {
			e := extra{key: key}
			err := intoTemplate(&e.value)(n)
			r.extras = append(r.extras, e)
			return err
		}
	}
	return n.fields(handle)
}

func (r *rule) parseTests(n node) error {
	return n.fields(map[string]func(node) error{
		"accept": func(n node) error {
			return n.each(func(n node) error {
				s := sample{where: n}
				err := n.fields(map[string]func(node) error{
					"scan": s.setText, "hex": s.setHex,
					"read": func(n node) error {
						if err := n.Decode(&s.want); err != nil {
							return n.errorf("want a mapping like the JSON of a read")
						}
						return nil
					},
				})
				if err == nil && s.scan == nil {
					err = n.errorf("key %q is missing", "scan")
				}
				r.accept = append(r.accept, s)
				return err
			})
		},
		"reject": func(n node) error {
			return n.each(func(n node) error {
				s := sample{where: n}
				var err error
				if n.Kind == yaml.MappingNode {
					err = n.fields(map[string]func(node) error{"hex": s.setHex}, "hex")
				} else {
					err = s.setText(n)
				}
				r.reject = append(r.reject, s)
				return err
			})
		},
	})
}

func (s *sample) setText(n node) error {
	text, err := n.text()
	if err == nil && s.scan != nil {
		err = n.errorf("give either scan or hex")
	}
	s.scan = []byte(text)
	return err
}

func (s *sample) setHex(n node) error {
	text, err := n.text()
	if err != nil {
		return err
	}
	if s.scan != nil {
		return n.errorf("give either scan or hex")
	}
	if s.scan, err = hex.DecodeString(strings.ReplaceAll(text, " ", "")); err != nil {
		return n.errorf("want pairs of hexadecimal digits")
	}
	return nil
}

// errNoRules is for a nil Rules in use.
var errNoRules = errors.New("no code rules loaded")
