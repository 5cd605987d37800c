package card

import "encoding/json"

// Sample returns the card of the profile's first test as a replay document, which
// isocard.Parse takes: an invented person's card for training. ok is false for a
// profile without tests.
func (p *Profile) Sample() (replay []byte, ok bool) {
	if len(p.spec.Tests) == 0 {
		return nil, false
	}
	replay, err := json.Marshal(p.spec.Tests[0].Val.Replay.Val)
	return replay, err == nil
}
