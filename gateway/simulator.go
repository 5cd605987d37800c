package gateway

import (
	"errors"
	"fmt"

	"cardferry/drivers"
	"cardferry/drivers/virtual"
	"cardferry/gateway/desk"
)

// simulator lets the desk work the simulated readers.
type simulator struct{ driver *virtual.Driver }

func (s simulator) Cards() []desk.SimulatedCard {
	kinds := map[string]string{
		virtual.CardReader: drivers.KindSmartcard, virtual.IDReader: drivers.KindIDCard, virtual.Scanner: drivers.KindScanner,
	}
	var cards []desk.SimulatedCard
	for _, c := range s.driver.Cards() {
		cards = append(cards, desk.SimulatedCard{ID: c.Name, Title: c.Title, Kind: kinds[c.Reader()], Text: c.Scan})
	}
	return cards
}

// Insert puts a card into the reader it is made for, whichever reader is named.
func (s simulator) Insert(_, card string) error { return known(s.driver.Present(card)) }

func (s simulator) Remove(reader string) error { return known(s.driver.Remove(reader)) }

func (s simulator) Scan(_, text string) error { return known(s.driver.Scan(text)) }

func known(err error) error {
	if errors.Is(err, virtual.ErrUnknown) {
		return fmt.Errorf("%w: %w", desk.ErrNotSimulated, err)
	}
	return err
}
