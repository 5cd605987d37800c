package card

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cardferry/drivers/card/isocard"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// skeletonHolds says that a skeleton loads and that its test passes, alone and among
// the shipped profiles.
func skeletonHolds(t *testing.T, s *jsonschema.Schema, all []*Profile, text []byte) {
	t.Helper()
	if err := s.Validate(asJSON(t, string(text))); err != nil {
		t.Errorf("schema: %v", err)
	}
	own, err := load(string(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, profiles := range [][]*Profile{own, append(all, own...)} {
		e, err := NewEngine(profiles)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range own[0].spec.Tests {
			if diff, err := e.test(t.Context(), test.Val); err != nil {
				t.Errorf("among %d profiles: %v\n%s", len(profiles), err, diff)
			}
		}
		if len(own[0].spec.Tests) != 1 {
			t.Errorf("%d tests", len(own[0].spec.Tests))
		}
	}
}

// A profile made of any card, from an image, a dialogue or a recording, loads and
// passes its own test.
func TestSkeletonOfEveryCard(t *testing.T) {
	e, schema := shippedEngine(t), compiledSchema(t)
	made := 0
	for _, p := range e.Profiles() {
		if p.Name() == "contactless-uid" {
			continue
		}
		for i, test := range p.spec.Tests {
			raw, err := json.Marshal(test.Val.Replay.Val)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(p.Name()+"/"+test.Name, func(t *testing.T) {
				text, err := Skeleton(raw, "xx-new")
				if errors.Is(err, ErrSkeleton) && strings.Contains(err.Error(), "answered nothing") {
					return
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				made++
				if i == 0 {
					skeletonHolds(t, schema, e.Profiles(), text)
				}
			})
		}
	}
	if made < 40 {
		t.Errorf("%d skeletons", made)
	}
}

// From a live card: recorded, then turned into a profile.
func TestSkeletonOfRecording(t *testing.T) {
	e, schema := shippedEngine(t), compiledSchema(t)
	for _, name := range []string{"unknown.image", "tw-nhi", "de-egk-t0", "cn-ssc-1.0", "th-nid-t0"} {
		t.Run(name, func(t *testing.T) {
			ch, info := Emulate(vectorCard(t, name))
			e := e
			if name == "unknown.image" { // whatever profiles are shipped
				e = engineOf(t, minimal, generations)
			}
			doc, _, err := Record(t.Context(), ch, info, e)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			text, err := Skeleton(raw, "xx-new")
			if err != nil {
				t.Fatal(err)
			}
			skeletonHolds(t, schema, e.Profiles(), text)
			if name != "unknown.image" {
				return
			}
			golden := "testdata/unknown.skeleton.yaml"
			if *update {
				if err := os.WriteFile(golden, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(text) {
				t.Errorf("got\n%s", text)
			}
		})
	}
}

func TestSkeletonRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, replay, profile string
		want                  error
	}{
		{"no replay", `{`, "xx-new", isocard.ErrReplay},
		{"bad replay", `{"atr":"3B00","protocol":"T=1"}`, "xx-new", isocard.ErrReplay},
		{"bad name", `{"atr":"3B00","protocol":"T=1","files":[]}`, "1 card", ErrSkeleton},
		{"silent card", `{"atr":"3B00","protocol":"T=1","exchange":[{"c":"00A4000C023F00","r":"6A82"}]}`, "xx-new", ErrSkeleton},
	} {
		if _, err := Skeleton([]byte(tt.replay), tt.profile); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

// What bytes look like, in words.
func TestLooksLike(t *testing.T) {
	for _, tt := range []struct{ bytes, want string }{
		{"61094F07A0000099990001", "BER-TLV with tags 61(4F)"},
		{"3139383630333135", "a date in digits; text: ascii, date: yyyymmdd"},
		{"19860315", "a date in BCD; bcd, date: yyyymmdd"},
		{"123456789012", "packed decimal digits"},
		{"4D7573746572", "ASCII"},
		{"B2E2CAD4", "charset of one or two bytes"},
		{"E6B58BE8AF95", "UTF-8"},
		{"4D00750073007400", "UTF-16; text: utf-16le"},
		{"00121F8B08000000000002FF", "gzip from byte 2"},
		{"FFD8FFE000", "JPEG from byte 0"},
		{"0000", "empty"},
		{"01FE027F90", "binary"},
		{"0102FE7F", "one SIMPLE-TLV object"},
	} {
		if got := looksLike(unhex(t, tt.bytes)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.bytes, got, tt.want)
		}
	}
}

// A failed test shows what differs, for people who have no Go at hand.
func TestDifferences(t *testing.T) {
	expected := map[string]any{"medium": "a", "patient": map[string]any{"name": []any{map[string]any{"text": "王測試"}}}, "partial": false}
	read := map[string]any{"medium": "a", "patient": map[string]any{"name": []any{map[string]any{"text": "王"}, "more"}}, "partial": true}
	want := "partial\n  expected false\n  read     true\npatient.name[0].text\n  expected \"王測試\"\n  read     \"王\"\npatient.name[1]\n  expected nothing\n  read     \"more\""
	if got := differences(expected, read); got != want {
		t.Errorf("got\n%s", got)
	}
	many := map[string]any{}
	for _, k := range strings.Split("a b c d e f g h i j k l m n o p q r s t u v w x", " ") {
		many[k] = true
	}
	if got := differences(many, map[string]any{}); !strings.HasSuffix(got, "and 4 more") {
		t.Errorf("got\n%s", got)
	}
}

func FuzzSkeleton(f *testing.F) {
	for _, s := range []string{`{"atr":"3B00","protocol":"T=0","exchange":[{"c":"00A4040001A0","r":"6102"},{"c":"00C0000002","r":"6F009000"},{"c":"00B0810000","r":"01029000"}]}`,
		"{" + classicATR + `,"uid":"0401","mifare":{"sectors":[{"sector":1,"keyA":"FFFFFFFFFFFF","data":"01"}]}}`,
		`{"atr":"3B04A2131091","protocol":"T=0","memory":{"type":"sle4442","data":"A2131091"}}`,
		`{"atr":"3B00","protocol":"T=1","files":[{"aid":"A000000001","sfi":1,"data":"3132"},{"path":"3F00/2F00","records":["0102"]}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, replay []byte) {
		text, err := Skeleton(replay, "xx-new")
		if err != nil {
			if !errors.Is(err, ErrSkeleton) && !errors.Is(err, isocard.ErrReplay) {
				t.Fatal(err)
			}
			return
		}
		p, err := parseProfile("f.yaml", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEngine([]*Profile{p})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range e.TestProfiles(t.Context()) {
			if r.Err != nil {
				t.Fatalf("%v\n%s\n%s", r.Err, r.Diff, text)
			}
		}
	})
}
