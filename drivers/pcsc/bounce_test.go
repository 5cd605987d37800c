//go:build cgo || windows

package pcsc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

func present(counter int) state { return state(scard.StatePresent | scard.StateFlag(counter)<<16) }
func empty(counter int) state   { return state(scard.StateEmpty | scard.StateFlag(counter)<<16) }

// What a reader's contacts do after a first contact that was too short, and when a
// card is taken to be there. No service is needed: nothing is read.
func TestBouncingContacts(t *testing.T) {
	const stable = 300 * time.Millisecond
	type at struct {
		after time.Duration
		state state
	}
	for _, c := range []struct {
		name  string
		short bool // the contact before this one
		later []at
		want  state
		took  time.Duration
	}{
		{"a clean insertion is read at once", false, nil, present(1), 0},
		{"stable after one bounce", true, nil, present(1), stable},
		{"another bounce", true, []at{{100 * time.Millisecond, empty(2)}}, empty(2), 100 * time.Millisecond},
		{"the counter tells of a bounce nobody saw", true, []at{{200 * time.Millisecond, present(3)}}, present(3), 200*time.Millisecond + stable},
		{"three bounces", true, []at{{50 * time.Millisecond, present(3)}, {50 * time.Millisecond, present(5)}, {50 * time.Millisecond, present(7)}},
			present(7), 150*time.Millisecond + stable},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &reader{d: New(Config{}), states: make(chan state, 1)}
				if c.short {
					r.bounce.left(20*time.Millisecond, false, stable)
				}
				go func() {
					for _, l := range c.later {
						<-time.After(l.after)
						r.update(l.state)
					}
				}()
				began := time.Now()
				got := r.settled(t.Context(), present(1))
				if took := time.Since(began); got != c.want || took != c.took {
					t.Errorf("%#x after %v, want %#x after %v", got, took, c.want, c.took)
				}
			})
		})
	}
}

func TestWhatIsABounce(t *testing.T) {
	const stable = 300 * time.Millisecond
	for _, c := range []struct {
		name   string
		stayed time.Duration
		read   bool
		after  time.Duration
		want   bool
	}{
		{"short and not read", 50 * time.Millisecond, false, 100 * time.Millisecond, true},
		{"read: a fast hand", 50 * time.Millisecond, true, 100 * time.Millisecond, false},
		{"stayed", stable, false, 100 * time.Millisecond, false},
		{"long ago", 50 * time.Millisecond, false, bounceMemory, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bounce
				b.left(c.stayed, c.read, stable)
				<-time.After(c.after)
				if b.suspected() != c.want {
					t.Errorf("suspected %t, want %t", b.suspected(), c.want)
				}
			})
		})
	}
}

// A reader whose driver never returns from the last card's command says so when the
// next card comes, once, and goes on as soon as it does return. (Through vpcd a command
// ends with its card, so this one is stuck in a channel.)
func TestAReaderThatStaysStuck(t *testing.T) {
	for _, c := range []struct {
		name    string
		reading bool
		want    drivers.FaultCode
	}{
		{"in a command", true, drivers.FaultReaderHardware},
		{"waiting for another program's transaction", false, drivers.FaultInUse},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				l := newLink(func(l *link, _ *handle) (drivers.Read, error) {
					l.reading.Store(c.reading)
					return drivers.Read{}, l.call(10*time.Millisecond, errSilent, func() error {
						<-release
						return nil
					})
				})
				if _, err := l.wait(t.Context(), time.Millisecond); !errors.Is(err, errSilent) {
					t.Fatalf("the call is not stuck: %v", err)
				}
				var faults []drivers.Fault
				r := &reader{d: New(Config{Read: func(context.Context, card.Channel, card.Info) (drivers.Read, error) {
					return drivers.Read{}, nil
				}}), link: l, emit: func(e drivers.Event) { faults = append(faults, *e.Fault) }}
				s := &session{r: r, failures: map[class]int{}, reported: map[drivers.FaultCode]bool{}}
				free := make(chan bool, 1)
				go func() { free <- s.linkFree(t.Context()) }()
				<-time.After(time.Hour)
				synctest.Wait()
				if len(faults) != 1 || faults[0].Code != c.want || !strings.Contains(faults[0].Detail, ";") {
					t.Errorf("faults %+v, want one %s with a remedy", faults, c.want)
				}
				close(release)
				if !<-free || r.link != nil {
					t.Error("the reader does not go on when the call has returned")
				}
			})
		})
	}
}
