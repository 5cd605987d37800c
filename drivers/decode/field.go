package decode

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// field is one value: where it comes from and what is done to it.
//
//	birth: {from: "person[200:208]", do: [text: ascii, date: {calendar: buddhist, layout: yyyymmdd}]}
type field struct {
	From        sources     `yaml:"from" doc:"inputs or earlier fields, with [from:to] cut; several are joined. A cut that is filled only in part is unreadable"`
	Join        string      `yaml:"join" doc:"text between joined texts"`
	First       sources     `yaml:"first" doc:"in place of from: the first of several that is present"`
	Do          []stage     `yaml:"do" doc:"stages, in order"`
	When        *Predicate  `yaml:"when" doc:"the field is absent unless this holds"`
	Sensitivity sensitivity `yaml:"sensitivity" doc:"normal (default); sensitive: withheld unless release lists the field; secret: of use to checks, when, keys and secret fields, but never put out. Fields made from it inherit it"`
	Required    bool        `yaml:"required" doc:"its absence is the warning missing; if it is unreadable the read is partial"`

	guard level // declared or inherited from a source
	holds level // the highest guard of what is made of it: its raw bytes have that inside
	kind  Kind  // of the result, known after Compile
}

// level is how a field is guarded.
type level int

const (
	normal level = iota
	sensitive
	secret
)

// sensitivity is a level as written.
type sensitivity string

var sensitivities = []string{"normal", "sensitive", "secret"}

func (*sensitivity) Shape() Shape { return textOf(sensitivities...) }

func (s *sensitivity) DecodeNode(d *Decoder, n *yaml.Node) {
	if *s = sensitivity(n.Value); !slices.Contains(sensitivities, n.Value) {
		d.Fail(n, "sensitivity is normal or sensitive or secret")
	}
}

// Bounds of what a file may make of its inputs.
const (
	maxFields = 256
	// MaxStages is how many stages one field may have.
	MaxStages = 16
	maxValues = 8 << 20 // bytes of all values together, and of all output
)

// Fields are the values of a profile or rule, in order: a field can use inputs and
// the fields before it.
type Fields struct{ list Ordered[field] }

// Shape describes a mapping of free names to fields.
func (*Fields) Shape() Shape { return new(Ordered[field]).Shape() }

// DecodeNode reads the mapping of names to fields.
func (f *Fields) DecodeNode(d *Decoder, n *yaml.Node) { d.Decode(n, &f.list) }

// Compile checks that every source exists before it is used and that each stage
// gets the kind of value it takes. Inputs are the names that Evaluate will get,
// though not each every time.
func (f *Fields) Compile(d *Decoder, inputs map[string]Kind) {
	if n := len(f.list); n > maxFields {
		d.Fail(f.list[maxFields].Node, "%d fields are more than %d", n, maxFields)
	}
	kinds, guards := map[string]Kind{}, map[string]level{}
	for name, kind := range inputs {
		kinds[name] = kind
	}
	for i := range f.list {
		e := &f.list[i]
		e.Val.compile(d, e.Name, e.Node, kinds, guards)
		if _, dup := kinds[e.Name]; dup {
			d.Fail(e.Node, "%q is already the name of a capture or field", e.Name)
		}
		kinds[e.Name], guards[e.Name] = e.Val.kind, e.Val.guard
	}
	holds := map[string]level{} // by the name of a source
	for i := len(f.list) - 1; i >= 0; i-- {
		e := &f.list[i]
		e.Val.holds = max(e.Val.guard, holds[e.Name])
		for _, s := range e.Val.sources() {
			holds[s.Name] = max(holds[s.Name], e.Val.holds)
		}
	}
}

func (f *field) compile(d *Decoder, name string, node *yaml.Node, kinds map[string]Kind, guards map[string]level) {
	f.guard = map[sensitivity]level{"sensitive": sensitive, "secret": secret}[f.Sensitivity]
	if (f.From == nil) == (f.First == nil) {
		d.Fail(node, "field %q needs from or first", name)
		return
	}
	for j, s := range f.sources() {
		kind, ok := kinds[s.Name]
		switch {
		case !ok:
			d.Unknown(at(s.node, s.Name), "source", KeysOf(kinds))
		case j > 0 && kind != f.kind:
			d.Fail(s.node, "%q joins %s with %s", s.Name, f.kind, kind)
		case kind == KindDocument && (s.cut != whole || j > 0 && f.From != nil):
			d.Fail(s.node, "%q is a document; take a path of it", s.Name)
		}
		f.kind = kind
		f.guard = max(f.guard, guards[s.Name])
	}
	if f.Join != "" && (f.kind != KindText || len(f.From) < 2) {
		d.Fail(node, "join stands between two or more texts in from")
	}
	if f.When != nil {
		f.When.Compile(d, kinds)
	}
	if len(f.Do) > MaxStages {
		d.Fail(node, "%d stages are more than %d", len(f.Do), MaxStages)
	}
	for _, st := range f.Do {
		if st.op == nil {
			continue
		}
		in, out := st.op.kinds()
		if in != f.kind && (in != kindEither || f.kind == KindDocument) {
			d.Fail(st.node, "%s takes %s, here comes %s", st.name, in, f.kind)
		}
		if out != kindEither {
			f.kind = out
		}
	}
}

// sources are those of from or of first: only one of them is there.
func (f *field) sources() sources {
	if f.First != nil {
		return f.First
	}
	return f.From
}

// Sensitive says whether name is a field that is withheld unless released.
func (f *Fields) Sensitive(name string) bool {
	v, ok := f.list.Get(name)
	return ok && v.guard == sensitive
}
