package gateway_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"cardferry/drivers"
	"cardferry/gateway"
)

var update = flag.Bool("update", false, "rewrite docs/cards.md")

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

Made from the shipped profiles and their tests by ` + "`go test ./gateway -run CardsPage -update`" + `. Nothing here was tried on
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
	if *update {
		if err := os.WriteFile(cardsPage, page.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(cardsPage)
	if err != nil || !bytes.Equal(have, page.Bytes()) {
		t.Errorf("docs/cards.md does not match the profiles; run: go test ./gateway -run CardsPage -update (%v)", err)
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
