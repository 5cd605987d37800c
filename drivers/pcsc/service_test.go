//go:build cgo || windows

package pcsc

import (
	"reflect"
	"testing"
	"time"

	"github.com/ebfe/scard"
)

func TestSameCard(t *testing.T) {
	at := func(counter int, flags scard.StateFlag) state { return state(flags | scard.StateFlag(counter)<<16) }
	for _, c := range []struct {
		name      string
		was, next state
		want      bool
	}{
		{"nothing happened", at(1, scard.StatePresent), at(1, scard.StatePresent), true},
		{"another program came", at(1, scard.StatePresent), at(1, scard.StatePresent|scard.StateInuse|scard.StateChanged), true},
		{"removed", at(1, scard.StatePresent), at(2, scard.StateEmpty), false},
		{"swapped between two looks", at(1, scard.StatePresent), at(3, scard.StatePresent), false},
		{"swapped as the counter wraps", at(0xFFFF, scard.StatePresent), at(1, scard.StatePresent), false},
		{"a service without counter", at(0, scard.StatePresent), at(0, scard.StatePresent), true},
		{"reader unavailable", at(1, scard.StatePresent), at(0, scard.StateUnavailable), false},
	} {
		if got := c.was.sameCard(c.next); got != c.want {
			t.Errorf("%s: same card %v, want %v", c.name, got, c.want)
		}
	}
}

// What the next wait is told: SCARD_STATE_UNAWARE makes it return at once with the real state.
func TestAsKnown(t *testing.T) {
	for _, c := range []struct {
		name  string
		event scard.StateFlag
		want  scard.StateFlag
	}{
		{"a card", 3<<16 | scard.StatePresent | scard.StateInuse | scard.StateChanged, 3<<16 | scard.StatePresent | scard.StateInuse},
		{"no card", 2<<16 | scard.StateEmpty | scard.StateChanged, 2<<16 | scard.StateEmpty},
		{"pcsc-lite is starting the reader", 0x10002, scard.StateUnaware},
		{"forgotten", scard.StateUnknown | scard.StateChanged, scard.StateUnknown},
		{"broken", 1<<16 | scard.StateUnavailable | scard.StateChanged, 1<<16 | scard.StateUnavailable},
		{"left to others", scard.StateIgnore, scard.StateIgnore},
	} {
		if got := state(c.event).asKnown(); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
}

func TestLearn(t *testing.T) {
	const longest = 30 * time.Second
	w := &watcher{wait: longest, longest: longest, states: []scard.ReaderState{{Reader: "A"}, {Reader: "B"}}}
	pnp := func(s scard.StateFlag) scard.ReaderState { return scard.ReaderState{Reader: pnpReader, EventState: s} }
	reader := func(name string, s scard.StateFlag) scard.ReaderState {
		return scard.ReaderState{Reader: name, EventState: s}
	}
	empty, present := scard.StateEmpty|1<<16, scard.StatePresent|2<<16
	for _, step := range []struct {
		name string
		args []scard.ReaderState
		news bool
		want []readerState
	}{
		{"first states", []scard.ReaderState{reader("A", empty|scard.StateChanged), pnp(0)}, true, []readerState{{pcscName: "A", state: state(empty)}}},
		{"the second reader's too", []scard.ReaderState{reader("B", empty|scard.StateChanged)}, true,
			[]readerState{{pcscName: "A", state: state(empty)}, {pcscName: "B", state: state(empty)}}},
		{"a card", []scard.ReaderState{reader("A", present|scard.StateChanged)}, true,
			[]readerState{{pcscName: "A", state: state(present)}, {pcscName: "B", state: state(empty)}}},
		{"woken for nothing", []scard.ReaderState{reader("A", present|scard.StateChanged)}, false,
			[]readerState{{pcscName: "A", state: state(present)}, {pcscName: "B", state: state(empty)}}},
		{"a reader that is being started is left out", []scard.ReaderState{reader("B", 1<<16|scard.StateChanged)}, true,
			[]readerState{{pcscName: "A", state: state(present)}}},
		{"and is asked for again", []scard.ReaderState{reader("B", 1<<16|scard.StateChanged)}, false,
			[]readerState{{pcscName: "A", state: state(present)}}},
		{"until the service has looked into it", []scard.ReaderState{reader("B", 1<<16|empty|scard.StateChanged)}, true,
			[]readerState{{pcscName: "A", state: state(present)}, {pcscName: "B", state: state(1<<16 | empty)}}},
		{"a reader the list has no more", []scard.ReaderState{reader("C", present)}, false,
			[]readerState{{pcscName: "A", state: state(present)}, {pcscName: "B", state: state(empty)}}},
		{"a reader the service has forgotten", []scard.ReaderState{reader("B", scard.StateUnknown|scard.StateUnavailable|scard.StateChanged)}, true,
			[]readerState{{pcscName: "A", state: state(present)}}},
	} {
		if news := w.learn(step.args); news != step.news {
			t.Errorf("%s: news %v, want %v", step.name, news, step.news)
		}
		if got := w.snapshot(); !reflect.DeepEqual(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
	if w.wait != longest {
		t.Error("no reader came, and still it hurries")
	}
	if w.learn([]scard.ReaderState{pnp(scard.StateChanged)}); w.wait != shortWait {
		t.Error("a reader came: the next may be missed")
	}
	if w.learn([]scard.ReaderState{pnp(scard.StateUnknown | scard.StateChanged)}); !w.noPnP {
		t.Error("the service does not know the pseudo reader, and it is asked again")
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		readers int
		noPnP   bool
		want    int
	}{
		{0, false, 1},
		{0, true, 0}, // the scard package panics on none
		{2, false, 3},
		{2, true, 2},
		{maxStates - 1, false, maxStates},
		{maxStates, false, maxStates}, // no place for the pseudo reader
		{maxStates + 3, false, maxStates},
	} {
		w := &watcher{noPnP: c.noPnP, wait: time.Minute, longest: time.Minute, states: make([]scard.ReaderState, c.readers)}
		args, timeout := w.arguments()
		if len(args) != c.want {
			t.Errorf("%d readers: waits for %d states, want %d", c.readers, len(args), c.want)
		}
		if hears := len(args) > 0 && args[len(args)-1].Reader == pnpReader; !hears && timeout != shortWait {
			t.Errorf("%d readers without notification: waits %v", c.readers, timeout)
		}
	}
}
