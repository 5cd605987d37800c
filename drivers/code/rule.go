package code

import (
	"fmt"
	"regexp"
	"strings"
)

// rule is one compiled rule.
type rule struct {
	where     node // for errors that concern the whole rule
	name      string
	version   int
	medium    string
	priority  int
	aim       []string // symbologies whose identifier is taken off; "any" is all
	normalise []normaliser
	match     *regexp.Regexp // of the whole text
	checks    []check
	withhold  bool // the value never leaves: payment credentials
	oneTime   bool
	warnings  []string
	patient   *patientShape
	extras    []extra
	accept    []sample
	reject    []sample
}

// check is one check of one group. With onFail "reject" a failure means that the
// rule does not apply, with "warn" the read gets a check_digit warning.
type check struct {
	algorithm algorithm
	of        string
	onFail    string
}

type extra struct {
	key   string
	value template
}

// patientShape says how groups become a FHIR Patient.
type patientShape struct {
	identifiers []identifierShape
	names       []nameShape
	birthDate   template
	dateFormat  string // Go layout
	gender      template
	genderMap   map[string]string
	address     template
}

type identifierShape struct {
	use, typeCode, typeText, system string
	value                           template
}

type nameShape struct {
	use, language string
	text, family  template
	given         []template
}

// sample is one scan of a rule's own tests.
type sample struct {
	where node
	scan  []byte
	want  map[string]any // subset of the read's JSON; only for accept
}

// template is text with {placeholders}.
type template struct {
	where node
	text  string
}

var placeholder = regexp.MustCompile(`\{([A-Za-z][A-Za-z0-9_.]*)\}`)

// expand fills in the values; an absent one is empty.
func (t template) expand(values map[string]string) string {
	if !strings.Contains(t.text, "{") {
		return t.text
	}
	return placeholder.ReplaceAllStringFunc(t.text, func(p string) string { return values[p[1:len(p)-1]] })
}

// verify says whether every placeholder of t is known.
func (t template) verify(known map[string]bool) error {
	for _, m := range placeholder.FindAllStringSubmatch(t.text, -1) {
		if !known[m[1]] {
			return t.where.errorf("{%s} is neither a named group of match nor derived by a check", m[1])
		}
	}
	return nil
}

// profile returns "name@version".
func (r *rule) profile() string { return fmt.Sprintf("%s@%d", r.name, r.version) }

// verify checks what only the whole rule can tell.
func (r *rule) verify() error {
	known := map[string]bool{"text": true}
	for _, g := range r.match.SubexpNames() {
		known[g] = true
	}
	for _, c := range r.checks {
		if !known[c.of] {
			return r.where.errorf("check of %q: match has no such group", c.of)
		}
		for _, d := range c.algorithm.derives() {
			known[c.of+"."+d] = true
		}
	}
	if r.withhold && (r.patient != nil || len(r.extras) > 0) {
		return r.where.errorf("a rule that withholds the value can have neither patient nor extras")
	}
	if len(r.accept) == 0 || len(r.reject) == 0 {
		return r.where.errorf("rule %q needs tests: at least one scan under accept and one under reject", r.name)
	}
	for _, t := range r.templates() {
		if err := t.verify(known); err != nil {
			return err
		}
	}
	return nil
}

func (r *rule) templates() []template {
	var all []template
	for _, e := range r.extras {
		all = append(all, e.value)
	}
	if p := r.patient; p != nil {
		all = append(all, p.birthDate, p.gender, p.address)
		for _, id := range p.identifiers {
			all = append(all, id.value)
		}
		for _, n := range p.names {
			all = append(append(all, n.text, n.family), n.given...)
		}
	}
	return all
}
