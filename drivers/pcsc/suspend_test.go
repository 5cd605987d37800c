//go:build cgo

package pcsc

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/drivers"
)

func TestSuspended(t *testing.T) {
	for _, c := range []struct {
		name       string
		wall, mono time.Duration
		want       bool
	}{
		{"a full wait", 30 * time.Second, 30 * time.Second, false},
		{"woken early", time.Second, time.Second, false},
		{"a busy machine", 33 * time.Second, 33 * time.Second, false},
		{"slept, monotonic clock stood still", time.Hour, 30 * time.Second, true},
		{"slept for less than a wait", 20 * time.Second, 5 * time.Second, true},
		{"slept, monotonic clock went on", time.Hour, time.Hour, true},
		{"clock set forward a little", 32 * time.Second, 30 * time.Second, false},
		{"clock set back", -time.Hour, 30 * time.Second, false},
	} {
		began := now()
		ended := moment{began.wall.Add(c.wall), began.mono + c.mono}
		if got := suspended(began, ended, 30*time.Second); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// The machine sleeps for an hour with a card in a reader. Nothing is said about that
// card or any reader, and the next card is read through a new context.
func TestSuspendAndResume(t *testing.T) {
	var slept atomic.Int64
	r := startWith(t, readOneByte, func(d *Driver) {
		d.limits.watch = 100 * time.Millisecond
		d.now = func() moment {
			m := now()
			m.wall = m.wall.Add(time.Duration(slept.Load()))
			return m
		}
	})
	r.attached(readers)
	r.insert(0, says(1))
	r.expect(readers[0].name, drivers.Presented, drivers.Completed)
	for range 2 {
		resumed := strings.Count(r.log.String(), "was suspended") + 1
		slept.Add(int64(time.Hour))
		for deadline := time.Now().Add(patience); strings.Count(r.log.String(), "was suspended") < resumed; {
			if time.Now().After(deadline) {
				t.Fatal("the sleep is not noticed")
			}
			<-time.After(5 * time.Millisecond)
		}
		r.insert(2, says(2))
		r.expect(readers[2].name, drivers.Presented, drivers.Completed)
		r.remove(2)
		r.expect(readers[2].name, drivers.Removed)
	}
	if rest := r.queues[readers[0].name]; len(rest) > 0 {
		t.Errorf("events of a card that only slept: %+v", rest)
	}
	r.remove(0)
	r.expect(readers[0].name, drivers.Removed)
}
