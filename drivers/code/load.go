package code

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// Limits of a rule file, so that a site file cannot take the daemon down.
const (
	maxFile  = 1 << 20
	maxRules = 1000
)

// Rules is a set of loaded rules.
type Rules struct {
	rules []*rule // by name
	opt   Options
}

// Options are what a site decides and a test controls.
type Options struct {
	// Keys are the public keys that signed codes are checked with: the sets
	// smart-health-card, eu-dcc and aadhaar for the shipped rules.
	Keys decode.Keys
	// Now is the clock for birth dates and validity; time.Now without it.
	Now func() time.Time
}

func (o Options) decode() decode.Options { return decode.Options{Keys: o.Keys, Today: o.now()} }

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// With returns the same rules with other options. It does not change r.
func (r *Rules) With(opt Options) *Rules {
	if r == nil {
		return nil
	}
	return &Rules{rules: r.rules, opt: opt}
}

// LoadRules reads *.yaml at the top of each file system. A rule of a later file
// system replaces one of the same name of an earlier one, so a site's directory goes
// last. Mistakes are returned together, each a *decode.Error that reads
// "file:line:column: what and how to mend it". A file system without rule files is
// no error.
func LoadRules(fsys ...fs.FS) (*Rules, error) {
	byName := map[string]*rule{}
	var errs []error
	for i, f := range fsys {
		layer, err := loadLayer(f)
		errs = append(errs, err)
		for _, r := range layer {
			r.layer = i
			byName[string(r.Name)] = r
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(byName) > maxRules {
		return nil, fmt.Errorf("%d code rules; %d at most", len(byName), maxRules)
	}
	rules := &Rules{}
	for _, name := range decode.KeysOf(byName) {
		rules.rules = append(rules.rules, byName[name])
	}
	return rules, nil
}

// loadLayer reads the rules of one file system.
func loadLayer(fsys fs.FS) ([]*rule, error) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list code rules: %w", err)
	}
	var rules []*rule
	var errs []error
	for _, file := range files {
		text, err := readLimited(fsys, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		parsed, err := parseFile(file, text, rules)
		rules, errs = append(rules, parsed...), append(errs, err)
	}
	return rules, errors.Join(errs...)
}

func readLimited(fsys fs.FS, name string) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open code rules: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read code rules %s: %w", name, err)
	}
	if len(text) > maxFile {
		return nil, &decode.Error{File: name, Message: fmt.Sprintf("larger than %d bytes", maxFile)}
	}
	return text, nil
}

// parseFile reads one file; others are the rules of the same file system so far.
func parseFile(file string, text []byte, others []*rule) ([]*rule, error) {
	root, err := decode.Parse(file, text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		return nil, &decode.Error{File: file, Message: `no rules; begin with "rules:"`}
	}
	d := decode.NewDecoder(file)
	var spec ruleFile
	d.Decode(root, &spec)
	var rules []*rule
	for i := range spec.Rules {
		r := &spec.Rules[i]
		if r.node == nil { // an alias, which the decoder refused
			continue
		}
		r.file = file
		all := slices.Concat(others, rules)
		if same := slices.IndexFunc(all, func(o *rule) bool { return o.Name == r.Name }); same >= 0 {
			d.Fail(r.node, "rule %q is already in %s:%d", r.Name, all[same].file, all[same].node.Line)
		}
		rules = append(rules, r)
	}
	decode.Forget(root)
	return rules, d.Err()
}

// ruleFile is a file of rules.
type ruleFile struct {
	Rules []rule `yaml:"rules,required" doc:"one entry for each kind of code"`
}

// slug is a name of lower-case letters, digits and single hyphens, 64 at most.
type slug string

const slugPattern = "^[a-z0-9]+(-[a-z0-9]+)*$"

// Shape describes what DecodeNode takes.
func (*slug) Shape() decode.Shape { return decode.Shape{Type: decode.ShapeText, Pattern: slugPattern} }

// DecodeNode reads a name.
func (s *slug) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	*s = slug(d.Text(n))
	if !slugs.MatchString(string(*s)) || len(*s) > 64 {
		d.Fail(n, "want lower-case letters, digits and single hyphens, 64 at most")
	}
}

var slugs = regexp.MustCompile(slugPattern)
