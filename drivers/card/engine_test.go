package card

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card/isocard"

	"github.com/google/go-cmp/cmp"
)

func engineOf(tb testing.TB, files ...string) *Engine {
	tb.Helper()
	ps, err := load(files...)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := NewEngine(ps)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// after passes n commands on to a card and then fails.
type after struct {
	Channel
	n   int
	err error
}

func (a *after) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if a.n--; a.n < 0 {
		return nil, a.err
	}
	return a.Channel.Transmit(ctx, cmd)
}

func vectorCard(tb testing.TB, name string) *isocard.Card {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	c, err := isocard.Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// A card pulled at any moment ends the read with ErrCardRemoved, never with a
// half-filled result.
func TestCardPulledAtEveryCommand(t *testing.T) {
	e := shippedEngine(t)
	for _, name := range []string{"tw-nhi", "cn-ssc-1.0", "de-egk-short-length-only", "th-nid-t0"} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				ch, info := Emulate(vectorCard(t, name))
				read, err := e.Read(t.Context(), &after{ch, n, fmt.Errorf("transmit: %w", drivers.ErrCardRemoved)}, info)
				if err == nil {
					if n < 2 {
						t.Errorf("whole read with %d commands", n)
					}
					return
				}
				if !errors.Is(err, drivers.ErrCardRemoved) || read.Medium != "" || read.Patient != nil {
					t.Fatalf("after %d commands: %v, %v", n, read, err)
				}
			}
		})
	}
}

// The context ends a read; a channel that hangs is bounded by the profile's time.
func TestTimeEndsRead(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ch, info := Emulate(vectorCard(t, "tw-nhi"))
	if _, err := shippedEngine(t).Read(ctx, ch, info); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	e := engineOf(t, minimal)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := e.Read(t.Context(), hanging{}, Info{Protocol: T1})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

type hanging struct{}

func (hanging) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// What a profile cannot do without is a typed error; it tells where and why, and
// nothing of the card.
func TestRefusedStep(t *testing.T) {
	e := engineOf(t, minimal)
	_, err := e.Replay(t.Context(), strings.NewReader(`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"sw":"6982"}]}`))
	var refused *StatusError
	if !errors.As(err, &refused) || *refused != (StatusError{Profile: "xx-test@2", Step: "read-binary", Line: 9, SW: 0x6982}) {
		t.Fatalf("got %v", err)
	}
	if want := "read xx-test: profile xx-test@2, line 9, read-binary: card answered 6982 (security status not satisfied)"; err.Error() != want {
		t.Errorf("got %s", err)
	}
}

// A reader that never answers is an error, not an unknown card; one that answers
// some probe gives an unknown card.
func TestReaderErrorsWhileProbing(t *testing.T) {
	e := shippedEngine(t)
	if _, err := e.Read(t.Context(), &after{nil, 0, errReader}, Info{Protocol: T1}); !errors.Is(err, errReader) {
		t.Errorf("got %v", err)
	}
	ch, info := Emulate(vectorCard(t, "unknown-card"))
	read, err := e.Read(t.Context(), &after{ch, 1, errReader}, info)
	if err != nil || read.Medium != drivers.MediumUnknown || read.Reader != "" || read.Simulated {
		t.Errorf("got %v, %v", read, err)
	}
}

// Probe and confirm: among profiles with the same AID the content decides.
func TestConfirm(t *testing.T) {
	confirming := func(name, prefix string) string {
		return strings.NewReplacer("profile: xx-test", "profile: "+name, "    - select-aid: {aid: A000000001}",
			"    - select-aid: {aid: A000000001}\n    - read-binary: {sfi: 01, length: 4, as: head}\n  confirm: [{from: \"head[0:2]\", equals: "+prefix+"}]").Replace(minimal)
	}
	e := engineOf(t, confirming("xx-one", "3131"), confirming("xx-two", "3232"))
	for data, want := range map[string]string{"3131333435363738": "xx-one", "3232333435363738": "xx-two", "3333333435363738": "unknown"} {
		read, err := e.Replay(t.Context(), strings.NewReader(`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"`+data+`"}]}`))
		if err != nil || read.Medium != want {
			t.Errorf("%s: got %s, %v; want %s", data, read.Medium, err, want)
		}
	}
}

// The ATR sorts candidates: the more of it a pattern names, the earlier. Protocol
// and interface exclude.
func TestCandidates(t *testing.T) {
	variant := func(name, match string) string {
		return strings.NewReplacer("profile: xx-test", "profile: "+name, "  probe:", "  "+match+"\n  probe:").Replace(minimal)
	}
	ps, err := load(variant("a-none", "priority: 1"), variant("b-mask", "atr: [3B7.18]"), variant("c-exact", "atr: [3B781800005448204E49442031]"),
		variant("d-hist", "atr: [\"hist:TH NID\"]"), variant("e-t0", "protocol: T=0"), variant("f-near", "interface: contactless"), variant("g-other", "atr: [3B7997]"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		info Info
		want string
	}{
		{Info{ATR: []byte("\x3B\x78\x18\x00\x00TH NID 1"), Protocol: T1}, "c-exact d-hist b-mask a-none g-other"},
		{Info{ATR: []byte{0x3B}, Protocol: T0, Contactless: true}, "a-none b-mask c-exact d-hist e-t0 f-near g-other"},
	} {
		var got []string
		for _, p := range candidates(ps, tt.info) {
			got = append(got, p.Name())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestHistoricalBytes(t *testing.T) {
	for _, tt := range []struct{ atr, want string }{
		{"3B6800005448204E49442036", "5448204E49442036"},                     // TB1, TC1
		{"3B781800005448204E49442031", "5448204E49442031"},                   // TA1-TC1
		{"3BFA1800008131FE4550564A434F503453494493", "50564A434F5034534944"}, // TD1, TD2
		{"3BF91800008131FE4550565F4A3244303831B6", "50565F4A3244303831"},     // checksum left out
		{"3B", ""}, {"", ""}, {"3BFF", ""}, {"3B02AABB", "AABB"}, {"3BF0F0F0F0F0", ""}, // cut short
	} {
		if got := hexed(historicalBytes(unhex(t, tt.atr))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.atr, got, tt.want)
		}
	}
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Sensitive values leave the card only where a site wants them.
func TestRelease(t *testing.T) {
	amend := func(name, release string) *Engine {
		ps, err := LoadProfiles(shippedFS(), memoryFile("amends: "+name+"\nrelease: ["+release+"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEngine(ps)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	read, err := replayVector(t, shippedEngine(t), "th-nid-with-photo")
	if err != nil || read.Patient.Photo != nil {
		t.Errorf("photo by default: %v", err)
	}
	read, err = replayVector(t, amend("th-nid", "photo"), "th-nid-with-photo")
	if err != nil || len(read.Patient.Photo) != 1 || read.Patient.Photo[0].ContentType != "image/jpeg" || !strings.HasPrefix(read.Patient.Photo[0].Data, "/9j/") {
		t.Errorf("no photo where it is wanted: %v", err)
	}
	read, err = replayVector(t, amend("cn-ssc", "ethnicity"), "cn-ssc-1.0")
	if err != nil || read.Extras["ethnicity"] != "01" {
		t.Errorf("no ethnicity where it is wanted: %v", err)
	}
	read, err = replayVector(t, amend("de-egk", "special-group, programme"), "de-egk-protected-readable")
	if err != nil || read.Extras["special-group"] != "4" || read.Extras["disease-programme"] != "1" {
		t.Errorf("no protected data where they are wanted: %v", err)
	}
}

// A field made of a sensitive one is sensitive.
func TestSensitivityIsInherited(t *testing.T) {
	e := engineOf(t, strings.NewReplacer("constants:", "  derived: {from: secret, do: [slice: \"0:2\"]}\nconstants:", `extras: {secret: "${secret}"}`, `extras: {copy: "x${derived}"}`).Replace(minimal))
	read, err := e.Replay(t.Context(), strings.NewReader(`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"3132333435363738"}]}`))
	if err != nil || read.Extras != nil {
		t.Errorf("got %v, %v", read.Extras, err)
	}
}

// A profile's own test that does not hold fails and names the place, not the value.
func TestTestProfiles(t *testing.T) {
	const tests = `tests:
  holds:
    replay: {atr: "3B00", protocol: T=1, files: [{aid: A000000001, sfi: 1, data: "3132333435363738"}]}
    expect: {medium: xx-test, profile: xx-test@2, assurance: chip-read, partial: false, patient: {resourceType: Patient, identifier: [{system: "https://example.org/id", value: "12345678"}]}}
  fails:
    replay: {atr: "3B00", protocol: T=1, files: [{aid: A000000001, sfi: 1, data: "3132333435363738"}]}
    expect: {medium: xx-test, profile: xx-test@2, assurance: chip-read, partial: false, patient: {resourceType: Patient, identifier: [{system: "https://example.org/id", value: "12345679"}]}}
  lacks:
    replay: {atr: "3B00", protocol: T=1, files: [{aid: A000000001, sfi: 1, data: "3132333435363738"}]}
    expect: {medium: xx-test, profile: xx-test@2, assurance: chip-read, partial: false}
  breaks:
    replay: {atr: "3B00", protocol: T=1, files: [{aid: A000000001, sfi: 1, sw: "6982"}]}
    expect: {}
  nonsense:
    replay: {atr: "3B00", protocol: T=3}
    expect: {}
`
	results := engineOf(t, minimal+tests).TestProfiles(t.Context())
	var got []string
	for _, r := range results {
		got = append(got, fmt.Sprintf("%s %s: %v", r.Profile, r.Test, r.Err))
	}
	want := []string{
		"xx-test@2 holds: <nil>",
		"xx-test@2 fails: read differs from what the profile's test expects: at patient.identifier[0].value",
		"xx-test@2 lacks: read differs from what the profile's test expects: at patient",
		"xx-test@2 breaks: read xx-test: profile xx-test@2, line 9, read-binary: card answered 6982 (security status not satisfied)",
		`xx-test@2 nonsense: not a usable replay file: protocol must be "T=0" or "T=1"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(results[1].Err, ErrTest) || !errors.Is(results[4].Err, isocard.ErrReplay) {
		t.Error("errors cannot be told apart")
	}
}

// A file image answers any block size and protocol with the same read.
func TestBlockSizes(t *testing.T) {
	want, err := replayVector(t, shippedEngine(t), "de-egk")
	if err != nil {
		t.Fatal(err)
	}
	text, err := readLimited(shippedFS(), "de-egk.yaml")
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile("testdata/de-egk.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []int{16, 17, 128, 223, 254, 255, 256} {
		e := engineOf(t, strings.Replace(string(text), "  extended: true\n", fmt.Sprintf("  chunk: %d\n", chunk), 1))
		for _, protocol := range []string{"T=0", "T=1"} {
			got, err := e.Replay(t.Context(), bytes.NewReader(bytes.Replace(image, []byte("T=1"), []byte(protocol), 1)))
			if err != nil {
				t.Fatalf("chunk %d, %s: %v", chunk, protocol, err)
			}
			got.ID, got.Time = want.ID, want.Time
			if diff := cmp.Diff(encode(t, want), encode(t, got)); diff != "" {
				t.Errorf("chunk %d, %s: %s", chunk, protocol, diff)
			}
		}
	}
}

// One engine serves many readers at once.
func TestConcurrentReads(t *testing.T) {
	e := shippedEngine(t)
	var wg sync.WaitGroup
	for _, name := range []string{"tw-nhi", "cn-ssc-1.0", "de-egk", "th-nid-t0", "unknown-card"} {
		for range 4 {
			wg.Go(func() {
				if _, err := replayVector(t, e, name); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	wg.Wait()
}

// An error never shows what the card said, wherever the card goes wrong.
func TestErrorsHideContent(t *testing.T) {
	e := shippedEngine(t)
	for n := range 40 {
		ch, info := Emulate(vectorCard(t, "de-egk-short-length-only"))
		_, err := e.Read(t.Context(), &after{ch, n, errReader}, info)
		if err == nil {
			continue
		}
		for _, secret := range []string{"X110411319", "Muster", "19870215", hexed([]byte("X110411319"))} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("after %d commands: %v", n, err)
			}
		}
	}
}

// Replay files come from anywhere; whatever they say, the result is a read in
// valid JSON or an error.
func FuzzReplay(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && !strings.HasSuffix(n, ".read.json") {
			f.Add(b)
		}
	}
	e := shippedEngine(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := e.Replay(t.Context(), bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := json.Marshal(read); err != nil || read.Medium == "" || len(read.ID) != 26 {
			t.Fatalf("no usable read: %v, %v", read, err)
		}
		for _, c := range read.Coverage {
			if c.Status == "" || len(c.Payor) == 0 || c.Beneficiary.Identifier == nil {
				t.Fatal("invalid Coverage")
			}
		}
	})
}

// One read of each card on the built-in card: what the engine itself costs.
func BenchmarkRead(b *testing.B) {
	e := shippedEngine(b)
	for _, name := range []string{"tw-nhi", "cn-ssc-1.0", "de-egk", "th-nid-t0", "unknown-card"} {
		b.Run(name, func(b *testing.B) {
			c := vectorCard(b, name)
			ch, info := Emulate(c)
			b.ReportAllocs()
			for b.Loop() {
				c.Reset()
				if _, err := e.Read(b.Context(), ch, info); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The engine without what fields and output cost: recognising the card and running
// its steps.
func BenchmarkSteps(b *testing.B) {
	e := shippedEngine(b)
	for _, name := range []string{"tw-nhi", "cn-ssc-1.0", "de-egk"} {
		b.Run(name, func(b *testing.B) {
			c := vectorCard(b, name)
			ch, info := Emulate(c)
			b.ReportAllocs()
			for b.Loop() {
				c.Reset()
				here := newPresence(ch, info)
				p := candidates(e.profiles, info)[0]
				r, ok, err := e.probe(b.Context(), p, &p.variants[0], here, nil)
				if err != nil || !ok {
					b.Fatal(ok, err)
				}
				if _, err := r.steps(b.Context(), r.v.Steps); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoadProfiles(b *testing.B) {
	for b.Loop() {
		shipped(b)
	}
}
