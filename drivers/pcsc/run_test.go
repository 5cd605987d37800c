//go:build cgo || windows

package pcsc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ebfe/scard"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"cardferry/drivers"
)

// Readers come and go as the watcher's lists say. No service is needed: there
// are no cards.
func TestAttendance(t *testing.T) {
	const (
		a, b = "ACR39U 00 00", "ACR39U 01 00"
		dual = "Dual 02 01"
	)
	for _, c := range []struct {
		name  string
		steps []any // []string: the list the watcher sees; error: why it sees none
		want  map[string]string
	}{
		{"a reader comes, stays and goes", []any{[]string{a}, []string{a}, []string{}},
			map[string]string{"ACR39U": "attached detached"}},
		{"only the one that left is detached", []any{[]string{a, dual}, []string{dual}},
			map[string]string{"ACR39U": "attached detached", "Dual slot 1": "attached"}},
		{"re-plugged", []any{[]string{a}, []string{}, []string{a}},
			map[string]string{"ACR39U": "attached detached attached"}},
		{"re-plugged elsewhere, the name stays", []any{[]string{a}, []string{b}, []string{a}},
			map[string]string{"ACR39U": "attached detached attached detached attached"}},
		{"two of a kind", []any{[]string{a, b}, []string{b}},
			map[string]string{"ACR39U": "attached detached", "ACR39U #2": "attached"}},
		{"the service goes", []any{[]string{a}, errDown, errDown, errDown, []string{a}},
			map[string]string{"ACR39U": "attached detached attached", Name: "fault"}},
		{"the service is back at once", []any{[]string{a}, errDown, []string{a}},
			map[string]string{"ACR39U": "attached detached attached"}},
		{"it goes twice", []any{errDown, errDown, []string{a}, errDown, errDown},
			map[string]string{"ACR39U": "attached detached", Name: "fault fault"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			ctx, cancel := context.WithCancel(t.Context())
			events := make(chan drivers.Event, 100)
			at := newAttendance(New(Config{}), func(e drivers.Event) { events <- e })
			for _, step := range c.steps {
				switch s := step.(type) {
				case error:
					at.lost(ctx, s)
				case []string:
					var list []readerState
					for _, name := range s {
						list = append(list, readerState{pcscName: name, state: state(scard.StateEmpty)})
					}
					at.seen(ctx, list)
				}
			}
			due := 0
			for _, types := range c.want {
				due += len(strings.Fields(types))
			}
			got := map[string]string{}
			note := func(e drivers.Event) {
				got[e.Reader.Name] = strings.TrimSpace(got[e.Reader.Name] + " " + string(e.Type))
			}
			for range due {
				note(<-events)
			}
			cancel()
			at.leaving.Wait()
			close(events)
			for e := range events {
				note(e)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

var errDown = errors.New("no service")
