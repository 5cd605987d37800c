package gateway_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/gateway"
)

var update = flag.Bool("update", false, "rewrite docs/cards.md and the reference in docs/card-profiles.md")

const cardsPage = "../docs/cards.md"

// TestCardsPageIsUpToDate makes the page of readable cards from what the profiles
// themselves read from their first card.
func TestCardsPageIsUpToDate(t *testing.T) {
	tables, err := gateway.LoadTables("", nil)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	page.WriteString(`# Cards that are read

Made from the shipped profiles and their tests by ` + "`go test ./gateway -run Page -update`" + `. Nothing here was tried on
real cards of every generation; where a card differs, ` + "`cardferry card record`" + ` writes down what it says, without its holder.
Scanned codes and stripes: [configs/codes/CODES.md](../configs/codes/CODES.md).

| Card | Medium | Number | Name | Birth | Sex | Address | Insurance | Proves |
|---|---|---|---|---|---|---|---|---|
`)
	var told []string
	mark := map[bool]string{true: "●", false: ""}
	for _, p := range tables.Cards.Profiles() {
		sample, ok := p.Sample()
		if !ok {
			t.Errorf("%s has no test", p.Label())
			continue
		}
		read, err := tables.Cards.Replay(t.Context(), bytes.NewReader(sample))
		if err != nil {
			t.Errorf("%s: %v", p.Label(), err)
			continue
		}
		if read.Patient == nil {
			told = append(told, fmt.Sprintf("| %s | `%s` | %s |\n", p.Title(), p.Name(), why(read)))
			continue
		}
		pat := read.Patient
		fmt.Fprintf(&page, "| %s | `%s` | %s | %s | %s | %s | %s | %s | %s |\n", p.Title(), p.Name(),
			mark[len(pat.Identifier) > 0], mark[len(pat.Name) > 0], mark[pat.BirthDate != ""], mark[pat.Gender != ""],
			mark[len(pat.Address) > 0], mark[len(read.Coverage) > 0], read.Assurance)
	}
	page.WriteString("\n## Recognised, and told in words\n\nThese do not open here, or are not a patient's. Nothing is tried on them.\n\n| Card | Medium | Why |\n|---|---|---|\n")
	page.WriteString(strings.Join(told, ""))
	matches(t, cardsPage, page.Bytes())
}

// matches compares a page with what it should be, or writes it anew.
func matches(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is out of date; run: go test ./gateway -run Page -update (%v)", path, err)
	}
}

// TestLanguagePageIsUpToDate keeps the reference at the end of the tutorial what the
// profile language itself says.
func TestLanguagePageIsUpToDate(t *testing.T) {
	const page, begins = "../docs/card-profiles.md", "\n## What the language holds\n\n"
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	tutorial, _, found := bytes.Cut(have, []byte(begins))
	if !found {
		t.Fatalf("%s has no part %q", page, begins)
	}
	// Headings one level down, below the page's own.
	reference := append([]byte{'\n'}, card.Reference()...)
	for _, level := range []string{"### ", "## "} {
		reference = bytes.ReplaceAll(reference, []byte("\n"+level), []byte("\n#"+level))
	}
	matches(t, page, slices.Concat(tutorial, []byte(begins), reference[1:]))
}

// TestTutorialCard replays the finished profile of the tutorial.
func TestTutorialCard(t *testing.T) {
	engine, there, err := gateway.LoadProfilesAt("../docs/example")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, r := range engine.TestProfiles(t.Context()) {
		if !there[r.Profile] {
			continue
		}
		if ran++; r.Err != nil {
			t.Errorf("%s: %v", r.Test, r.Err)
		}
	}
	if ran < 2 {
		t.Errorf("%d tests", ran)
	}
}

// TestTutorialStartsFromARecording goes the way of the tutorial's first steps.
func TestTutorialStartsFromARecording(t *testing.T) {
	recording, err := os.ReadFile("../docs/example/clinic-card.json")
	if err != nil {
		t.Fatal(err)
	}
	skeleton, err := card.Skeleton(recording, "clinic-card")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clinic-card.yaml")
	if err := os.WriteFile(path, skeleton, 0o600); err != nil {
		t.Fatal(err)
	}
	engine, there, err := gateway.LoadProfilesAt(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range engine.TestProfiles(t.Context()) {
		if there[r.Profile] && r.Err != nil {
			t.Errorf("%s: %v", r.Test, r.Err)
		}
	}
	if !there["clinic-card@1"] {
		t.Errorf("no profile clinic-card@1 in %v", there)
	}
}

// TestExampleProfiles replays the profiles that are for copying.
func TestExampleProfiles(t *testing.T) {
	engine, there, err := gateway.LoadProfilesAt("../configs/cards/examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range engine.TestProfiles(t.Context()) {
		if there[r.Profile] && r.Err != nil {
			t.Errorf("%s, %s: %v", r.Profile, r.Test, r.Err)
		}
	}
}

// why is what a card without a patient says of itself.
func why(r drivers.Read) string {
	reasons := map[string]string{
		"needs_pin": "needs the holder's PIN", "needs_can": "needs the number printed on it", "needs_sam": "needs the issuer's security module",
		"needs_licence": "needs the issuer's licensed software", "needs_key": "needs a key of the site", "staff_card": "a staff card",
		"bank_card": "a bank card", "not_a_patient_card": "not a patient's card", "needs_online": "needs an online service",
	}
	for _, w := range r.Warnings {
		if s, ok := reasons[w.Code]; ok {
			return s
		}
	}
	if r.Assurance == drivers.UIDOnly {
		return "a number only, which anybody can copy"
	}
	return "no person on it"
}
