package code_test

import (
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
)

func TestRepetitions(t *testing.T) {
	once := drivers.Read{Extras: map[string]any{"oneTime": true}}
	now := time.Unix(0, 0)
	var r code.Repeats
	for i, c := range []struct {
		after time.Duration
		scan  string
		read  drivers.Read
		want  bool
	}{
		{0, "A", drivers.Read{}, false},
		{time.Second, "A", drivers.Read{}, true},
		{time.Second, "A", drivers.Read{}, true}, // held in front: every sight counts anew
		{2 * time.Second, "A", drivers.Read{}, false},
		{time.Second, "B", drivers.Read{}, false},
		{0, "A", drivers.Read{}, false},
		{0, "V", once, false},
		{0, "V", once, false},
		{0, "V", drivers.Read{}, true},
	} {
		now = now.Add(c.after)
		if got := r.Again([]byte(c.scan), c.read, now); got != c.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}

func TestBlankScans(t *testing.T) {
	for scan, want := range map[string]bool{"": true, " ": true, "\r\n\t": true, "\x00\x02\x7F": true, "\xEF\xBB\xBF": true, "0": false, "\xFF": false, "\x1D": false} {
		if got := code.Blank([]byte(scan)); got != want {
			t.Errorf("%q: %t, want %t", scan, got, want)
		}
	}
}
