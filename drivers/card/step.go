package card

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"cardferry/drivers"
	"cardferry/drivers/decode"
	"cardferry/drivers/emrtd"

	"go.yaml.in/yaml/v3"
)

// step is one entry of `steps`: one operation and what to do with its answer.
//
//   - read-binary: {sfi: 01, length: eof, as: pd, optional: ["6A82"]}
type step struct {
	line int
	kind string // key as written: an operation or a macro
	op   operation
	answer
}

// condition holds the keys every step has.
type condition struct {
	When    *decode.Predicate `yaml:"when" doc:"run the step only if this holds of the captures so far"`
	OnlyFor string            `yaml:"only-for" doc:"run the step only if this sensitive field is released"`
}

// answer holds the keys of steps that receive data.
type answer struct {
	As        captureName `yaml:"as" doc:"capture that receives the data; in a for-each with literal values it may hold the loop variable: rec-${n}"`
	Append    captureName `yaml:"append" doc:"capture that the data is added to"`
	Optional  []swPattern `yaml:"optional" doc:"refusals that are no error; the capture stays absent"`
	condition `yaml:",inline"`
}

// sharedKeys are the keys of answer.
var sharedKeys = []string{"as", "append", "optional", "only-for", "when"}

// operation is what a step does. It returns the data the card answered; a
// refusal is a *StatusError.
type operation interface {
	run(ctx context.Context, r *run, st *step) ([]byte, error)
}

// maxStepDepth bounds the nesting of try and for-each, maxSteps the steps of one
// read: loops whose steps send nothing would otherwise run past every limit.
const (
	maxStepDepth = 6
	maxSteps     = 4096
)

// operations are the kinds of step, in the order of the reference.
var operations = []struct {
	name    string
	body    func() operation
	doc     string
	example string
}{
	{"select-aid", func() operation { return &selectAID{} }, "SELECT an application by its name (ISO/IEC 7816-4, 11.1.1, P1 = 04)", "select-aid: {aid: D27600000102, p2: 0C}"},
	{"select-file", func() operation { return &selectFile{} }, "SELECT a file by identifier or path", "select-file: {path: DF014031, p2: 0C}"},
	{"read-binary", func() operation { return &readBinary{} }, "READ BINARY of one transparent file, in as few commands as the card allows", "read-binary: {sfi: 01, length: {header: be16}, as: pd}"},
	{"read-record", func() operation { return &readRecord{} }, "READ RECORD: one record by number or tag, or a range of records, which become the captures NAME-1, NAME-2 … and, as text, NAME-count", "read-record: {sfi: 05, from: 1, to: end, as: rec}"},
	{"get-data", func() operation { return &getData{} }, "GET DATA of one data object", "get-data: {tag: 9F7F, as: cplc}"},
	{"apdu", func() operation { return &apdu{} }, "a command as written, if the guard lets it pass", `apdu: {command: "80B0 ${off:be16} 02 ${len:be16}", as: part}`},
	{"uid", func() operation { return &uid{} }, "the UID of a contactless card (PC/SC part 3, FFCA000000)", "uid: {as: uid}"},
	{"ats", func() operation { return &ats{} }, "the historical bytes of a contactless card's ATS (FFCA010000)", `ats: {as: ats, optional: ["6xxx"]}`},
	{"mifare-read", func() operation { return &mifareRead{} }, "blocks of one MIFARE Classic sector, opened with a key of the site; a key that the site has not configured is a refusal 6982 with the warning needs_key", "mifare-read: {sector: 1, blocks: [0, 1], key: clinic, as: name-block}"},
	{"memory-card", func() operation { return &memoryCard{} }, "name the memory card that lies in the reader; before read-memory", "memory-card: {dialect: acs, type: sle4442}"},
	{"read-memory", func() operation { return &readMemory{} }, "bytes of the memory card named before; nothing is ever written and no code presented", "read-memory: {address: 100, length: 14, as: number-bytes}"},
	{"prompt", func() operation { return &prompt{} }, "ask whoever holds the card, once, while the card is not held; in steps itself, never inside another one. Without an answer the read is that of says", "prompt: {kind: mrz}"},
	{"emrtd", func() operation { return &readDocument{} }, "the chip of a travel document, opened with the answer to the prompt before it: machine readable zone and the details that the document has in national characters. Portrait and fingers stay on the chip", "emrtd: {key: mrz, as: doc}"},
	{"for-each", func() operation { return &forEach{} }, "steps once per value of a loop variable", `for-each: {var: n, from: 1, to: 15, steps: [select-file: {fid: "${n}"}]}`},
	{"try", func() operation { return &try{} }, "steps that may be refused, and what happens then", `try: {steps: [read-binary: {sfi: 03, length: eof, as: gvd}], on: ["69xx"], partial: true}`},
}

func (st *step) DecodeNode(d *decode.Decoder, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		d.Fail(n, "a step is one key, such as read-binary: {…}")
		return
	}
	key, arg := n.Content[0], n.Content[1]
	st.line, st.kind = key.Line, key.Value
	if scopeOf(d).depth++; scopeOf(d).depth > maxStepDepth {
		d.Fail(n, "steps nest deeper than %d", maxStepDepth)
		return
	}
	defer func() { scopeOf(d).depth-- }()
	if params, ok := scopeOf(d).macros[key.Value]; ok {
		macroCall(d, arg, st, key.Value, params)
		return
	}
	known := decode.KeysOf(scopeOf(d).macros)
	for _, o := range operations {
		if o.name != key.Value {
			known = append(known, o.name)
			continue
		}
		body := o.body()
		d.Decode(arg, body)
		st.op = body
		switch b := body.(type) {
		case interface{ received() *answer }:
			st.answer = *b.received()
		case interface{ conditional() *condition }:
			st.condition = *b.conditional()
		}
		if v, ok := body.(interface {
			validate(d *decode.Decoder, n *yaml.Node)
		}); ok {
			v.validate(d, arg)
		}
		return
	}
	d.Unknown(key, "step", known)
}

// received and conditional give step.DecodeNode the keys shared by operations.
func (a *answer) received() *answer          { return a }
func (c *condition) conditional() *condition { return c }

// run is one execution of a profile's steps on one card.
type run struct {
	s           *session
	p           *Profile
	v           *variant
	vars        map[string]int
	captures    map[string]decode.Value
	notes       map[string]string
	partial     bool
	done        int    // steps so far
	secret      string // the answer to a prompt, as long as the steps run
	authorities []emrtd.Authority
	authentic   bool // the data are proven to be their issuer's
	trace       *trace
	warnings    []drivers.Warning
}

func (r *run) warn(code, field string) {
	if w := (drivers.Warning{Code: code, Field: field}); !slices.Contains(r.warnings, w) {
		r.warnings = append(r.warnings, w)
	}
}

// keep makes a capture of bytes.
func (r *run) keep(name string, b []byte) { r.captures[name] = decode.BytesValue(b) }

// steps executes a list; the data of the last step is the list's data.
func (r *run) steps(ctx context.Context, list []step) (data []byte, err error) {
	for i := range list {
		if data, err = r.step(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func (r *run) step(ctx context.Context, st *step) ([]byte, error) {
	if r.done++; r.done > maxSteps {
		return nil, fmt.Errorf("too many steps: %w", ErrLimit)
	}
	if st.OnlyFor != "" && !r.p.released(st.OnlyFor) || st.When != nil && !st.When.Holds(r.captures) {
		return nil, nil
	}
	from := r.trace.mark()
	data, err := st.op.run(ctx, r, st)
	as, appended := st.As.name(r.vars), st.Append.name(r.vars)
	r.trace.note(from, r, st, cmp.Or(as, appended))
	var refused *StatusError
	if errors.As(err, &refused) && matchSW(st.Optional, refused.SW) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if as != "" && !keepsItself(st.op) {
		r.keep(as, data)
	}
	if appended != "" {
		r.keep(appended, slices.Concat(r.captures[appended].Bytes(), data))
	}
	return data, nil
}

// keepsItself says whether an operation makes its captures on its own.
func keepsItself(op operation) bool {
	rec, ok := op.(*readRecord)
	return ok && rec.ranged()
}

// send sends one command and turns a refusal into a *StatusError. 62xx with
// data is an answer with a remark, 61xx arrives only with GET RESPONSE off.
func (r *run) send(ctx context.Context, st *step, c command, expect ...swPattern) ([]byte, error) {
	data, sw, err := r.s.command(ctx, c)
	if err != nil {
		return nil, err
	}
	if sw == swOK || sw&0xFF00 == 0x6100 || sw == 0x6282 && len(data) > 0 || matchSW(expect, uint16(sw)) {
		return data, nil
	}
	return nil, r.refusal(st, sw)
}

func (r *run) refusal(st *step, sw statusWord) error {
	return &StatusError{Profile: r.p.Label(), Step: st.kind, Line: st.line, SW: uint16(sw)}
}
