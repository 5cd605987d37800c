package card

import (
	"context"
	"errors"
	"fmt"

	"cardferry/drivers"
	"cardferry/drivers/decode"

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

// answer holds the keys every operation has beside its own.
type answer struct {
	As       string      `yaml:"as"`       // capture that receives the data
	Append   string      `yaml:"append"`   // capture that the data is added to
	Optional []swPattern `yaml:"optional"` // refusals that are no error; the capture stays absent
	OnlyFor  string      `yaml:"only-for"` // skip unless this sensitive field is released
}

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
	var body any
	switch key.Value {
	case "select-aid":
		body = &selectAIDBody{}
	case "select-file":
		body = &selectFileBody{}
	case "read-binary":
		body = &readBinaryBody{}
	case "read-record":
		body = &readRecordBody{}
	case "get-data":
		body = &getDataBody{}
	case "apdu":
		body = &apduBody{}
	case "for-each":
		st.op = decodeForEach(d, arg)
		return
	case "try":
		op := &try{}
		d.Decode(arg, op)
		st.op = op
		return
	default:
		d.Unknown(key, "step", append(decode.KeysOf(scopeOf(d).macros), "select-aid", "select-file", "read-binary", "read-record", "get-data", "apdu", "for-each", "try"))
		return
	}
	d.Decode(arg, body)
	b := body.(interface {
		operation
		common() *answer
	})
	st.op, st.answer = b, *b.common()
	if v, ok := body.(interface {
		validate(d *decode.Decoder, n *yaml.Node)
	}); ok {
		v.validate(d, arg)
	}
}

// common gives step.DecodeNode the keys shared by all operations.
func (a *answer) common() *answer { return a }

// run is one execution of a profile's steps on one card.
type run struct {
	s        *session
	p        *Profile
	vars     map[string]int
	captures map[string][]byte
	notes    map[string]string
	partial  bool
	done     int // steps so far
	warnings []drivers.Warning
}

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
	if st.OnlyFor != "" && !r.p.released(st.OnlyFor) {
		return nil, nil
	}
	data, err := st.op.run(ctx, r, st)
	var refused *StatusError
	if errors.As(err, &refused) && matchSW(st.Optional, refused.SW) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if st.As != "" {
		r.captures[st.As] = data
	}
	if st.Append != "" {
		r.captures[st.Append] = append(r.captures[st.Append], data...)
	}
	return data, nil
}

// send sends one command and turns a refusal into a *StatusError. 62xx with
// data is an answer with a remark, 61xx arrives only with GET RESPONSE off.
func (r *run) send(ctx context.Context, st *step, c command) ([]byte, error) {
	data, sw, err := r.s.command(ctx, c)
	if err != nil {
		return nil, err
	}
	if sw == swOK || sw&0xFF00 == 0x6100 || sw == 0x6282 && len(data) > 0 {
		return data, nil
	}
	return nil, r.refusal(st, sw)
}

func (r *run) refusal(st *step, sw statusWord) error {
	return &StatusError{Profile: r.p.Label(), Step: st.kind, Line: st.line, SW: uint16(sw)}
}
