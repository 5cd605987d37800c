package outbound

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

// TestTroubledHIS: over a receiver that loses answers, refuses for a while, hangs
// up and says things that belong to other messages, every message arrives, first in
// order, and a repeat has the same bytes. What it never takes is parked and leaves
// the rest alone.
func TestTroubledHIS(t *testing.T) {
	const count = 300
	foreign := ack("AR", "SOMEONE", "|"+canary)
	h := newHIS(t, func(id string) answer {
		if id[len(id)-1] == '7' {
			return say(hl7.AR)(id)
		}
		switch rand.IntN(12) {
		case 0:
			return answer{then: mllp.Close} // it has the message, and the answer is lost
		case 1:
			return say(hl7.AE)(id)
		case 2:
			return answer{acks: []string{ack("XX", id, "|"+canary)}}
		case 3:
			return answer{acks: []string{"no HL7 at all " + canary, foreign}, then: mllp.Close}
		case 4:
			return answer{acks: []string{foreign, ack("AA", id, ""), foreign}}
		case 5:
			a := say(hl7.AA)(id)
			a.then = mllp.Close
			return a
		}
		return say(hl7.AA)(id)
	}).start("")
	d := to(h)
	d.WhileParked = queue.Continue
	d.MaxRetries = 1000
	g := start(t, options(t.TempDir(), d))
	for i := range count {
		g.send("his", oru(fmt.Sprintf("S%03d", i)))
	}
	s := g.until("all delivered or parked", func(s DestinationState) bool { return s.Delivered+s.GivenUp == count })
	if s.GivenUp != count/10 || s.Parked != count/10 || s.Backlog != 0 || s.Failed == 0 || s.Ignored == 0 {
		t.Errorf("state %+v", s)
	}
	g.stop()
	close(h.got)
	var first []string
	seen := map[string]bool{}
	repeats := 0
	for id := range h.got {
		if seen[id] {
			repeats++
			if id != first[len(first)-1] {
				t.Errorf("%s again after %s", id, first[len(first)-1])
			}
			continue
		}
		seen[id] = true
		first = append(first, id)
	}
	if len(first) != count || !slices.IsSorted(first) {
		t.Errorf("%d arrived, in order: %v", len(first), slices.IsSorted(first))
	}
	for id, bodies := range h.bodies {
		for _, b := range bodies {
			if b != oru(id) {
				t.Errorf("%s was repeated with other bytes", id)
			}
		}
	}
	t.Logf("%d repeats", repeats)
}
