//go:build cgo

package pcsc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

// yielder is what the driver's channel has beside Transmit.
type yielder interface {
	card.Channel
	SetTransport(card.Transport)
	Yield(context.Context, func(context.Context) error) error
}

// yields is a decoder that lets other programs at the card for the time of f, between two
// commands.
func yields(f func(context.Context) error) func(context.Context, card.Channel, card.Info) (drivers.Read, error) {
	return func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		if _, err := readOneByte(ctx, ch, info); err != nil {
			return drivers.Read{}, err
		}
		if err := ch.(yielder).Yield(ctx, f); err != nil {
			return drivers.Read{}, err
		}
		return readOneByte(ctx, ch, info)
	}
}

// other is another program that is connected to the card in reader 0, in a transaction.
func other(t testing.TB) *scard.Card {
	t.Helper()
	c, err := client(t).Connect(readers[0].pcsc, scard.ShareShared, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	return c
}

// While a person is asked, the card is anybody's; then it is ours again, whatever the others
// did, and however long it took.
func TestYield(t *testing.T) {
	asked, answered := make(chan struct{}), make(chan error)
	r := run(t, yields(func(ctx context.Context) error {
		asked <- struct{}{}
		select {
		case err := <-answered:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}), func(l *limits) { l.apdu, l.connect = 300*time.Millisecond, 300*time.Millisecond })
	name := readers[0].name
	insert := func() { r.insertQuietly(0, says(1)) }
	remove := func() {
		r.remove(0)
		r.expect(name, drivers.Removed)
	}

	t.Run("another program comes and goes", func(t *testing.T) {
		insert()
		<-asked
		c := other(t)
		<-time.After(2 * r.driver.limits.connect) // longer than any limit
		if err := c.Disconnect(scard.LeaveCard); err != nil {
			t.Error(err)
		}
		answered <- nil
		r.expect(name, drivers.Presented, drivers.Completed)
		remove()
	})
	t.Run("another program resets the card", func(t *testing.T) {
		insert()
		<-asked
		if err := other(t).Disconnect(scard.ResetCard); err != nil {
			t.Error(err)
		}
		answered <- nil
		r.expect(name, drivers.Presented, drivers.Completed)
		remove()
	})
	t.Run("another program does not let go", func(t *testing.T) {
		insert()
		<-asked
		c := other(t)
		answered <- nil
		r.expect(name, drivers.Presented)
		r.expectFault(name, drivers.FaultInUse)
		if err := c.Disconnect(scard.LeaveCard); err != nil {
			t.Error(err)
		}
		<-asked // from the start
		answered <- nil
		r.expect(name, drivers.Completed)
		remove()
	})
	t.Run("nobody answers", func(t *testing.T) {
		insert()
		<-asked
		answered <- errors.New("declined")
		r.expect(name, drivers.Presented)
		r.expectFault(name, drivers.FaultReadFailed)
		remove()
	})
	t.Run("the card leaves", func(t *testing.T) {
		insert()
		<-asked
		r.remove(0)
		r.expect(name, drivers.Presented, drivers.Removed)
		insert()
		<-asked
		answered <- nil
		r.expect(name, drivers.Presented, drivers.Completed)
		remove()
	})
	t.Run("the driver ends", func(t *testing.T) {
		insert()
		<-asked
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		r.remove(0)
	})
}

// A card that its profile wants alone is out of reach of other programs while it is read.
func TestExclusive(t *testing.T) {
	taken, checked := make(chan struct{}), make(chan struct{})
	r := run(t, func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		ch.(yielder).SetTransport(card.Transport{Exclusive: true})
		read, err := readOneByte(ctx, ch, info)
		if err == nil {
			taken <- struct{}{}
			<-checked
		}
		return read, err
	})
	name := readers[0].name
	r.insert(0, says(1))
	<-taken
	if _, err := client(t).Connect(readers[0].pcsc, scard.ShareShared, scard.ProtocolAny); !errors.Is(err, scard.ErrSharingViolation) {
		t.Errorf("another program connects: %v", err)
	}
	checked <- struct{}{}
	r.expect(name, drivers.Presented, drivers.Completed)
	r.remove(0)
	r.expect(name, drivers.Removed)
}

// Where another program has the card already, the clerk is told, and the card is read when
// that program lets go of it.
func TestExclusiveTooLate(t *testing.T) {
	needService(t)
	insert(t, 0, says(1))
	desk := client(t)
	awaitCard(t, desk, readers[0].pcsc, true)
	c, err := desk.Connect(readers[0].pcsc, scard.ShareShared, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		ch.(yielder).SetTransport(card.Transport{Exclusive: true})
		return readOneByte(ctx, ch, info)
	})
	r.expect(readers[0].name, drivers.Presented)
	r.expectFault(readers[0].name, drivers.FaultInUse)
	if err := c.Disconnect(scard.LeaveCard); err != nil {
		t.Error(err)
	}
	r.expect(readers[0].name, drivers.Completed)
}

// resettable counts how often it was powered or reset.
type resettable struct {
	chip
	resets atomic.Int32
}

func (c *resettable) Reset() { c.resets.Add(1) }

// What becomes of a card after it was read, and of a read that failed.
func TestFarewell(t *testing.T) {
	for _, c := range []struct {
		name   string
		wants  card.Transport
		fails  int // reads
		resets int32
		want   drivers.EventType
	}{
		{"left as it is", card.Transport{}, 0, 0, drivers.Completed},
		{"reset", card.Transport{Disconnect: card.Reset}, 0, 1, drivers.Completed},
		{"powered off", card.Transport{Disconnect: card.Unpower}, 0, 3, drivers.Completed}, // after a reset; on again for letGo
		{"a failed read is final", card.Transport{}, 1, 0, drivers.Faulted},
		{"a failed read is tried again, cold", card.Transport{ColdReset: true}, 1, 2, drivers.Completed}, // off and on
		{"once", card.Transport{ColdReset: true}, 2, 2, drivers.Faulted},
	} {
		t.Run(c.name, func(t *testing.T) {
			c, it := c, &resettable{chip: *says(1)}
			var before atomic.Int32
			first := true
			r := run(t, func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
				if first {
					before.Store(it.resets.Load())
					first = false
				}
				ch.(yielder).SetTransport(c.wants)
				if c.fails--; c.fails >= 0 {
					return drivers.Read{}, fmt.Errorf("file too short")
				}
				return readOneByte(ctx, ch, info)
			})
			r.insert(0, it)
			r.expect(readers[0].name, drivers.Presented, c.want)
			letGo(t, readers[0].pcsc)
			if got := it.resets.Load() - before.Load(); got != c.resets {
				t.Errorf("reset %d times, want %d", got, c.resets)
			}
			r.remove(0)
			r.expect(readers[0].name, drivers.Removed)
		})
	}
}

// letGo waits until nobody is connected to the card in a reader: only then is an exclusive
// connection to be had.
func letGo(t *testing.T, reader string) {
	t.Helper()
	desk := client(t)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		c, err := desk.Connect(reader, scard.ShareExclusive, scard.ProtocolAny)
		if err == nil {
			// The answer comes behind every reset that is on its way.
			_, err = c.Transmit([]byte{0x00, 0xCA, 0x00, 0x00, 0x00})
			_ = c.Disconnect(scard.LeaveCard)
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Fatal("the card is never let go of")
}
