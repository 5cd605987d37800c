//go:build cgo || windows

package pcsc

import "github.com/ebfe/scard"

// state is a reader's dwEventState (PC/SC part 5, SCardGetStatusChange): flags in
// the lower half, in the upper half a counter that grows with every insertion
// and removal. The counter is what makes a swap visible that was faster than
// the watcher.
type state scard.StateFlag

func (s state) present() bool { return scard.StateFlag(s)&scard.StatePresent != 0 }

func (s state) empty() bool { return scard.StateFlag(s)&scard.StateEmpty != 0 }

func (s state) unknown() bool { return scard.StateFlag(s)&scard.StateUnknown != 0 }

func (s state) counter() uint16 { return uint16(s >> 16) }

// sameCard says that the card that was present in s has stayed.
func (s state) sameCard(next state) bool {
	return next.present() && s.counter() == next.counter()
}

// told says whether the service has looked into the reader. While pcsc-lite starts one, it
// has a counter (0x10002 was seen) and none of these.
func (s state) told() bool {
	const looked = scard.StatePresent | scard.StateEmpty | scard.StateUnknown | scard.StateUnavailable | scard.StateIgnore
	return scard.StateFlag(s)&looked != 0
}

// asKnown returns the state as dwCurrentState for the next wait. What the service has not
// told yet is asked for again: a card that is in the reader from the start would otherwise
// be no change.
func (s state) asKnown() scard.StateFlag {
	if !s.told() {
		return scard.StateUnaware
	}
	return scard.StateFlag(s) &^ scard.StateChanged
}
