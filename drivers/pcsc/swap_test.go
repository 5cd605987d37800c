//go:build cgo

package pcsc

import (
	"testing"

	"cardferry/drivers"
)

// The next card is put in right after the last one was pulled in mid-command: vpcd, asked
// every 0.4 s, sees neither happen. A card with another ATR is presented; one that nothing tells
// from the last is read in its place.
func TestSwapThatTheServiceDoesNotSee(t *testing.T) {
	for _, c := range []struct {
		name string
		atr  []byte
	}{
		{"another kind of card", []byte{0x3B, 0x81, 0x01, 0x2A, 0xAA}},
		{"the same kind of card", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, readOneByte)
			r.insertQuietly(0, &chip{apdu: func([]byte) []byte { return nil }})
			<-service.Slots()[0].Gone()
			next := says(2)
			next.atr = c.atr
			r.insert(0, next)
			presented, removed := 0, 0
			for e := r.next(readers[0].name); ; e = r.next(readers[0].name) {
				if e.Type == drivers.Presented {
					presented++
				}
				if e.Type == drivers.Removed {
					removed++
				}
				if e.Type == drivers.Completed {
					if e.Read.Medium != "test-02" {
						t.Errorf("read %s", e.Read.Medium)
					}
					break
				}
			}
			if presented != removed+1 || c.atr != nil && presented != 2 {
				t.Errorf("presented %d times, removed %d times", presented, removed)
			}
			r.remove(0)
			r.expect(readers[0].name, drivers.Removed)
		})
	}
}

// A card that is there all the time and whose commands get lost is presented once, whatever
// is tried.
func TestLostCommandsAreNoSwap(t *testing.T) {
	r := run(t, readOneByte)
	r.insert(0, &chip{apdu: func([]byte) []byte { return []byte{0x90} }}) // no status word
	r.expect(readers[0].name, drivers.Presented)
	r.expectFault(readers[0].name, drivers.FaultReadFailed)
	r.remove(0)
	r.expect(readers[0].name, drivers.Removed)
}
