package desk

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"cardferry/drivers"
)

// Prompt is a question to the clerk that a card cannot be read without: a number that is
// printed on it.
type Prompt struct {
	ID     string `json:"id"`
	Reader string `json:"reader"`
	// Kind is what is asked for: "mrz", "can" or "card-no".
	Kind string `json:"kind"`
	// Masked asks the page to show dots in place of what is typed.
	Masked bool `json:"masked"`
	// MaxLength of the answer in characters.
	MaxLength int `json:"max_length"`
}

// The ends of a prompt without an answer.
var (
	ErrPromptDeclined = errors.New("the clerk goes on without an answer")
	ErrNoClerk        = errors.New("no desk page is open to ask at")
)

// prompts are the questions that wait for an answer. It is safe for concurrent use.
type prompts struct {
	mu   sync.Mutex
	open map[string]openPrompt
}

type openPrompt struct {
	Prompt
	answer chan promptAnswer // takes one without waiting
}

// promptAnswer is the body of POST /v1/prompts/{id}. It is a secret of the card: it is in
// memory only, and nowhere else.
type promptAnswer struct {
	Answer  string `json:"answer"`
	Decline bool   `json:"decline"`
}

// Ask puts a question to the clerk and waits for the answer, until ctx ends at the latest.
// ID is set here. It fails with [ErrNoClerk] when nobody follows the events, and with
// [ErrPromptDeclined] when the clerk goes on without.
func (d *Desk) Ask(ctx context.Context, p Prompt) (string, error) {
	if len(d.streams) == 0 {
		return "", ErrNoClerk
	}
	p.ID = drivers.NewReadID()
	q := openPrompt{p, make(chan promptAnswer, 1)}
	d.prompts.add(q)
	defer func() {
		d.prompts.take(p.ID)
		d.announce(PromptClosed, p)
	}()
	d.announce(PromptOpened, p)
	select {
	case a := <-q.answer:
		if a.Decline {
			return "", ErrPromptDeclined
		}
		return a.Answer, nil
	case <-d.closed:
		return "", ErrNoClerk
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// announce adds an event about a prompt to the log.
func (d *Desk) announce(t EventType, p Prompt) {
	e := Event{Type: t, Time: time.Now(), Desk: d.name, Reader: p.Reader, Prompt: &p}
	for _, r := range d.Readers() {
		if r.Name == p.Reader {
			e.Driver, e.Simulated = r.Driver, r.Simulated
		}
	}
	d.events.add(e, nil)
}

func (p *prompts) add(q openPrompt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = map[string]openPrompt{}
	}
	p.open[q.ID] = q
}

// take removes a prompt: whoever takes it answers it.
func (p *prompts) take(id string) (openPrompt, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.open[id]
	delete(p.open, id)
	return q, ok
}

// peek returns a prompt that is still open.
func (p *prompts) peek(id string) (openPrompt, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.open[id]
	return q, ok
}

func (p *prompts) list() []Prompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Prompt, 0, len(p.open))
	for _, q := range p.open {
		out = append(out, q.Prompt)
	}
	slices.SortFunc(out, func(a, b Prompt) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (d *Desk) getPrompts(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, struct {
		Prompts []Prompt `json:"prompts"`
	}{d.prompts.list()})
}

func (d *Desk) answerPrompt(w http.ResponseWriter, r *http.Request) error {
	var a promptAnswer
	if err := readJSON(r, &a); err != nil {
		return err
	}
	q, ok := d.prompts.peek(r.PathValue("id"))
	if !ok {
		return problem(codePromptGone)
	}
	a.Answer = strings.TrimSpace(a.Answer)
	if !a.Decline && (a.Answer == "" || utf8.RuneCountInString(a.Answer) > q.MaxLength) {
		return problem(codeBodyInvalid)
	}
	if q, ok = d.prompts.take(q.ID); !ok { // another page was quicker
		return problem(codePromptGone)
	}
	q.answer <- a
	return writeJSON(w, struct{}{})
}
