package card

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"

	"github.com/google/go-cmp/cmp"
)

const asking = `profile: xx-asking
version: 1
title: Test card that is asked for
assurance: chip-read
match: {probe: [select-aid: {aid: A000000001}]}
transport: {exclusive: true, disconnect: unpower, cold-reset: on-fail}
says: {code: needs_can, about: A number is printed on it.}
steps:
  - prompt: {kind: card-no, as: printed, masked: true, max-length: 8}
  - select-aid: {aid: A000000001}
  - read-binary: {sfi: 01, length: eof, as: data}
fields:
  number: {from: printed}
  name: {from: data, do: [text: ascii]}
output:
  patient: {name: [{text: "${name}"}]}
  extras: {printed: "${number}"}
tests:
  unanswered:
    replay: {atr: "3B00", protocol: "T=1", files: [{aid: "A000000001", sfi: 1, data: "414E4E41"}]}
    expect: {medium: xx-asking, profile: "xx-asking@1", assurance: uid-only, partial: false, warnings: [{code: needs_can}]}
`

// desk is a card in a reader that can do all that a channel may.
type desk struct {
	Channel
	did     []string
	removed bool // the card leaves during the prompt
}

func (d *desk) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	d.did = append(d.did, fmt.Sprintf("%02X", cmd[1]))
	return d.Channel.Transmit(ctx, cmd)
}

func (d *desk) SetTransport(t Transport) { d.did = append(d.did, fmt.Sprintf("%+v", t)) }

func (d *desk) Yield(ctx context.Context, f func(context.Context) error) error {
	d.did = append(d.did, "let go")
	err := f(ctx)
	d.did = append(d.did, "hold")
	if d.removed {
		return fmt.Errorf("begin: %w", drivers.ErrCardRemoved)
	}
	return err
}

func vectorCardOf(tb testing.TB, replay string) *isocard.Card {
	tb.Helper()
	c, err := isocard.Parse([]byte(replay))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// The card is asked for once, while nobody holds it, and what comes of it is a read.
func TestPrompt(t *testing.T) {
	const secret = "4711-Xyz"
	card := vectorCardOf(t, `{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"414E4E41"}]}`)
	for _, tt := range []struct {
		name     string
		prompt   func(ctx context.Context, p Prompt) (string, error)
		removed  bool
		printed  string
		warnings []string
		err      error
	}{
		{"answered", func(context.Context, Prompt) (string, error) { return " " + secret + "\n", nil }, false, secret, nil, nil},
		{"nobody to ask", nil, false, "", []string{"needs_can"}, nil},
		{"declined", func(context.Context, Prompt) (string, error) { return secret, ErrPromptDeclined }, false, "", []string{"needs_can"}, nil},
		{"failed", func(context.Context, Prompt) (string, error) { return "", errors.New("heard " + secret) }, false, "", []string{"needs_can"}, nil},
		{"empty", func(context.Context, Prompt) (string, error) { return "  ", nil }, false, "", []string{"needs_can"}, nil},
		{"too long", func(context.Context, Prompt) (string, error) { return secret + "9", nil }, false, "", []string{"needs_can", "key_malformed"}, nil},
		{"too late", func(ctx context.Context, _ Prompt) (string, error) { <-ctx.Done(); return secret, nil }, false, "", []string{"needs_can"}, nil},
		{"card pulled", func(context.Context, Prompt) (string, error) { return secret, nil }, true, "", nil, drivers.ErrCardRemoved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ps, err := load(asking)
				if err != nil {
					t.Fatal(err)
				}
				var asked []Prompt
				o := Options{}
				if tt.prompt != nil {
					o.Prompt = func(ctx context.Context, p Prompt) (string, error) {
						asked = append(asked, p)
						return tt.prompt(ctx, p)
					}
				}
				e, err := NewEngineWith(ps, o)
				if err != nil {
					t.Fatal(err)
				}
				card.Reset()
				ch, info := Emulate(card)
				info.Reader = "desk 1"
				d := &desk{Channel: ch, removed: tt.removed}
				start := time.Now()
				doc, read, err := Record(t.Context(), d, info, e)
				if !errors.Is(err, tt.err) || err != nil && tt.err == nil {
					t.Fatal(err)
				}
				var codes []string
				for _, w := range read.Warnings {
					codes = append(codes, w.Code)
				}
				printed, _ := read.Extras["printed"].(string)
				if diff := cmp.Diff(tt.warnings, codes); diff != "" || printed != tt.printed || (read.Patient != nil) != (tt.printed != "") {
					t.Errorf("read %v, printed %q\n%s", read, printed, diff)
				}
				want := Prompt{Kind: PromptCardNumber, Profile: "xx-asking@1", Masked: true, MaxLength: 8, Reader: "desk 1"}
				if tt.prompt != nil && (len(asked) != 1 || asked[0] != want) {
					t.Errorf("asked %+v", asked)
				}
				if tt.name == "too late" && time.Since(start) != 2*time.Minute {
					t.Errorf("waited %v", time.Since(start))
				}
				if said := fmt.Sprintf("%v %+v", err, doc); strings.Contains(said, secret) {
					t.Error("the answer is in what is said of the read")
				}
				if tt.name == "answered" {
					if diff := cmp.Diff([]string{"A4", "{Exclusive:true Disconnect:2 ColdReset:true}", "let go", "hold", "A4", "B0"}, d.did[:6]); diff != "" {
						t.Error(diff)
					}
				}
			})
		})
	}
}

// Time spent waiting for an answer is not the card's.
func TestPromptTakesNoTimeOfTheRead(t *testing.T) {
	ps, err := load(asking)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		e, err := NewEngineWith(ps, Options{PromptWait: time.Hour, Prompt: func(ctx context.Context, _ Prompt) (string, error) {
			return "1", pause(ctx, 59*time.Minute)
		}})
		if err != nil {
			t.Fatal(err)
		}
		ch, info := Emulate(vectorCardOf(t, `{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"414E4E41"}]}`))
		if read, err := e.Read(t.Context(), ch, info); err != nil || read.Patient == nil {
			t.Errorf("%v, %v", read, err)
		}
	})
}

func TestPromptMistakes(t *testing.T) {
	for _, tt := range []struct{ name, from, to, want string }{
		{"PIN", "kind: card-no, as: printed", "kind: pin", "cannot present a PIN"},
		{"key as a text", "kind: card-no", "kind: can", "as: NAME goes with card-no"},
		{"number without a name", "as: printed, ", "", "as: NAME goes with card-no"},
		{"twice", "  - select-aid", "  - prompt: {kind: mrz}\n  - select-aid", "asked for once"},
		{"inside another step", "  - select-aid: {aid: A000000001}", "  - try: {steps: [prompt: {kind: mrz}]}", "prompt and emrtd stand in steps itself"},
		{"without says", "says: {code: needs_can, about: A number is printed on it.}\n", "", "needs says"},
		{"without assurance", "assurance: chip-read\n", "", `key "assurance" is missing`},
		{"disconnect", "unpower", "eject", "disconnect"},
		{"cold reset", "on-fail", "always", "cold-reset"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(strings.Replace(asking, tt.from, tt.to, 1)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := load(asking); err != nil {
		t.Error(err)
	}
}
