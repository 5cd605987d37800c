package card

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"
	"cardferry/drivers/decode"
)

// ReplayReader is the reader name of replayed reads.
const ReplayReader = "replay"

// Replay reads the card described by a JSON replay file (package isocard) as if
// it lay in a reader. The read is flagged as simulated. Errors are those of Read
// and isocard.ErrReplay.
func (e *Engine) Replay(ctx context.Context, r io.Reader) (drivers.Read, error) {
	text, err := io.ReadAll(io.LimitReader(r, isocard.MaxReplay+1))
	if err != nil {
		return drivers.Read{}, fmt.Errorf("read replay file: %w", err)
	}
	c, err := isocard.Parse(text)
	if err != nil {
		return drivers.Read{}, err
	}
	ch, info := Emulate(c)
	read, err := e.withKeysOf(c).Read(ctx, ch, info)
	if err != nil {
		return drivers.Read{}, err
	}
	read.Reader, read.Simulated = ReplayReader, true
	return read, nil
}

// withKeysOf is the engine with the keys that a replay brings along before its own.
func (e *Engine) withKeysOf(c *isocard.Card) *Engine {
	own := e.options.MifareKeys
	with := *e
	with.options.Prompt = func(_ context.Context, p Prompt) (string, error) { // nobody holds a replayed card
		if a, ok := c.Answer(string(p.Kind)); ok {
			return a, nil
		}
		return "", ErrPromptDeclined
	}
	with.options.MifareKeys = func(name string) ([]byte, bool) {
		if k, ok := c.Key(name); ok {
			return k, true
		}
		return own(name)
	}
	return &with
}

// Emulate returns the channel and card info of an emulated card.
func Emulate(c *isocard.Card) (Channel, Info) {
	info := Info{ATR: c.ATR(), Protocol: T1, Contactless: c.Contactless()}
	if c.T0() {
		info.Protocol = T0
	}
	return emulated{c}, info
}

type emulated struct{ card *isocard.Card }

func (e emulated) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return e.card.APDU(cmd), nil
}

// testCase is an entry of a profile's `tests`: a replay and the read it must
// yield, whole, but for id, time, reader and simulated. A profile is tested
// among all profiles, so that a test also proves that no other one takes the card.
type testCase struct {
	Replay decode.Tree `yaml:"replay,required" doc:"a synthetic card, as cardferry card replay reads it"`
	Expect decode.Tree `yaml:"expect,required" doc:"the whole read but for id, time, reader and simulated"`
}

// TestResult is the outcome of one of a profile's own tests.
type TestResult struct {
	Profile string // "tw-nhi@1"
	Test    string
	Err     error // nil when the test passed; names paths, never values
	// Diff shows each difference between the read and what the test expects, a few
	// lines for its author. It quotes both: tests hold synthetic cards.
	Diff string
}

// ErrTest is wrapped by the error of a failed profile test.
var ErrTest = errors.New("read differs from what the profile's test expects")

// TestProfiles replays every profile's own tests and returns one result for
// each, in the order of the files.
func (e *Engine) TestProfiles(ctx context.Context) []TestResult {
	var out []TestResult
	for _, p := range e.profiles {
		for _, t := range p.spec.Tests {
			r := TestResult{Profile: p.Label(), Test: t.Name}
			r.Diff, r.Err = e.test(ctx, t.Val)
			out = append(out, r)
		}
	}
	return out
}

func (e *Engine) test(ctx context.Context, t testCase) (diff string, err error) {
	replay, err := json.Marshal(t.Replay.Val)
	if err != nil {
		return "", fmt.Errorf("encode replay: %w", err)
	}
	got, err := e.comparable(ctx, replay)
	if err != nil {
		return "", err
	}
	if path, differs := decode.Difference(got, t.Expect.Val); differs {
		return differences(t.Expect.Val, got), fmt.Errorf("%w: at %s", ErrTest, path)
	}
	return "", nil
}

// comparable is the read of a replay without what differs every time.
func (e *Engine) comparable(ctx context.Context, replay []byte) (map[string]any, error) {
	read, err := e.Replay(ctx, bytes.NewReader(replay))
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(read)
	if err != nil {
		return nil, fmt.Errorf("encode read: %w", err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		return nil, fmt.Errorf("decode read: %w", err)
	}
	for _, key := range []string{"id", "time", "reader", "simulated"} {
		delete(got, key)
	}
	return got, nil
}
