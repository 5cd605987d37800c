package story

import (
	"testing"

	"cardferry/drivers"
)

func TestCheck(t *testing.T) {
	const (
		a, d = drivers.Attached, drivers.Detached
		p, r = drivers.Presented, drivers.Removed
		c, f = drivers.Completed, drivers.Faulted
	)
	for _, tt := range []struct {
		name   string
		events []drivers.EventType
		sound  bool
	}{
		{"nothing yet", nil, true},
		{"two cards, re-plugged", []drivers.EventType{a, p, c, r, p, f, c, r, d, a}, true},
		{"read twice", []drivers.EventType{a, p, c, c}, false},
		{"read without a card", []drivers.EventType{a, c}, false},
		{"presented twice", []drivers.EventType{a, p, p}, false},
		{"removed twice", []drivers.EventType{a, p, r, r}, false},
		{"gone with a card inside", []drivers.EventType{a, p, d}, false},
		{"a fault after the read", []drivers.EventType{a, p, c, f}, false},
		{"attached twice", []drivers.EventType{a, a}, false},
		{"gone before it came", []drivers.EventType{d}, false},
	} {
		if err := Check(tt.events); (err == nil) != tt.sound {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
