package card

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"cardferry/drivers"

	"go.yaml.in/yaml/v3"
)

// field is one value: where its bytes come from and what is done to them.
//
//	birth: {from: "person[200:208]", do: [text: ascii, date: {calendar: buddhist, layout: yyyymmdd}]}
type field struct {
	From        sources   `yaml:"from"`        // captures or fields, joined
	First       sources   `yaml:"first"`       // or the first one that is present
	Do          []stage   `yaml:"do"`          // in order
	Sensitivity string    `yaml:"sensitivity"` // "sensitive": withheld unless released
	Required    bool      `yaml:"required"`    // warn when absent, partial when unreadable
	sensitive   bool      // declared or inherited from a source
	kind        valueKind // of the result, known after compile
}

// sources is one source or a list of them.
type sources []source

func (s *sources) decodeNode(d *decoder, n *yaml.Node) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	for _, c := range nodes {
		var one source
		one.decodeNode(d, c)
		*s = append(*s, one)
	}
}

// source is "capture" or "capture[from:to]", offsets in bytes, either end optional.
type source struct {
	name string
	cut  slice
	node *yaml.Node
}

func (s *source) decodeNode(d *decoder, n *yaml.Node) {
	s.node = n
	name, rest, found := strings.Cut(d.text(n), "[")
	s.name, s.cut = name, whole
	inner, closed := strings.CutSuffix(rest, "]")
	if found && (!closed || !s.cut.parse(inner)) {
		d.fail(n, "want name or name[from:to], such as person[200:208]")
	}
}

// slice is a half-open range; to -1 means the end.
type slice struct{ from, to int }

var whole = slice{to: -1}

func (s *slice) parse(text string) bool {
	a, b, found := strings.Cut(text, ":")
	s.to = -1
	var err1, err2 error
	if a != "" {
		s.from, err1 = strconv.Atoi(a)
	}
	if b != "" {
		s.to, err2 = strconv.Atoi(b)
	}
	return found && err1 == nil && err2 == nil && s.from >= 0 && (b == "" || s.to > s.from)
}

// of cuts b; a range that begins behind the end is empty, one that ends there is
// cut short.
func (s slice) of(b []byte) []byte {
	if s.from >= len(b) {
		return nil
	}
	if s.to < 0 || s.to > len(b) {
		return b[s.from:]
	}
	return b[s.from:s.to]
}

// value is bytes or, once a stage has decoded them, UTF-8 text or a document.
// One with no bytes is absent.
type value struct {
	b    []byte
	kind valueKind
	doc  *element // of a document
}

func bytesValue(b []byte) value { return value{b: b, kind: bytesKind} }
func textValue(b []byte) value  { return value{b: b, kind: textKind} }

// errAbsent ends a field without a warning: the card holds nothing there.
var errAbsent = errors.New("absent")

// errUnreadable ends a field with the warning "unreadable".
var errUnreadable = errors.New("unreadable")

// Bounds of what a profile may make of a card's bytes.
const (
	maxFields = 256
	maxStages = 16      // of one field
	maxValues = 8 << 20 // bytes of all values together, and of all output
)

// reading collects what evaluating fields yields.
type reading struct {
	values   map[string]value
	warnings []drivers.Warning
	raw      map[string]string // hex of text that could not be decoded in full
	field    string            // being evaluated
	size     int               // of all values, in bytes
	partial  bool              // a required field is there but unreadable
}

func (r *reading) warn(code string) {
	w := drivers.Warning{Code: code, Field: r.field}
	if !slices.Contains(r.warnings, w) {
		r.warnings = append(r.warnings, w)
	}
}

// evaluate computes all fields from the captures. A field that cannot be
// decoded is absent and warned about; it never ends the read, only ctx does.
func (p *Profile) evaluate(ctx context.Context, captures map[string][]byte) (*reading, error) {
	r := &reading{values: map[string]value{}, raw: map[string]string{}}
	for name, b := range captures {
		r.values[name] = bytesValue(b)
	}
	for _, e := range p.spec.Fields {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f := e.val
		if f.sensitive && !p.released(e.name) {
			continue
		}
		r.field = e.name
		v, err := r.apply(f)
		switch {
		case err == nil && len(v.b) > 0:
			r.values[e.name] = v
		case err != nil && !errors.Is(err, errAbsent):
			r.warn("unreadable")
			r.partial = r.partial || f.Required
		case f.Required:
			r.warn("missing")
		}
	}
	return r, nil
}

func (r *reading) apply(f field) (value, error) {
	v, err := r.source(f)
	if err != nil {
		return value{}, err
	}
	if r.size += len(v.b); r.size > maxValues {
		return value{}, errUnreadable
	}
	for _, st := range f.Do {
		if len(v.b) == 0 {
			return value{}, errAbsent
		}
		if v, err = st.op.apply(r, v); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

// source joins the sources of a field or takes the first present one. A cut that
// the bytes fill only in part is unreadable: half a name would look like a name.
func (r *reading) source(f field) (value, error) {
	var out value
	for _, s := range slices.Concat(f.From, f.First) {
		v := r.values[s.name]
		if s.cut.from < len(v.b) && len(v.b) < s.cut.to {
			return value{}, errUnreadable
		}
		v.b = s.cut.of(v.b)
		switch {
		case len(v.b) == 0:
		case len(out.b) == 0:
			out = v
		default: // sources share their bytes with other fields: join into new ones
			out.b = slices.Concat(out.b, v.b)
		}
		if f.First != nil && len(out.b) > 0 {
			break
		}
	}
	return out, nil
}

// lossy notes that text lost characters: the raw bytes stay available in hex.
func (r *reading) lossy(b []byte) {
	r.warn("lossy_text")
	r.raw[r.field] = strings.ToUpper(hex.EncodeToString(b))
}

// compileFields checks that every source exists before it is used and that
// each stage gets the kind of value it takes.
func (p *Profile) compileFields(d *decoder, captures map[string]bool) {
	if n := len(p.spec.Fields); n > maxFields {
		d.fail(p.spec.Fields[maxFields].node, "%d fields are more than %d", n, maxFields)
	}
	kinds := map[string]valueKind{}
	sensitive := map[string]bool{}
	for c := range captures {
		kinds[c] = bytesKind
	}
	for i := range p.spec.Fields {
		e := &p.spec.Fields[i]
		f := &e.val
		f.sensitive = f.Sensitivity == "sensitive"
		if f.Sensitivity != "" && f.Sensitivity != "sensitive" && f.Sensitivity != "normal" {
			d.fail(e.node, "sensitivity is normal or sensitive")
		}
		if (f.From == nil) == (f.First == nil) {
			d.fail(e.node, "field %q needs from or first", e.name)
			continue
		}
		for j, s := range slices.Concat(f.From, f.First) {
			kind, ok := kinds[s.name]
			switch {
			case !ok:
				d.unknown(&yaml.Node{Value: s.name, Line: s.node.Line, Column: s.node.Column}, "source", keysOf(kinds))
			case j > 0 && kind != f.kind:
				d.fail(s.node, "%q joins %s with %s", s.name, f.kind, kind)
			case kind == documentKind && (s.cut != whole || j > 0 && f.From != nil):
				d.fail(s.node, "%q is a document; take a path of it", s.name)
			}
			f.kind = kind
			f.sensitive = f.sensitive || sensitive[s.name]
		}
		if len(f.Do) > maxStages {
			d.fail(e.node, "%d stages are more than %d", len(f.Do), maxStages)
		}
		for _, st := range f.Do {
			if st.op == nil {
				continue
			}
			in, out := st.op.kinds()
			if in != f.kind && (in != stringKind || f.kind == documentKind) {
				d.fail(st.node, "%s takes %s, here comes %s", st.name, in, f.kind)
			}
			if out != stringKind {
				f.kind = out
			}
		}
		if _, dup := kinds[e.name]; dup {
			d.fail(e.node, "%q is already the name of a capture or field", e.name)
		}
		kinds[e.name], sensitive[e.name] = f.kind, f.sensitive
	}
}
