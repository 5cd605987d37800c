package decode

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"cardferry/drivers"
)

// testToday is the day of all tests that need one.
var testToday = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// decodeYAML reads a text into v and fails the test on mistakes.
func decodeYAML(tb testing.TB, text string, v any) {
	tb.Helper()
	if err := tryYAML(text, v); err != nil {
		tb.Fatal(err)
	}
}

func tryYAML(text string, v any) error {
	root, err := Parse("test", []byte(text))
	if err != nil {
		return err
	}
	d := NewDecoder("test")
	d.Decode(root, v)
	return d.Err()
}

// pipeline decodes a `do` list.
func pipeline(tb testing.TB, do string) []stage {
	tb.Helper()
	var stages []stage
	decodeYAML(tb, do, &stages)
	return stages
}

// through runs a pipeline as a field named f.
func through(stages []stage, in Value, opt Options) (Value, []drivers.Warning) {
	f := &Fields{Ordered[field]{{Name: "f", Val: field{From: sources{{Name: "c", cut: whole}}, Do: stages}}}}
	if opt.Today.IsZero() {
		opt.Today = testToday
	}
	r, err := f.Evaluate(context.Background(), map[string]Value{"c": in}, opt)
	if err != nil {
		return TextValue(err.Error()), nil
	}
	return r.Values["f"], r.Warnings
}

// stageCase is a pipeline, its input in hex, and what comes out: the text (or, with
// bytes at the end, their hex) and the code of the warning if there is one.
type stageCase struct{ name, do, in, want, warning string }

const (
	unreadable = "unreadable"
	lossy      = "lossy_text"
)

func ascii7(s string) string { return hex.EncodeToString([]byte(s)) }

// fromHex are the bytes of a text in hex.
func fromHex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// codes are the codes of warnings, run together.
func codes(warnings []drivers.Warning) (all string) {
	for _, w := range warnings {
		all += w.Code
	}
	return all
}

func runStages(t *testing.T, cases []stageCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			got, warnings := through(pipeline(t, tt.do), BytesValue(fromHex(t, tt.in)), Options{})
			text := string(got.Bytes())
			if got.Kind() == KindBytes {
				text = hex.EncodeToString(got.Bytes())
			}
			if code := codes(warnings); text != tt.want || code != tt.warning {
				t.Errorf("got %q, warning %q; want %q, %q", text, code, tt.want, tt.warning)
			}
		})
	}
}

// textCases runs pipelines on text.
func textCases(t *testing.T, cases []stageCase) {
	t.Helper()
	for i := range cases {
		cases[i].in, cases[i].do = ascii7(cases[i].in), "[text: utf-8, "+cases[i].do+"]"
	}
	runStages(t, cases)
}

// elements evaluates one document stage and lists its elements.
func elements(t *testing.T, do string, in Value) (map[string]string, []drivers.Warning) {
	t.Helper()
	v, warnings := through(pipeline(t, do), in, Options{})
	if v.doc == nil {
		return nil, warnings
	}
	out := map[string]string{}
	for _, c := range v.doc.children {
		out[c.name] = string(c.text)
	}
	return out, warnings
}
