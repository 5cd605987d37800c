package card

import (
	"context"
	"errors"
	"maps"

	"cardferry/drivers"
	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// macro is an entry of `define`: named steps with number parameters. Its data
// is the data of its last step.
type macro struct {
	Params []string `yaml:"params"`
	Steps  []step   `yaml:"steps,required"`
}

func (m *macro) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	// Parameters first: they are in scope while the steps decode.
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "params" {
			var params []string
			decode.NewDecoder("").Decode(n.Content[i+1], &params) // mistakes show below
			scopeOf(d).vars = params
		}
	}
	type plain macro
	d.Decode(n, (*plain)(m))
	for _, p := range m.Params {
		if !decode.PlainName(p) || reservedKey(p) {
			d.Fail(n, "parameter %q needs another name: a plain word that is no step key", p)
		}
	}
	scopeOf(d).vars = nil
}

func reservedKey(s string) bool {
	return s == "as" || s == "append" || s == "optional" || s == "only-for"
}

// call runs a macro: `- tag: {tag: 0x08, len: 0x14, as: number}`.
type call struct {
	name string
	args map[string]number
}

func macroCall(d *decode.Decoder, arg *yaml.Node, st *step, name string, params []string) {
	c := &call{name: name, args: map[string]number{}}
	shared := &yaml.Node{Kind: yaml.MappingNode, Line: arg.Line, Column: arg.Column}
	known := map[string]bool{}
	for _, p := range params {
		known[p] = true
	}
	d.Pairs(arg, func(key, val *yaml.Node) {
		switch {
		case known[key.Value]:
			var x number
			d.Decode(val, &x)
			c.args[key.Value] = x
		case reservedKey(key.Value):
			shared.Content = append(shared.Content, key, val)
		default:
			d.Unknown(key, "parameter", append(decode.KeysOf(known), "as", "append", "optional", "only-for"))
		}
	})
	d.Decode(shared, &st.answer)
	for _, p := range params {
		if _, ok := c.args[p]; !ok {
			d.Fail(arg, "parameter %q is missing", p)
		}
	}
	st.op = c
}

func (c *call) run(ctx context.Context, r *run, _ *step) ([]byte, error) {
	m, _ := r.p.spec.Define.Get(c.name)
	args := make(map[string]int, len(c.args))
	for name, x := range c.args {
		args[name] = x.value(r.vars)
	}
	outer := r.vars
	r.vars = args
	defer func() { r.vars = outer }()
	return r.steps(ctx, m.Steps)
}

// try runs steps that may be refused.
type try struct {
	Steps   []step            `yaml:"steps,required"`
	On      []swPattern       `yaml:"on"`      // refusals that are caught; all without it
	Else    []step            `yaml:"else"`    // run after a caught refusal
	Partial bool              `yaml:"partial"` // a caught refusal makes the read partial
	Warn    *tryWarning       `yaml:"warn"`    // … and adds this warning
	Note    map[string]string `yaml:"note"`    // … and these extras
}

// tryWarning is a drivers.Warning as written in a profile.
type tryWarning struct {
	Code  string `yaml:"code,required"`
	Field string `yaml:"field"`
}

func (t *try) run(ctx context.Context, r *run, _ *step) ([]byte, error) {
	data, err := r.steps(ctx, t.Steps)
	var refused *StatusError
	if !errors.As(err, &refused) || t.On != nil && !matchSW(t.On, refused.SW) {
		return data, err
	}
	r.partial = r.partial || t.Partial
	if t.Warn != nil {
		r.warnings = append(r.warnings, drivers.Warning(*t.Warn))
	}
	maps.Copy(r.notes, t.Note)
	return r.steps(ctx, t.Else)
}

// forEach runs steps once per value of a loop variable.
type forEach struct {
	Var   string   `yaml:"var,required"`
	In    []number `yaml:"in"`    // values, or
	From  number   `yaml:"from"`  // first value
	To    number   `yaml:"to"`    // last value, inclusive
	Step  number   `yaml:"step"`  // 1 without it
	Steps []step   `yaml:"steps"` // run with ${var}
}

// maxLoop bounds one for-each.
const maxLoop = 256

func decodeForEach(d *decode.Decoder, arg *yaml.Node) operation {
	op := &forEach{}
	outer := scopeOf(d).vars
	for i := 0; arg.Kind == yaml.MappingNode && i+1 < len(arg.Content); i += 2 {
		if arg.Content[i].Value == "var" {
			scopeOf(d).vars = append(append([]string(nil), outer...), arg.Content[i+1].Value)
		}
	}
	d.Decode(arg, op)
	scopeOf(d).vars = outer
	n, open := len(op.values(nil)), op.From.ref != "" || op.To.ref != "" || op.Step.ref != ""
	if !open && (n == 0 || n > maxLoop) || len(op.Steps) == 0 {
		d.Fail(arg, "for-each needs steps and 1 to %d values: in: […] or from, to, step", maxLoop)
	}
	return op
}

func (f *forEach) values(vars map[string]int) []int {
	var out []int
	for _, x := range f.In {
		out = append(out, x.value(vars))
	}
	if f.To.set {
		for v := f.From.value(vars); v <= f.To.value(vars) && len(out) <= maxLoop; v += max(1, f.Step.value(vars)) {
			out = append(out, v)
		}
	}
	return out
}

func (f *forEach) run(ctx context.Context, r *run, _ *step) ([]byte, error) {
	outer := r.vars
	defer func() { r.vars = outer }()
	var data []byte
	for _, v := range f.values(outer) {
		r.vars = maps.Clone(outer)
		if r.vars == nil {
			r.vars = map[string]int{}
		}
		r.vars[f.Var] = v
		var err error
		if data, err = r.steps(ctx, f.Steps); err != nil {
			return nil, err
		}
	}
	return data, nil
}
