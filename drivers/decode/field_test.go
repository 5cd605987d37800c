package decode

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"cardferry/drivers"

	"github.com/google/go-cmp/cmp"
)

// language is fields, constants and output as a profile has them.
type language struct {
	Fields    Fields          `yaml:"fields,required"`
	Constants Ordered[string] `yaml:"constants"`
	Output    Output          `yaml:"output"`
}

// compile loads a text against inputs "b" of bytes and "t" of text.
func compile(text string) (*language, error) {
	root, err := Parse("test", []byte(text))
	if err != nil {
		return nil, err
	}
	d := NewDecoder("test")
	l := &language{}
	d.Decode(root, l)
	if d.Mistakes() == 0 {
		l.Fields.Compile(d, map[string]Kind{"b": KindBytes, "t": KindText})
		l.Output.Compile(d, &l.Fields, l.Constants)
	}
	return l, d.Err()
}

func evaluate(t *testing.T, text string, in map[string]Value, opt Options) (*language, *Reading) {
	t.Helper()
	l, err := compile(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Fields.Evaluate(t.Context(), in, opt)
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

func TestFields(t *testing.T) {
	in := map[string]Value{"b": BytesValue([]byte("\x00AB")), "t": TextValue("Zoë Ng")}
	for _, tt := range []struct{ name, field, want, warning string }{
		{"bytes of an input", `{from: "b[1:]", do: [text: ascii]}`, "AB", ""},
		{"text of an input counts characters", `{from: "t[2:4]"}`, "ë ", ""},
		{"a cut that is filled only in part", `{from: "t[4:9]"}`, "", "unreadable"},
		{"a cut behind the end", `{from: "t[9:12]"}`, "", ""},
		{"a cut that just fits", `{from: "t[4:6]"}`, "Ng", ""},
		{"joined", `{from: [t, t]}`, "Zoë NgZoë Ng", ""},
		{"joined with something between", `{from: ["t[0:3]", "t[4:6]"], join: ", "}`, "Zoë, Ng", ""},
		{"join leaves out what is absent", `{from: ["t[0:3]", "t[9:12]", "t[4:6]"], join: ", "}`, "Zoë, Ng", ""},
		{"the first that is present", `{first: ["t[9:12]", "t[4:6]", t]}`, "Ng", ""},
		{"when it holds", `{from: t, when: {from: "b[1:3]", equals: "4142"}}`, "Zoë Ng", ""},
		{"when it does not hold", `{from: t, when: {from: "b[1:3]", equals: "4143"}, required: true}`, "", ""},
		{"required and absent", `{from: "t[9:]", required: true}`, "", "missing"},
		{"required and unreadable", `{from: "t[4:9]", required: true}`, "", "unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, r := evaluate(t, "fields: {f: "+tt.field+"}", in, Options{})
			code := codes(r.Warnings)
			if got := string(r.Values["f"].Bytes()); got != tt.want || code != tt.warning {
				t.Errorf("got %q, %q; want %q, %q", got, code, tt.want, tt.warning)
			}
			if r.Partial != (code == "unreadable" && strings.Contains(tt.field, "required")) {
				t.Errorf("partial %v", r.Partial)
			}
		})
	}
}

func TestPredicates(t *testing.T) {
	in := map[string]Value{"b": BytesValue([]byte{0x41, 0xAC, 0x00}), "t": TextValue("ÄB12")}
	for predicate, want := range map[string]bool{
		`{from: b, equals: "41AC00"}`:              true,
		`{from: b, equals: 41 ac 00}`:              true,
		`{from: b, equals: "41AC"}`:                false,
		`{from: "b[0:2]", equals: 41AC}`:           true,
		`{from: "b[2:3]", equals: 00}`:             true,
		`{from: "b[2:4]", equals: 00}`:             false,
		`{from: b, one-of: [4142, 41AC00]}`:        true,
		`{from: b, one-of: [4142]}`:                false,
		`{from: b, matches: "^A¬"}`:                true,
		`{from: b, matches: "^B"}`:                 false,
		`{from: b, present: true}`:                 true,
		`{from: "b[3:4]", present: true}`:          false,
		`{from: "b[3:4]", present: false}`:         true,
		`{from: t, equals: ÄB12}`:                  true,
		`{from: "t[0:2]", equals: ÄB}`:             true,
		`{from: "t[2:]", equals: 12}`:              true,
		`{from: t, one-of: [x, ÄB12]}`:             true,
		`{from: t, matches: "^.B[0-9]+$"}`:         true,
		`{from: t, present: false}`:                false,
		`{from: absent, equals: x}`:                false,
		`{from: absent, matches: "^$"}`:            false,
		`{from: absent, present: false}`:           true,
		`{from: document, present: true}`:          true,
		`{from: "t[0:9]", matches: "^$"}`:          false,
		`{from: t, one-of: ["12"]}`:                false,
		`{from: "t[2:4]", one-of: [11, 12, "13"]}`: true,
	} {
		t.Run(predicate, func(t *testing.T) {
			_, r := evaluate(t, `fields: {absent: {from: "t[9:]"}, document: {from: t, do: [{replace: {from: ÄB12, to: "{}"}}, json]}, f: {from: t, when: `+predicate+"}}", in, Options{})
			if got := r.Values["f"].Present(); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Sensitive fields and what is made of them stay away until they are released;
// secret ones are of use and never shown.
func TestSensitivity(t *testing.T) {
	const text = `
fields:
  race: {from: t, sensitivity: sensitive}
  from-race: {from: race, do: [upper]}
  key: {from: b, do: [hex], sensitivity: secret}
  from-key: {from: [key, t]}
  number: {from: t, when: {from: key, equals: "4142"}}
output:
  extras: {race: "${race}", from-race: "${from-race}", number: "${number}"}
`
	in := map[string]Value{"b": BytesValue([]byte("AB")), "t": TextValue("x")}
	for _, tt := range []struct {
		name    string
		release []string
		want    map[string]any
	}{
		{"nothing released", nil, map[string]any{"number": "x"}},
		{"the source only", []string{"race"}, map[string]any{"number": "x", "race": "x"}},
		{"source and result", []string{"race", "from-race"}, map[string]any{"number": "x", "race": "x", "from-race": "X"}},
		{"a secret cannot be released", []string{"key"}, map[string]any{"number": "x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, r := evaluate(t, text, in, Options{Release: tt.release})
			var read drivers.Read
			if err := l.Output.Fill(r, l.Constants, nil, &read); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, read.Extras); diff != "" {
				t.Error(diff)
			}
		})
	}
	if l, err := compile(text); err != nil || !l.Fields.Sensitive("from-race") || l.Fields.Sensitive("from-key") || l.Fields.Sensitive("number") {
		t.Errorf("inheritance: %v", err)
	}
	// The bytes of a record that could not be decoded have the sensitive part in them.
	const record = `fields: {record: {from: b, do: [text: utf-8]}, part: {from: "record[1:]"}, race: {from: "part[1:2]", sensitivity: sensitive}, name: {from: b, do: [text: utf-8]}}`
	for _, release := range [][]string{nil, {"race"}} {
		if _, r := evaluate(t, record, map[string]Value{"b": BytesValue([]byte("\xFFAR"))}, Options{Release: release}); r.Raw["record"] != "" || r.Raw["name"] == "" {
			t.Errorf("released %v: raw of record %d, of name %d", release, len(r.Raw["record"]), len(r.Raw["name"]))
		}
	}
	// The bytes of a secret text that could not be decoded are no less secret.
	_, r := evaluate(t, `fields: {pin: {from: b, do: [text: utf-8], sensitivity: secret}}`, map[string]Value{"b": BytesValue([]byte("\xFF1234"))}, Options{})
	if len(r.Raw) != 0 || len(r.Warnings) != 1 {
		t.Errorf("raw %d, warnings %v", len(r.Raw), r.Warnings)
	}
}

// A mistake names its place and, where it can, the right word.
func TestMistakes(t *testing.T) {
	field := func(s string) string { return "fields:\n  f: {from: t, do: [" + s + "]}\n" }
	bytesField := func(s string) string { return "fields:\n  f: {from: b, do: [" + s + "]}\n" }
	for _, tt := range []struct{ name, text, want string }{
		{"unknown stage", field("uper"), `test:2:21: unknown stage "uper"; did you mean "upper"?`},
		{"argument missing", field("split"), "test:2:21: split needs an argument"},
		{"argument too many", field("upper: 1"), "test:2:28: upper takes no argument"},
		{"two keys in a stage", field("{upper: 1, lower: 1}"), "test:2:21: a stage is one word or one key"},
		{"text on bytes", bytesField("upper"), "test:2:21: upper takes text, here comes bytes"},
		{"bytes on text", field("bcd"), "test:2:21: bcd takes bytes, here comes text"},
		{"path without document", field("path: a"), "path takes a document"},
		{"document trimmed", field("json, trim: nul"), "trim takes bytes or text, here comes a document"},
		{"unknown padding", field("trim: [nul, blank]"), `unknown value "blank"`},
		{"until without hex", field("until: x"), "test:2:28: want hex bytes"},
		{"slice", field("slice: 3"), "test:2:28: want from:to"},
		{"part without index", bytesField("part: {by: FF}"), `key "index" is missing`},
		{"remove nothing", field(`remove: ""`), "want the characters to remove"},
		{"pad on both sides", field(`pad: {left: "0", right: "0", to: 3}`), "test:2:26: want one character, left or right"},
		{"pad too far", field(`pad: {left: "0", to: 1000}`), "to: 1 to 256"},
		{"replace nothing", field(`replace: {from: "", to: x}`), "from is not empty"},
		{"split without separator", field(`split: {by: "", part: 1}`), "by is the separator"},
		{"split, bounds reversed", field(`split: {by: ",", parts: {min: 3, max: 2}}`), "max not below min"},
		{"split, unquoted text", field(`split: {by: ",", part: x}`), "want a number such as 3 or -1"},
		{"match without group", field(`match: "a"`), "with one group"},
		{"match too long", field(`match: "(` + strings.Repeat("a", maxPattern) + `)"`), "at most 1024 bytes"},
		{"uint in no order", bytesField("uint: me"), `unknown value "me"`},
		{"bcd, digit as nibble", bytesField(`bcd: {nibbles: {"1": X}}`), "nibbles maps A to E"},
		{"bcd, first", bytesField(`bcd: {first: middle}`), `unknown value of first "middle"`},
		{"swap", bytesField("swap: words"), `unknown value "words"`},
		{"bits, none", bytesField("bits: {at: 1, count: 0}"), "count is 1 to 4096"},
		{"pointer", bytesField("pointer: 16"), "pointer is the number of a pair, 0 to 15"},
		{"inflate", bytesField("inflate: gz"), `unknown value "gz"; did you mean "gzip"?`},
		{"decode", field("decode: base46"), `did you mean "base45"?`},
		{"charset", bytesField("text: utf8"), `did you mean "utf-8"?`},
		{"tlv form", bytesField(`tlv: {form: bear, path: "65"}`), `unknown tlv form "bear"; did you mean "ber"?`},
		{"tlv path", bytesField(`tlv: {form: ber, path: "6"}`), "path is tags in hex"},
		{"tlv by position without index", bytesField(`tlv: {form: ascii-hex, path: "65"}`), "form ascii-hex goes with index"},
		{"tlv with index", bytesField(`tlv: {form: ber, index: 1}`), "every other form with path"},
		{"tlv take", bytesField(`tlv: {form: ber, path: "65", take: all}`), `unknown value "all"`},
		{"der", bytesField("der: {oid: 2.x}"), "oid is an object identifier"},
		{"jws", field(`jws: "a b"`), "want the plain name of a set of keys"},
		{"signed-tail", bytesField("signed-tail: {keys: x, algorithm: md5, length: 256}"), "algorithm: rsa-sha256"},
		{"path with an empty step", field("json, path: a//b"), "want a path of element names"},
		{"path too deep", field("json, path: " + strings.Repeat("a/", 40) + "a"), "at most 32 steps"},
		{"date without year", field("date: mmdd"), "layout needs yyyy"},
		{"date, day without month", field("date: yyyydd"), "layout needs yyyy"},
		{"date, three-digit month", field("date: yyyymmmdd"), "layout needs yyyy"},
		{"date without pivot", field("date: yymmdd"), "yy needs a pivot"},
		{"date, unknown pivot", field("date: {layout: yymmdd, pivot: issue}"), "pivot is birth or expiry"},
		{"date, unknown calendar", field("date: {layout: yyyymmdd, calendar: julian}"), "calendar is gregorian"},
		{"date, names without language", field("date: dd mon yyyy"), "mon needs months"},
		{"date, Buddhist year of two digits", field("date: {layout: yymmdd, calendar: buddhist, pivot: birth}"), "a Buddhist year has four digits"},
		{"date, unknown language", field("date: {layout: dd mon yyyy, months: [xx]}"), "months are in de, en, fr or nl"},
		{"map of nothing", field("map: {other: keep}"), "map needs to or ranges"},
		{"map, two ways out", field("map: {to: {a: b}, other: keep, default: x}"), "either other or default"},
		{"map, range reversed", field(`map: {ranges: [{from: "9", to: "1", value: x}]}`), "not smaller"},
		{"check of bytes on text", field("check: kvk-xor"), "check takes bytes, here comes text"},
		{"unknown check", field("check: lun"), `did you mean "luhn"?`},
		{"image", bytesField("image: gif"), `unknown value "gif"`},
		{"neither from nor first", "fields: {f: {required: true}}", `field "f" needs from or first`},
		{"both from and first", "fields: {f: {from: t, first: t}}", `field "f" needs from or first`},
		{"unknown source", "fields: {f: {from: tt}}", `test:1:20: unknown source "tt"; did you mean`},
		{"a later field", "fields: {f: {from: g}, g: {from: t}}", `unknown source "g"`},
		{"bytes joined with text", "fields: {f: {from: [b, t]}}", `"t" joins bytes with text`},
		{"first of bytes and text", "fields: {f: {first: [t, b]}}", `"b" joins text with bytes`},
		{"a document cut", "fields: {d: {from: t, do: [json]}, f: {from: \"d[0:1]\"}}", `"d" is a document; take a path of it`},
		{"documents joined", "fields: {d: {from: t, do: [json]}, f: {from: [d, d]}}", `"d" is a document; take a path of it`},
		{"predicate on a document", "fields: {d: {from: t, do: [json]}, f: {from: t, when: {from: d, equals: x}}}", `"d" is a document; take a path of it`},
		{"source with a reversed cut", "fields: {f: {from: \"t[3:2]\"}}", "want name or name[from:to]"},
		{"source not closed", "fields: {f: {from: \"t[3\"}}", "want name or name[from:to]"},
		{"sensitivity of another kind", "fields: {f: {from: t, sensitivity: high}}", "sensitivity is normal or sensitive or secret"},
		{"tags without end", bytesField(`tlv: {form: ber, path: "65` + strings.Repeat("/65", 16) + `"}`), "path is at most 16 tags"},
		{"layout too long", field("date: yyyy" + strings.Repeat("-", maxLayout)), "layout needs yyyy"},
		{"range without end", field(`map: {ranges: [{from: "1", value: x}]}`), `key "to" is missing`},
		{"signed-tail without length", bytesField("signed-tail: {keys: x, algorithm: rsa-sha256}"), `key "length" is missing`},
		{"too many stages", field("upper" + strings.Repeat(", lower", MaxStages)), "17 stages are more than 16"},
		{"too many fields", "fields:" + manyFields(maxFields+1), "257 fields are more than 256"},
		{"join of one", "fields: {f: {from: t, join: x}}", "join stands between two or more texts"},
		{"join of bytes", "fields: {f: {from: [b, b], join: x}}", "join stands between two or more texts"},
		{"predicate without test", "fields: {f: {from: t, when: {from: t}}}", "want one of equals, matches, one-of, present"},
		{"predicate with two", "fields: {f: {from: t, when: {from: t, equals: x, present: true}}}", "want one of equals"},
		{"predicate on something else", "fields: {f: {from: t, when: {from: tt, equals: x}}}", `unknown source "tt"; did you mean`},
		{"predicate, no hex", "fields: {f: {from: t, when: {from: b, equals: x}}}", `"b" is bytes: compare with hex`},
		{"predicate, bad pattern", `fields: {f: {from: t, when: {from: b, matches: "("}}}`, "want an RE2 pattern"},
		{"secret in output", `{fields: {f: {from: t, sensitivity: secret}}, output: {extras: {x: "${f}"}}}`, `unknown field "f"`},
		{"condition on a secret", `{fields: {f: {from: t, sensitivity: secret}}, output: {extras: {x: {$if: f, a: b}}}}`, `unknown field "f"`},
		{"constant named like a field", "{fields: {f: {from: t}}, constants: {f: x}}", `"f" is already the name of a field`},
		{"field named like an input", "fields: {t: {from: b}}", `"t" is already the name`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := compile(tt.text)
			var mistake *Error
			if !errors.As(err, &mistake) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\n  f%d: {from: t}", i)
	}
	return b.String()
}

// Values that double, and text that grows, end as unreadable and not in memory.
func TestBounds(t *testing.T) {
	doubling := "fields:\n  d0: {from: t}"
	for i := range 40 {
		doubling += fmt.Sprintf("\n  d%d: {from: [d%d, d%d]}", i+1, i, i)
	}
	for _, tt := range []struct {
		name, text, field string
		in                Value
	}{
		{"doubling", doubling, "d40", TextValue("x")},
		{"growing", `fields: {f: {from: t, do: [replace: {from: x, to: "` + strings.Repeat("y", 64) + `"}]}}`, "f", TextValue(strings.Repeat("x", 1<<15))},
		{"a stage that gives too much", `fields: {f: {from: t, do: [upper]}}`, "f", TextValue(strings.Repeat("x", maxValue+1))},
		{"a document that is too large", `fields: {f: {from: t, do: [json, path: a]}}`, "f", TextValue(`{"a":"` + strings.Repeat("x", maxInflated) + `"}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, r := evaluate(t, tt.text, map[string]Value{"t": tt.in}, Options{})
			if r.Values[tt.field].Present() || len(r.Warnings) == 0 || r.Warnings[0].Code != "unreadable" {
				t.Errorf("%d bytes, %v", len(r.Values[tt.field].Bytes()), r.Warnings)
			}
		})
	}
}

// The context ends an evaluation; nothing else does.
func TestEvaluateEnds(t *testing.T) {
	l, err := compile("fields: {f: {from: t}}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Fields.Evaluate(ctx, nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r, err := l.Fields.Evaluate(t.Context(), nil, Options{})
	if err != nil || r.Values["f"].Present() || len(r.Warnings) != 0 {
		t.Errorf("without inputs: %v", err)
	}
}

// What was loaded serves many readers at once.
func TestConcurrentEvaluation(t *testing.T) {
	l, err := compile(`{fields: {f: {from: b, do: [inflate: gzip, xml, path: a]}, g: {from: f, do: [upper]}}, output: {patient: {name: [{text: "${g}"}]}}}`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(gzipped("<r><a>x</a></r>"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r, err := l.Fields.Evaluate(t.Context(), map[string]Value{"b": BytesValue(b)}, Options{})
			var read drivers.Read
			if err != nil || l.Output.Fill(r, nil, nil, &read) != nil || read.Patient == nil || read.Patient.Name[0].Text != "X" {
				t.Errorf("got %v, %v", read, err)
			}
		})
	}
	wg.Wait()
}

// A value never shows itself where it might be written down.
func TestValuesAreMasked(t *testing.T) {
	v := TextValue("A123456789")
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	r := Reading{Values: map[string]Value{"f": v}, Raw: map[string]string{"f": "A123"}}
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "r", r)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v", r, &r, r), log.String(), fmt.Sprint(v), fmt.Sprintf("%v %+v %#v %s", v, v, v, v), fmt.Sprintf("%+v", map[string]Value{"f": v})} {
		if strings.Contains(s, "A123") {
			t.Errorf("shown: %s", s)
		}
	}
}
