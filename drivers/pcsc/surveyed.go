package pcsc

// Surveyed is one reader as the PC/SC service sees it.
type Surveyed struct {
	Name      string `json:"name"`      // as PC/SC names it
	Card      bool   `json:"card"`      // a card is in it
	Exclusive bool   `json:"exclusive"` // another program holds the card for itself
	Shared    bool   `json:"shared"`    // a program is connected to the card
	Mute      bool   `json:"mute"`      // the card does not answer: upside down, dirty, a memory card
}
