package card

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
)

// generations is a card with two generations behind one application name, and an
// old one that only its ATR tells.
const generations = `profile: xx-variants
version: 1
title: A card with generations
assurance: chip-read
match: {atr: [3B67]}
variants:
  - name: new
    match:
      probe: [select-aid: {aid: A000000001}, read-binary: {sfi: 01, length: 2, as: head}]
      confirm: [{from: head, one-of: ["3232", "3233"]}]
    steps: [read-binary: {sfi: 02, length: 4, as: name-bytes}]
  - name: plain
    match: {probe: [select-aid: {aid: A000000001}]}
    steps: [read-binary: {sfi: 03, length: 4, as: old-name}]
  - name: old
    match: {atr: [3B02414D]}
    steps: [read-binary: {sfi: 04, length: 4, as: old-name}]
fields:
  name: {first: [name-bytes, old-name], do: [text: ascii]}
  upper: {from: name, when: {from: variant, equals: plain}}
output:
  patient: {name: [{text: "${name}"}]}
  extras: {card-generation: "${variant}", upper: "${upper}"}
`

func TestVariants(t *testing.T) {
	e := engineOf(t, generations)
	for _, tt := range []struct{ name, replay, variant, text string }{
		{"by content", `{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"3232"},{"aid":"A000000001","sfi":2,"data":"41424344"}]}`, "new", "ABCD"},
		{"the next one when the content does not fit", `{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"3131"},{"aid":"A000000001","sfi":3,"data":"45464748"}]}`, "plain", "EFGH"},
		{"or is not there", `{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":3,"data":"45464748"}]}`, "plain", "EFGH"},
		{"by the whole ATR", `{"atr":"3B02414D","protocol":"T=1","files":[{"path":"3F00/0004","sfi":4,"data":"494A4B4C"}]}`, "old", "IJKL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			read, err := e.Replay(t.Context(), strings.NewReader(tt.replay))
			if err != nil || read.Medium != "xx-variants" || read.Extras["card-generation"] != tt.variant || read.Patient.Name[0].Text != tt.text {
				t.Errorf("got %v, %v, %v", read.Medium, read.Extras, err)
			}
			if (read.Extras["upper"] != nil) != (tt.variant == "plain") {
				t.Errorf("a field of one variant: %v", read.Extras)
			}
		})
	}
	for _, atr := range []string{"3B00", "3B0241", "3B02414D00FF"} {
		read, err := e.Replay(t.Context(), strings.NewReader(`{"atr":"`+atr+`","protocol":"T=1","files":[]}`))
		if err != nil || read.Medium != drivers.MediumUnknown {
			t.Errorf("%s: got %s, %v", atr, read.Medium, err)
		}
	}
}

func TestVariantMistakes(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"steps beside variants", "fields:", "steps: [select-file: {fid: 0001}]\nfields:", "variants goes without steps"},
		{"probe outside", "match: {atr: [3B67]}", "match: {probe: [select-file: {fid: 0001}]}", "probe and confirm stand in each variant's match"},
		{"same name", "name: plain", "name: new", `variant "new" needs a plain name of its own`},
		{"part of an ATR", "atr: [3B02414D]", "atr: [3B0241]", `variant "old" needs a probe`},
		{"confirm without capture", "from: head", "from: heads", `unknown source "heads"; did you mean "head"?`},
		{"unknown key", "match: {probe", "match: {priority: 3, probe", `unknown key "priority"`},
		{"constant of that name", "fields:", "constants: {variant: x}\nfields:", "the constant variant is the variant's name"},
		{"no variants", generations[strings.Index(generations, "variants:"):strings.Index(generations, "fields:")], "variants: []\n", "variants is a list of at least one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(generations, tt.old) {
				t.Fatalf("the profile has no %q", tt.old)
			}
			var pe *ProfileError
			if _, err := load(strings.Replace(generations, tt.old, tt.new, 1)); !errors.As(err, &pe) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

const saying = `profile: xx-locked
version: 1
title: A card behind a PIN
match:
  atr: [3B00]
  probe: [select-aid: {aid: A000000002}]
says: {code: needs_pin, about: The data open with a PIN only.}
`

// A card that cannot be read is told in words, after every profile that reads had
// its chance.
func TestSays(t *testing.T) {
	e := engineOf(t, saying, minimal)
	read, err := e.Replay(t.Context(), strings.NewReader(`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000002"}]}`))
	if err != nil || read.Medium != "xx-locked" || read.Profile != "xx-locked@1" || read.Assurance != drivers.UIDOnly || read.Partial ||
		read.Patient != nil || read.Extras != nil || len(read.Warnings) != 1 || read.Warnings[0] != (drivers.Warning{Code: "needs_pin"}) {
		t.Errorf("got %#v, %v, %v", read, read.Warnings, err)
	}
	read, err = e.Replay(t.Context(), strings.NewReader(`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000002"},{"aid":"A000000001","sfi":1,"data":"3132333435363738"}]}`))
	if err != nil || read.Medium != "xx-test" {
		t.Errorf("a card with something to read: %s, %v", read.Medium, err)
	}
	if code, about := e.Profiles()[0].Says(); code != "needs_pin" || about != "The data open with a PIN only." {
		t.Errorf("got %q, %q", code, about)
	}
	if code, _ := e.Profiles()[1].Says(); code != "" {
		t.Errorf("a profile that reads says %q", code)
	}
}

// Probing sends no command whose answer is known: an application that the card does
// not have, or the one that was selected just now.
func TestProbesShareWhatTheyLearn(t *testing.T) {
	rename := func(name, text string) string {
		return strings.Replace(text, "profile: xx-", "profile: "+name+"-", 1)
	}
	confirmed := func(name, value string) string {
		return rename(name, strings.Replace(minimal, "    - select-aid: {aid: A000000001}",
			"    - select-aid: {aid: A000000001, le: 256, as: fci}\n  confirm: [{from: fci, equals: "+value+"}]", 1))
	}
	e := engineOf(t, rename("a", saying), rename("b", saying), rename("c", saying), confirmed("d", "6F01"), confirmed("e", "6F02"),
		rename("f", strings.Replace(minimal, "aid: A000000001", "aid: A000000003", 1)), rename("g", strings.Replace(minimal, "aid: A000000001", "aid: A000000003", 1)))
	ch := &script{t: t, lines: [][2]string{
		{"00A4040005A00000000100", "6F029000"}, // d: not its FCI; e: the same answer, its own
		{"00B0810008", "31323334353637389000"}}}
	read, err := e.Read(t.Context(), ch, Info{Protocol: T1})
	if err != nil || read.Medium != "e-test" {
		t.Errorf("got %s, %v", read.Medium, err)
	}
	ch = &script{t: t, lines: [][2]string{
		{"00A4040005A00000000100", "6A82"}, // d, e
		{"00A4040005A000000003", "6A82"},   // f, g
		{"00A4040005A000000002", "6A82"}}}  // a, b, c
	if read, err = e.Read(t.Context(), ch, Info{Protocol: T1}); err != nil || read.Medium != drivers.MediumUnknown || ch.next != 3 {
		t.Errorf("got %s after %d commands, %v", read.Medium, ch.next, err)
	}
	// Whatever came between, a selection is not taken for granted.
	s := newSession(&script{t: t, lines: [][2]string{{"00A4040001A000", "9000"}, {"00B0000001", "019000"}, {"00A4040001A000", "9000"}}}, T1)
	s.probing = true
	sel := command{ins: 0xA4, p1: 4, data: []byte{0xA0}, ne: 256}
	for _, c := range []command{sel, {ins: 0xB0, ne: 1}, sel, sel} {
		if _, sw, err := s.command(t.Context(), c); err != nil || sw != swOK {
			t.Errorf("%04X, %v", sw, err)
		}
	}
	// Once the card is known, every command is sent.
	s = newSession(&script{t: t, lines: [][2]string{{"00A4040001A000", "6A82"}, {"00A4040001A000", "6A82"}}}, T1)
	for range 2 {
		if _, sw, err := s.command(t.Context(), sel); err != nil || sw != 0x6A82 {
			t.Errorf("%04X, %v", sw, err)
		}
	}
}

// A card that needs time after it was put in gets it once, whichever profiles ask.
func TestSettle(t *testing.T) {
	slow := strings.Replace(saying, "match:", "transport: {settle: 50ms}\nmatch:", 1)
	e := engineOf(t, slow, strings.Replace(slow, "profile: xx-", "profile: yy-", 1), strings.NewReplacer("50ms", "80ms", "profile: xx-", "profile: zz-").Replace(slow))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := e.Read(t.Context(), &after{echoRefusal{}, 9, nil}, Info{ATR: []byte{0x3B, 0x00}, Protocol: T1}); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 80*time.Millisecond {
			t.Errorf("waited %v", d)
		}
	})
}

// slow is a card that knows nothing and takes its time to say so.
type slow struct{ each time.Duration }

func (s slow) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	return []byte{0x6A, 0x88}, pause(ctx, s.each)
}

// However many profiles there are, recognising a card comes to an end.
func TestRecognisingIsBounded(t *testing.T) {
	var files []string
	for i := range 20 {
		files = append(files, strings.Replace(minimal, "profile: xx-test", "profile: xx-"+string(rune('a'+i)), 1))
	}
	e := engineOf(t, files...)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := e.Read(t.Context(), slow{4 * time.Second}, Info{Protocol: T1}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > probeTime {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

// An unknown card is asked once for each application that some profile knows.
func TestUnknownCardIsAskedOnce(t *testing.T) {
	e := shippedEngine(t)
	seen := map[string]bool{}
	ch := &counting{t: t, seen: seen}
	if _, err := e.Read(t.Context(), ch, Info{ATR: []byte{0x3B, 0x00}, Protocol: T1}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commands for %d profiles", len(seen), len(e.Profiles()))
}

type counting struct {
	t    *testing.T
	seen map[string]bool
}

func (c *counting) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	if cmd[1] == 0xA4 && cmd[2] == 0x04 && c.seen[string(cmd)] {
		c.t.Errorf("sent %X twice", cmd)
	}
	c.seen[string(cmd)] = true
	return []byte{0x6A, 0x82}, nil
}
