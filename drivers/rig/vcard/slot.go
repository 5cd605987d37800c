package vcard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOccupied is returned by [Slot.Insert] when the slot holds a card.
var ErrOccupied = errors.New("slot already holds a card; remove it first")

// dialEvery is how often Insert tries again while pcscd is still starting.
const dialEvery = 20 * time.Millisecond

// Slot is one virtual reader slot: the place cards are put into and pulled
// from. It is safe for concurrent use.
type Slot struct {
	addr  string
	apdus atomic.Uint64

	mu   sync.Mutex
	card *insertion
}

// insertion is one card in the slot, from Insert to the end of its link.
type insertion struct {
	conn net.Conn
	gone chan struct{}
}

// NewSlot returns the slot that vpcd serves at addr, "127.0.0.1:35963".
func NewSlot(addr string) *Slot { return &Slot{addr: addr} }

// Addr returns the address of the slot's vpcd.
func (s *Slot) Addr() string { return s.addr }

// APDUs returns how many command APDUs all cards in this slot have answered.
func (s *Slot) APDUs() uint64 { return s.apdus.Load() }

// Insert puts card into the slot. It tries until ctx ends, because vpcd
// refuses while pcscd is starting, and returns when the link stands; pcscd polls
// virtual readers, so its clients see the card up to 0.4 s later. The card stays
// until Remove, until it pulls itself, or until pcscd ends.
func (s *Slot) Insert(ctx context.Context, card Card) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.card != nil {
		return ErrOccupied
	}
	conn, err := dial(ctx, s.addr)
	if err != nil {
		return fmt.Errorf("insert virtual card at %s (is pcscd with vpcd running?): %w", s.addr, err)
	}
	in := &insertion{conn: conn, gone: make(chan struct{})}
	s.card = in
	go s.run(in, card)
	return nil
}

// dial connects to vpcd, again and again until ctx ends.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	again := time.NewTicker(dialEvery)
	defer again.Stop()
	for {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-again.C:
		}
	}
}

// run serves one card; it ends when the link does.
func (s *Slot) run(in *insertion, card Card) {
	// The end of the link is the removal; why it ended is of no interest.
	_ = serve(in.conn, card, func() { s.apdus.Add(1) })
	_ = in.conn.Close()
	s.mu.Lock()
	if s.card == in {
		s.card = nil
	}
	s.mu.Unlock()
	close(in.gone)
}

// Remove pulls the card and waits until it has noticed, that is until a command
// it is busy with has returned. Without a card it does nothing.
func (s *Slot) Remove() {
	s.mu.Lock()
	in := s.card
	s.card = nil
	s.mu.Unlock()
	if in == nil {
		return
	}
	_ = in.conn.Close() // second close of a link that ended by itself
	<-in.gone
}

// Gone returns a channel that is closed when the present card has left; it is
// closed already when there is none.
func (s *Slot) Gone() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.card == nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return s.card.gone
}
