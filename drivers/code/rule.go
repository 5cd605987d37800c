package code

import (
	"fmt"
	"reflect"
	"slices"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// rule is one kind of code, as written and compiled.
type rule struct {
	Name      slug          `yaml:"name,required" doc:"unique; a site's rule replaces the shipped one of its name"`
	Version   int           `yaml:"version,required" doc:"from 1; the read's profile is name@version"`
	About     string        `yaml:"about" doc:"what the code is, for people"`
	Source    string        `yaml:"source" doc:"where the layout is published"`
	Medium    slug          `yaml:"medium,required" doc:"kind of code, as the read and the desk call it"`
	Priority  priority      `yaml:"priority" doc:"-100 to 100, 0 without it; of the rules that apply the highest wins"`
	AIM       []aim         `yaml:"aim" doc:"symbologies whose AIM identifier is taken off first"`
	Charset   charset       `yaml:"charset" doc:"of bytes that are not UTF-8; gb18030 without it"`
	Normalise []normaliser  `yaml:"normalise" doc:"in order: width folds full-width forms to ASCII, upper, space drops blanks and hyphens"`
	Match     *pattern      `yaml:"match" doc:"RE2 pattern of the whole text; named groups are sources of fields and may stand in output"`
	Bytes     *shape        `yaml:"bytes" doc:"conditions on the bytes, with or in place of match"`
	Fields    fields        `yaml:"fields" doc:"values as in card profiles; sources are the groups of match, scan (the text) and bytes"`
	Needs     []string      `yaml:"needs" doc:"fields that must be there without a warning; otherwise the rule does not apply"`
	Born      string        `yaml:"born" doc:"field that must be a date from 1850 to today; otherwise the rule does not apply"`
	Valid     validity      `yaml:"valid" doc:"fields between whose dates (or seconds since 1970) the code is valid; outside the read warns not_yet_valid or expired"`
	Withhold  bool          `yaml:"withhold" doc:"nothing of the value is passed on; there is no output"`
	OneTime   bool          `yaml:"one_time" doc:"the code changes with every showing: never cached, never a repetition"`
	Warnings  []warning     `yaml:"warnings" doc:"codes that the read carries, always or if a field is there"`
	Output    decode.Output `yaml:"output" doc:"FHIR as in card profiles, with ${field}, ${group} or ${scan}"`
	Tests     tests         `yaml:"tests,required" doc:"scans to accept and to refuse, at least one of each; made-up persons only"`

	file  string
	layer int // number of the file system, the site's being the last
	node  *yaml.Node
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
	var texts decode.Ordered[string] // inputs that output may name beside fields
	for _, name := range decode.KeysOf(kinds) {
		texts = append(texts, decode.Entry[string]{Name: name, Node: r.node})
	}
	r.Output.Compile(d, &r.Fields.Fields, texts)
	r.checkNames(d, slices.Concat(r.Fields.names, decode.KeysOf(kinds)))
}

// checkNames says whether the keys that name a value name one that is known.
func (r *rule) checkNames(d *decode.Decoder, known []string) {
	names := append(slices.Clone(r.Needs), r.Born, r.Valid.From, r.Valid.Until)
	for _, w := range r.Warnings {
		names = append(names, w.If)
	}
	for _, name := range names {
		if name != "" && !slices.Contains(known, name) {
			d.Unknown(&yaml.Node{Value: name, Line: r.node.Line, Column: r.node.Column}, "field", known)
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
	Code string `yaml:"code,required" doc:"such as needs_online"`
	If   string `yaml:"if" doc:"field that must be there"`
}

// Shape describes what DecodeNode takes.
func (*warning) Shape() decode.Shape {
	type plain warning
	return decode.Shape{Type: decode.ShapeChoice, Any: []decode.Shape{{Type: decode.ShapeText}, decode.ShapeOf(reflect.TypeFor[plain]())}}
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

// Shape describes what DecodeNode takes.
func (*priority) Shape() decode.Shape { return decode.Shape{Type: decode.ShapeSigned} }

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
