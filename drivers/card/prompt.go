package card

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/decode"

	"go.yaml.in/yaml/v3"
)

// PromptKind is what a person is asked for. A PIN is not among them: a profile
// cannot verify one, and a wrong one would use up a try.
type PromptKind string

// The kinds of prompt.
const (
	// PromptMRZ is the machine readable zone of a travel document, or the document
	// number, birth date and expiry of it: "NUMBER,YYMMDD,YYMMDD".
	PromptMRZ PromptKind = "mrz"
	// PromptCAN is the six-digit card access number printed on the card.
	PromptCAN PromptKind = "can"
	// PromptCardNumber is the number printed on the card.
	PromptCardNumber PromptKind = "card-no"
)

// Prompt is a question to whoever holds the card, asked while the card waits.
type Prompt struct {
	Kind      PromptKind
	Profile   string // "emrtd@2"
	Masked    bool   // show dots in place of what is typed
	MaxLength int    // characters
	Reader    string // Info.Reader; empty when the driver does not say
}

// ErrPromptDeclined is for a prompt function to return when the person does not want
// to answer. The read then says in words what the card needs.
var ErrPromptDeclined = errors.New("prompt declined; present the card again to be asked again")

// promptWait is how long a person has to answer unless Options says otherwise.
const promptWait = 2 * time.Minute

// prompt is the step that asks. It stands in steps itself, once, so that waiting does
// not count for the time of the read.
type prompt struct {
	Kind      promptWord  `yaml:"kind,required" doc:"mrz or can, for emrtd; card-no, for as"`
	As        captureName `yaml:"as" doc:"text that receives a card-no; mrz and can are keys and never become one"`
	Masked    bool        `yaml:"masked" doc:"show dots in place of what is typed"`
	MaxLength int         `yaml:"max-length" doc:"characters, at most 128; without it 100 for mrz, 6 for can, 40 for card-no"`
}

// promptKinds are the kinds and the longest answer of each.
var promptKinds = map[PromptKind]int{PromptMRZ: 100, PromptCAN: 6, PromptCardNumber: 40}

const maxPrompt = 128

func (q *prompt) validate(d *decode.Decoder, n *yaml.Node) {
	kind := PromptKind(q.Kind)
	switch {
	case promptKinds[kind] == 0:
		d.Fail(n, "kind is mrz, can or card-no: a profile cannot present a PIN")
	case (kind == PromptCardNumber) != (q.As.before != "" || q.As.ref != ""):
		d.Fail(n, "as: NAME goes with card-no, and only there")
	case q.MaxLength < 0 || q.MaxLength > maxPrompt:
		d.Fail(n, "max-length is 1 to %d", maxPrompt)
	}
}

// run is never called: Engine.legs asks, outside the time of the read.
func (q *prompt) run(context.Context, *run, *step) ([]byte, error) {
	return nil, &tellError{}
}

// tellError ends a read that goes no further: the card is told in words, by the
// profile's says and, where there is one, a warning, or by the warning instead.
type tellError struct {
	warning string
	instead bool
}

func (e *tellError) Error() string { return "card is told in words: " + cmp.Or(e.warning, "no answer") }

// The warnings of an answer that does not open a card. They say nothing of it.
const (
	warnKeyMalformed = "key_malformed" // not what was asked for; the card was not tried
	warnKeyRefused   = "key_refused"   // the card did not open with it
)

// promptAt is where steps ask; -1 where they do not.
func promptAt(list []step) int {
	return slices.IndexFunc(list, func(st step) bool { _, ok := st.op.(*prompt); return ok })
}

// legs runs the steps of a read before and after its prompt, each within the time that
// the profile has.
func (e *Engine) legs(ctx context.Context, r *run) error {
	list := r.v.Steps
	if i := promptAt(list); i >= 0 {
		if err := r.leg(ctx, list[:i]); err != nil {
			return err
		}
		if err := e.ask(ctx, r, list[i].op.(*prompt)); err != nil {
			return err
		}
		list = list[i+1:]
	}
	return r.leg(ctx, list)
}

func (r *run) leg(ctx context.Context, list []step) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.p.spec.Limits.Time))
	defer cancel()
	_, err := r.steps(ctx, list)
	return err
}

// ask puts the question, once, and does not hold the card meanwhile. Why there is no
// answer is nobody's business: a prompt function's error may quote what was typed.
func (e *Engine) ask(ctx context.Context, r *run, q *prompt) error {
	if e.options.Prompt == nil {
		return &tellError{}
	}
	kind := PromptKind(q.Kind)
	question := Prompt{Kind: kind, Profile: r.p.Label(), Masked: q.Masked, MaxLength: cmp.Or(q.MaxLength, promptKinds[kind]), Reader: r.s.info.Reader}
	var answer string
	var asked error
	err := yield(ctx, r.s.ch, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, cmp.Or(e.options.PromptWait, promptWait))
		defer cancel()
		answer, asked = e.options.Prompt(ctx, question)
		if asked == nil {
			asked = ctx.Err() // an answer that comes too late is none
		}
		return asked
	})
	r.s.forget()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, drivers.ErrCardRemoved):
		return drivers.ErrCardRemoved
	case asked != nil:
		return &tellError{}
	case err != nil:
		return err
	}
	answer = strings.TrimSpace(answer)
	if answer == "" {
		return &tellError{}
	}
	if len([]rune(answer)) > question.MaxLength {
		return &tellError{warning: warnKeyMalformed}
	}
	if kind == PromptCardNumber {
		r.captures[q.As.name(r.vars)] = decode.TextValue(answer)
		return nil
	}
	r.secret = answer
	return nil
}
