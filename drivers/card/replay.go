package card

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"

	"go.yaml.in/yaml/v3"
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
	read, err := e.Read(ctx, ch, info)
	if err != nil {
		return drivers.Read{}, err
	}
	read.Reader, read.Simulated = ReplayReader, true
	return read, nil
}

// Emulate returns the channel and card info of an emulated contact card.
func Emulate(c *isocard.Card) (Channel, Info) {
	info := Info{ATR: c.ATR(), Protocol: T1}
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
	Replay jsonTree `yaml:"replay,required"`
	Expect jsonTree `yaml:"expect,required"`
}

// jsonTree is YAML that stands for JSON.
type jsonTree struct{ val any }

func (j *jsonTree) decodeNode(d *decoder, n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		d.fail(n, "anchors and aliases are not part of the profile language")
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		d.pairs(n, func(key, val *yaml.Node) {
			var c jsonTree
			c.decodeNode(d, val)
			m[key.Value] = c.val
		})
		j.val = m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, v := range n.Content {
			var c jsonTree
			c.decodeNode(d, v)
			list = append(list, c.val)
		}
		j.val = list
	case n.Tag == "!!bool":
		j.val = n.Value == "true"
	case n.Tag == "!!int":
		j.val = float64(d.integer(n))
	default:
		j.val = d.text(n)
	}
}

// TestResult is the outcome of one of a profile's own tests.
type TestResult struct {
	Profile string // "tw-nhi@1"
	Test    string
	Err     error // nil when the test passed; names paths, never values
}

// ErrTest is wrapped by the error of a failed profile test.
var ErrTest = errors.New("read differs from what the profile's test expects")

// TestProfiles replays every profile's own tests and returns one result for
// each, in the order of the files.
func (e *Engine) TestProfiles(ctx context.Context) []TestResult {
	var out []TestResult
	for _, p := range e.profiles {
		for _, t := range p.spec.Tests {
			out = append(out, TestResult{Profile: p.Label(), Test: t.name, Err: e.test(ctx, t.val)})
		}
	}
	return out
}

func (e *Engine) test(ctx context.Context, t testCase) error {
	replay, err := json.Marshal(t.Replay.val)
	if err != nil {
		return fmt.Errorf("encode replay: %w", err)
	}
	read, err := e.Replay(ctx, bytes.NewReader(replay))
	if err != nil {
		return err
	}
	raw, err := json.Marshal(read)
	if err != nil {
		return fmt.Errorf("encode read: %w", err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		return fmt.Errorf("decode read: %w", err)
	}
	for _, key := range []string{"id", "time", "reader", "simulated"} {
		delete(got, key)
	}
	if path, differs := difference("", got, t.Expect.val); differs {
		return fmt.Errorf("%w: at %s", ErrTest, strings.TrimPrefix(path, "."))
	}
	return nil
}

// difference returns the path of the first difference between two JSON trees.
func difference(path string, a, b any) (string, bool) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return path, true
		}
		keys := slices.Concat(keysOf(x), keysOf(y))
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			xv, inX := x[k]
			yv, inY := y[k]
			if inX != inY {
				return path + "." + k, true
			}
			if p, differs := difference(path+"."+k, xv, yv); differs {
				return p, true
			}
		}
		return "", false
	case []any:
		y, ok := b.([]any)
		if !ok {
			return path, true
		}
		for i := range max(len(x), len(y)) {
			here := path + "[" + strconv.Itoa(i) + "]"
			if i >= len(x) || i >= len(y) {
				return here, true
			}
			if p, differs := difference(here, x[i], y[i]); differs {
				return p, true
			}
		}
		return "", false
	}
	return path, a != b
}
