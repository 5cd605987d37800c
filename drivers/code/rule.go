package code

import (
	"fmt"
	"slices"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// rule is one kind of code, as written and compiled.
type rule struct {
	Name      slug          `yaml:"name,required"`
	Version   int           `yaml:"version,required"`
	About     string        `yaml:"about"`
	Source    string        `yaml:"source"`
	Medium    slug          `yaml:"medium,required"`
	Priority  priority      `yaml:"priority"`
	AIM       []aim         `yaml:"aim"`
	Charset   charset       `yaml:"charset"`
	Normalise []normaliser  `yaml:"normalise"`
	Match     *pattern      `yaml:"match"`
	Bytes     *shape        `yaml:"bytes"`
	Fields    fields        `yaml:"fields"`
	Needs     []string      `yaml:"needs"`
	Born      string        `yaml:"born"`
	Valid     validity      `yaml:"valid"`
	Withhold  bool          `yaml:"withhold"`
	OneTime   bool          `yaml:"one_time"`
	Warnings  []warning     `yaml:"warnings"`
	Output    decode.Output `yaml:"output"`
	Tests     tests         `yaml:"tests,required"`

	file   string
	node   *yaml.Node
	inputs decode.Ordered[string] // the texts that outputs may name beside fields
}

// The inputs of fields besides the named groups of match.
const (
	inputScan  = "scan"  // the text that match sees
	inputBytes = "bytes" // the scan as it came, without an AIM identifier
)

// DecodeNode reads and checks one rule.
func (r *rule) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	type plain rule
	before := d.Mistakes()
	d.Decode(n, (*plain)(r))
	r.node = n
	if d.Mistakes() == before {
		r.compile(d)
	}
}

// compile checks what needs more than one key to see.
func (r *rule) compile(d *decode.Decoder) {
	if r.Version < 1 {
		d.Fail(r.node, "version counts from 1")
	}
	if r.Match == nil && r.Bytes == nil {
		d.Fail(r.node, `rule %q needs "match" or "bytes"`, r.Name)
	}
	if len(r.Tests.Accept) == 0 || len(r.Tests.Reject) == 0 {
		d.Fail(r.node, "rule %q needs tests: at least one scan under accept and one under reject", r.Name)
	}
	if r.Withhold && (r.Output.Patient != nil || len(r.Output.Coverage) > 0 || len(r.Output.Extras) > 0) {
		d.Fail(r.node, "rule %q withholds the value, so it can have no output", r.Name)
	}
	kinds := map[string]decode.Kind{inputBytes: decode.KindBytes, inputScan: decode.KindText}
	for _, g := range r.Match.groups() {
		if _, taken := kinds[g]; taken {
			d.Fail(r.node, "match cannot call a group %q: the name is taken", g)
		}
		kinds[g] = decode.KindText
	}
	r.Fields.Compile(d, kinds)
	delete(kinds, inputBytes)
	for _, name := range decode.KeysOf(kinds) {
		r.inputs = append(r.inputs, decode.Entry[string]{Name: name, Node: r.node})
	}
	r.Output.Compile(d, &r.Fields.Fields, r.inputs)
	r.checkNames(d)
}

// checkNames says whether the keys that name a field name one.
func (r *rule) checkNames(d *decode.Decoder) {
	known := slices.Clone(r.Fields.names)
	for _, e := range r.inputs {
		known = append(known, e.Name)
	}
	names := append(slices.Clone(r.Needs), r.Born, r.Valid.From, r.Valid.Until)
	for _, w := range r.Warnings {
		names = append(names, w.If)
	}
	for _, name := range names {
		if name != "" && !slices.Contains(known, name) {
			d.Unknown(&yaml.Node{Value: name, Line: r.node.Line, Column: r.node.Column}, "field", slices.Clone(known))
		}
	}
}

// profile returns "name@version".
func (r *rule) profile() string { return fmt.Sprintf("%s@%d", r.Name, r.Version) }

// fields are the fields of a rule, with their names.
type fields struct {
	decode.Fields
	names []string
}

// DecodeNode reads the mapping of names to fields.
func (f *fields) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	f.Fields.DecodeNode(d, n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		f.names = append(f.names, n.Content[i].Value)
	}
}

// warning is a warning that the read carries: always, or if a field is present.
type warning struct {
	Code string `yaml:"code,required"`
	If   string `yaml:"if"`
}

// DecodeNode reads a code, or a code with its condition.
func (w *warning) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		w.Code = d.Text(n)
		return
	}
	type plain warning
	d.Decode(n, (*plain)(w))
}

// priority is a whole number from -100 to 100.
type priority int

// DecodeNode reads a number, which may be negative.
func (p *priority) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	text, sign := n.Value, 1
	if len(text) > 1 && text[0] == '-' {
		text, sign = text[1:], -1
	}
	before := d.Mistakes()
	v := d.Integer(&yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: text, Line: n.Line, Column: n.Column})
	if d.Mistakes() == before && v > 100 {
		d.Fail(n, "want a whole number from -100 to 100")
	}
	*p = priority(sign * v)
}
