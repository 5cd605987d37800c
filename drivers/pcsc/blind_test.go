//go:build cgo || windows

package pcsc

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebfe/scard"
)

// When the states of a reader do not go together: pcsc-lite's counter goes up with every
// insertion and every removal that its own thread sees.
func TestContradiction(t *testing.T) {
	for _, c := range []struct {
		name      string
		card, now state
		want      bool
	}{
		{"removed", present(3), empty(4), false},
		{"another card came and went meanwhile", present(3), empty(6), false},
		{"a command found no card; the service's thread has not looked", present(3), empty(3), true},
		{"the next card came while the command still failed", present(3), empty(5), true},
		{"the counter wraps", present(0xFFFF), empty(0), false},
		{"the counter wraps, and a card came", present(0xFFFF), empty(1), true},
		{"present", present(3), present(5), false},
		{"there was never a card", 0, empty(4), false},
		{"a service that does not count", present(0), empty(0), false},
		{"reader broken", present(3), state(scard.StateUnavailable | 3<<16), false},
	} {
		b := blindness{}
		b.saw(c.card)
		if got := b.contradicts(c.now); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// The service has time to look by itself; then it is made to, until that works.
func TestSuspicion(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pcsc-lite only")
	}
	synctest.Test(t, func(t *testing.T) {
		const settle = 600 * time.Millisecond
		var b blindness
		began := time.Now()
		at := func() time.Duration {
			select {
			case <-b.suspected:
			case <-time.After(time.Hour):
			}
			return time.Since(began)
		}
		b.saw(present(1))
		b.left(empty(1), settle) // a command found no card
		b.left(empty(2), settle) // and the service looked
		if b.suspected != nil {
			t.Error("suspects a service that saw the removal")
		}
		b.saw(present(3))
		b.left(empty(3), settle)
		if got := at(); got != settle {
			t.Errorf("makes it look after %v, want %v", got, settle)
		}
		b.looked(false)
		if got := at(); got != settle+sharingSlow {
			t.Errorf("tries again after %v, want %v", got, settle+sharingSlow)
		}
		if !b.power {
			t.Error("a contradiction, and the card is not powered")
		}
		b.looked(true)
		if b.left(empty(3), settle); b.suspected != nil {
			t.Error("does not believe what the service found")
		}

		b.saw(present(5))
		b.torn = true // a command was lost: the next card may be in already
		began = time.Now()
		b.left(empty(6), settle)
		if got := at(); got != settle || b.power {
			t.Errorf("makes it look after %v, powering %t; want %v, only looking", got, b.power, settle)
		}
	})
}
