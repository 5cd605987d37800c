package desk

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Simulator is a set of simulated readers and the cards to put into them, for
// training and demo. All methods are safe for concurrent use and return soon;
// what comes of it arrives as events, marked simulated. Errors are logged and
// hold nothing of what was scanned.
type Simulator interface {
	// Cards returns the simulated cards and codes in the order to show them.
	Cards() []SimulatedCard
	// Insert puts a card into a reader; a card already there is taken out first.
	Insert(reader, card string) error
	// Remove takes the card out of a reader.
	Remove(reader string) error
	// Scan shows a code to a scanner.
	Scan(reader, text string) error
}

// ErrNotSimulated is returned (wrapped or not) by a Simulator for a reader or
// card it does not have.
var ErrNotSimulated = errors.New("no such simulated reader or card")

// SimulatedCard is a card, document or code of an invented person.
type SimulatedCard struct {
	ID string `json:"id"`
	// Title is shown on the button.
	Title string `json:"title"`
	// Kind is the kind of reader it fits: drivers.KindSmartcard, KindIDCard or
	// KindScanner.
	Kind string `json:"kind"`
	// Text is what a scanner reads from it; only with KindScanner.
	Text string `json:"text,omitempty"`
}

// simulatorUse is the body of the simulator's POST requests.
type simulatorUse struct {
	Reader string `json:"reader"`
	Card   string `json:"card"`
	Text   string `json:"text"`
}

func (d *Desk) getSimulator(w http.ResponseWriter, _ *http.Request) error {
	if d.simulator == nil {
		return problem(codeSimulatorOff)
	}
	readers := make([]ReaderState, 0)
	for _, r := range d.Readers() {
		if r.Simulated {
			readers = append(readers, r)
		}
	}
	return writeJSON(w, struct {
		Simulated bool            `json:"simulated"`
		Readers   []ReaderState   `json:"readers"`
		Cards     []SimulatedCard `json:"cards"`
	}{true, readers, append([]SimulatedCard{}, d.simulator.Cards()...)})
}

func (d *Desk) simulateInsert(w http.ResponseWriter, r *http.Request) error {
	return d.simulate(w, r, "insert", func(u simulatorUse) error { return d.simulator.Insert(u.Reader, u.Card) })
}

func (d *Desk) simulateRemove(w http.ResponseWriter, r *http.Request) error {
	return d.simulate(w, r, "remove", func(u simulatorUse) error { return d.simulator.Remove(u.Reader) })
}

func (d *Desk) simulateScan(w http.ResponseWriter, r *http.Request) error {
	return d.simulate(w, r, "scan", func(u simulatorUse) error { return d.simulator.Scan(u.Reader, u.Text) })
}

// simulate reads the request, checks that it names a reader and does one thing
// with the simulator. The log names the use but not the text scanned, which
// might be typed from a real card.
func (d *Desk) simulate(w http.ResponseWriter, r *http.Request, use string, do func(simulatorUse) error) error {
	if d.simulator == nil {
		return problem(codeSimulatorOff)
	}
	var u simulatorUse
	if err := readJSON(r, &u); err != nil {
		return err
	}
	if u.Reader == "" || (use == "insert" && u.Card == "") || (use == "scan" && u.Text == "") {
		return problem(codeBodyInvalid)
	}
	err := do(u)
	switch {
	case errors.Is(err, ErrNotSimulated):
		return problem(codeSimulatedUnknown)
	case err != nil:
		d.logger.Warn("simulator refused", "use", use, "error", err)
		return problem(codeSimulatorRefused)
	}
	d.logger.Info("simulator used", "use", use, "simulated", true)
	return writeJSON(w, struct {
		Simulated bool `json:"simulated"`
	}{true})
}

// readJSON decodes one JSON object of known fields from the request's body,
// which the guard has bounded.
func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil && decoder.More() {
		err = errors.New("more than one JSON value")
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem(codeBodyTooLarge)
	case err != nil:
		return problem(codeBodyInvalid)
	}
	return nil
}
