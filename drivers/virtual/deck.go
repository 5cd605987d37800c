package virtual

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// Card is something a simulated reader can be shown: a chip card, a resident
// identity card, or a code.
type Card struct {
	Name  string // unique in its deck
	Title string // what a trainer sees on the button
	// One of:
	Chip   []byte // replay JSON for isocard.Parse
	IDText []byte // 256-byte SAM text block
	Scan   string // what the scanner types
}

// Reader is the simulated reader that the card is made for.
func (c Card) Reader() string {
	switch {
	case c.Scan != "":
		return Scanner
	case len(c.IDText) > 0:
		return IDReader
	}
	return CardReader
}

// ReadDeck reads deck.json: a list of {"name", "title", and one of "chip"
// (a replay object), "idtext" (hex), "scan"}.
func ReadDeck(fsys fs.FS, name string) ([]Card, error) {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read deck of simulated cards: %w", err)
	}
	var entries []struct {
		Name   string          `json:"name"`
		Title  string          `json:"title"`
		Chip   json.RawMessage `json:"chip"`
		IDText string          `json:"idtext"`
		Scan   string          `json:"scan"`
	}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, fmt.Errorf("deck %s: %w", name, err)
	}
	deck := make([]Card, len(entries))
	for i, e := range entries {
		block, err := hex.DecodeString(strings.ReplaceAll(e.IDText, " ", ""))
		if err != nil {
			return nil, fmt.Errorf("deck %s: card %q: idtext: %w", name, e.Name, err)
		}
		deck[i] = Card{Name: e.Name, Title: e.Title, Chip: e.Chip, IDText: block, Scan: e.Scan}
	}
	return deck, nil
}
