//go:build cgo || windows

package pcsc

import (
	"context"
	"runtime"
	"time"

	"cardferry/drivers"
)

// blindness notices a service that does not see the card in a reader, so that the card of a
// clerk who swaps within half a second of a pull in mid-command would never be presented.
// pcsc-lite (1.9.9, and 2 as far as its source says) has two ways of that:
//
//   - It takes a slot for empty when SCardTransmit finds no card in it, without a word to its own
//     thread that watches the slot. If the next card is in by the time that thread looks, or that
//     thread was faster than the command, the slot counts as empty until the card is pulled
//     again. What tells is the counter of insertions and removals: it is the thread's. From a
//     card that was there to an empty slot it is an odd number of steps. Only power makes it
//     present again.
//   - libccid tells of a swap as of a removal, and of the new card when it is asked again, which
//     is at the next interrupt of the reader, in ten minutes, or when a program lets go of the
//     reader. A command that was lost is the only sign.
type blindness struct {
	card      state            // the last that was present
	torn      bool             // a command to it was lost
	power     bool             // the suspicion is a contradiction
	suspected <-chan time.Time // when the service has had time to look by itself; nil without suspicion
}

// saw takes note of a state with a card.
func (b *blindness) saw(s state) { *b = blindness{card: s} }

// left takes note of a state without one.
func (b *blindness) left(s state, settle time.Duration) {
	b.suspected, b.power = nil, b.contradicts(s)
	if runtime.GOOS == "linux" && (b.power || b.torn && s.empty()) {
		b.suspected = time.After(settle)
	}
}

// contradicts says whether the service's states do not go together. A service that does
// not count is never suspected.
func (b *blindness) contradicts(s state) bool {
	return b.card.present() && s.empty() && s.counter() != 0 && (s.counter()-b.card.counter())%2 == 0
}

// looked takes note that the service was made to look, or could not be for now.
func (b *blindness) looked(done bool) {
	if done {
		*b = blindness{} // what it says next is right
	} else {
		b.suspected = time.After(sharingSlow)
	}
}

// revive makes the service look into the slot, with or without powering what is there; what
// it finds comes as a state. It returns false when another program is in the way.
func (r *reader) revive(ctx context.Context, power bool) (done bool) {
	limit := r.d.limits.connect
	late := time.NewTimer(limit)
	defer late.Stop()
	if free, _ := r.linkFree(ctx, late.C); !free {
		return false
	}
	r.link = newLink(func(l *link, h *handle) (drivers.Read, error) {
		return drivers.Read{}, l.call(limit, errBusy, func() error { return h.revive(r.pcscName, power) })
	})
	_, err := r.link.wait(ctx, limit)
	r.log.Debug("the service lost sight of the slot and was made to look", "error", err)
	r.look()
	c := classify(err)
	return err == nil || c != classInUse && c != classBusy
}
