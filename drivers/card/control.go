package card

import (
	"context"
	"errors"
	"maps"
	"slices"

	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// macro is an entry of `define`: named steps with number parameters. Its data
// is the data of its last step.
type macro struct {
	Params []string `yaml:"params" doc:"names of number parameters, used as ${name}"`
	Steps  []step   `yaml:"steps,required" doc:"what the macro does; its data is that of its last step"`
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

func reservedKey(s string) bool { return slices.Contains(sharedKeys, s) }

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
			d.Unknown(key, "parameter", append(decode.KeysOf(known), sharedKeys...))
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
	Steps     []step            `yaml:"steps,required" doc:"steps that may be refused"`
	On        []swPattern       `yaml:"on" doc:"refusals that are caught; all without it"`
	Else      []step            `yaml:"else" doc:"run after a caught refusal"`
	Partial   bool              `yaml:"partial" doc:"a caught refusal makes the read partial"`
	Warn      *tryWarning       `yaml:"warn" doc:"… and adds this warning"`
	Note      map[string]string `yaml:"note" doc:"… and these extras"`
	condition `yaml:",inline"`
}

// tryWarning is a drivers.Warning as written in a profile.
type tryWarning struct {
	Code  string `yaml:"code,required" doc:"stable name of the warning"`
	Field string `yaml:"field" doc:"the field it is about"`
}

func (t *try) run(ctx context.Context, r *run, _ *step) ([]byte, error) {
	data, err := r.steps(ctx, t.Steps)
	var refused *StatusError
	if !errors.As(err, &refused) || t.On != nil && !matchSW(t.On, refused.SW) {
		return data, err
	}
	r.partial = r.partial || t.Partial
	if t.Warn != nil {
		r.warn(t.Warn.Code, t.Warn.Field)
	}
	maps.Copy(r.notes, t.Note)
	return r.steps(ctx, t.Else)
}

// forEach runs steps once per value of a loop variable.
type forEach struct {
	Var       string   `yaml:"var,required" doc:"loop variable, used as ${name}"`
	In        []number `yaml:"in" doc:"values; or"`
	From      number   `yaml:"from" doc:"first value,"`
	To        number   `yaml:"to" doc:"last value, inclusive, and"`
	Step      number   `yaml:"step" doc:"distance, 1 without it"`
	Steps     []step   `yaml:"steps,required" doc:"run for each value"`
	condition `yaml:",inline"`
}

// maxLoop bounds one for-each.
const maxLoop = 256

func (f *forEach) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.Fail(n, "for-each is a mapping: {var: …, from: …, to: …, steps: […]}")
		return
	}
	// Everything but the steps first: their decoding needs variable and values.
	s := scopeOf(d)
	outer, loops := s.vars, s.loops
	defer func() { s.vars, s.loops = outer, loops }()
	head := forEach{}
	quiet := decode.NewDecoder("")
	quiet.Scope = s
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch val := n.Content[i+1]; n.Content[i].Value {
		case "var":
			head.Var = val.Value
		case "in":
			quiet.Decode(val, &head.In)
		case "from":
			quiet.Decode(val, &head.From)
		case "to":
			quiet.Decode(val, &head.To)
		case "step":
			quiet.Decode(val, &head.Step)
		}
	}
	if !decode.PlainName(head.Var) {
		d.Fail(n, "var is the name of the loop variable")
	}
	s.vars = append(slices.Clone(outer), head.Var)
	s.loops = maps.Clone(loops)
	if s.loops == nil {
		s.loops = map[string][]int{}
	}
	delete(s.loops, head.Var)
	values := head.values(nil)
	if !head.open() {
		s.loops[head.Var] = values
	}
	type plain forEach
	d.Decode(n, (*plain)(f))
	if !head.open() && (len(values) == 0 || len(values) > maxLoop) || len(f.Steps) == 0 {
		d.Fail(n, "for-each needs steps and 1 to %d values: in: […] or from, to, step", maxLoop)
	}
}

// open says whether the values are known only when the step runs.
func (f *forEach) open() bool {
	return f.From.ref != "" || f.To.ref != "" || f.Step.ref != "" || slices.ContainsFunc(f.In, func(x number) bool { return x.ref != "" })
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
