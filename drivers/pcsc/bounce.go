//go:build cgo || windows

package pcsc

import (
	"context"
	"time"
)

// bounceMemory is how long after a short contact the next one is still suspected to be
// the same insertion.
const bounceMemory = time.Second

// bounce remembers whether a reader's contacts have just made and broken. The first
// contact of an insertion is read at once, since nearly all insertions are clean and
// the service has powered the card before it says that there is one; a pause of
// 300 ms would be felt on every patient. Only what follows a contact that was too short
// to be read waits until presence is stable.
type bounce struct{ last time.Time }

// left takes note of a card that stayed for so long and was read or not.
func (b *bounce) left(stayed time.Duration, read bool, stable time.Duration) {
	b.last = time.Time{}
	if stayed < stable && !read {
		b.last = time.Now()
	}
}

// suspected says whether a card that is there now may be bouncing.
func (b *bounce) suspected() bool { return !b.last.IsZero() && time.Since(b.last) < bounceMemory }

// settled returns s, or, while contacts bounce, the state that has then been the same
// for long enough: possibly that there is no card. Nothing is emitted meanwhile. When
// ctx ends there is no card.
func (r *reader) settled(ctx context.Context, s state) state {
	for s.present() && r.bounce.suspected() {
		timer := time.NewTimer(r.d.limits.stable)
		select {
		case <-timer.C:
			r.bounce.last = time.Time{}
		case next := <-r.states:
			r.bounce.last = time.Now()
			s = next
		case <-ctx.Done():
			s = 0
		}
		timer.Stop()
	}
	return s
}
