//go:build cgo

package pcsc

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ebfe/scard"

	"cardferry/drivers"
	"cardferry/drivers/card"
)

func TestInsertAndRemove(t *testing.T) {
	r := run(t, readOneByte)
	name := readers[0].name
	for _, c := range []struct {
		says byte
		want string
	}{{1, "test-01"}, {2, "test-02"}} {
		r.insert(0, says(c.says))
		e := r.expect(name, drivers.Presented, drivers.Completed)
		want := drivers.Reader{Name: name, Driver: "pcsc", Kind: drivers.KindSmartcard, Simulated: true}
		if e.Reader != want {
			t.Errorf("reader %+v, want %+v", e.Reader, want)
		}
		read := e.Read
		if read.ID == "" || read.Time.IsZero() || read.Reader != name || !read.Simulated {
			t.Errorf("the driver left out something: id %q, time %v, reader %q, simulated %v", read.ID, read.Time, read.Reader, read.Simulated)
		}
		if read.Medium != c.want {
			t.Errorf("read %s, want %s", read.Medium, c.want)
		}
		r.remove(0)
		r.expect(name, drivers.Removed)
	}
}

func TestCardPresentBeforeStart(t *testing.T) {
	needService(t)
	insert(t, 3, says(7))
	awaitCard(t, client(t), readers[3].pcsc, true)
	r := run(t, readOneByte)
	r.expect(readers[3].name, drivers.Presented, drivers.Completed)
}

// Two cards are read at once: each decoder returns only when the other has
// answers too.
func TestTwoReadersAtOnce(t *testing.T) {
	met := make(chan struct{})
	r := run(t, func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		if _, err := readOneByte(ctx, ch, info); err != nil {
			return drivers.Read{}, err
		}
		select {
		case met <- struct{}{}:
		case <-met:
		case <-ctx.Done():
			return drivers.Read{}, ctx.Err()
		}
		for range 100 { // answers must not get mixed up
			if read, err := readOneByte(ctx, ch, info); err != nil {
				return read, err
			}
		}
		return readOneByte(ctx, ch, info)
	})
	r.insert(0, says(0xA0))
	r.insert(2, says(0xB2))
	for i, want := range map[int]string{0: "test-a0", 2: "test-b2"} {
		if e := r.expect(readers[i].name, drivers.Presented, drivers.Completed); e.Read.Medium != want {
			t.Errorf("%s read %s, want %s", readers[i].name, e.Read.Medium, want)
		}
	}
}

// The second card goes in before pcscd can have looked.
func TestFastSwap(t *testing.T) {
	r := run(t, readOneByte)
	name := readers[1].name
	r.insert(1, says(1))
	r.expect(name, drivers.Presented, drivers.Completed)
	r.remove(1)
	r.insert(1, says(2))
	if e := r.expect(name, drivers.Removed, drivers.Presented, drivers.Completed); e.Read.Medium != "test-02" {
		t.Errorf("read %s after the swap", e.Read.Medium)
	}
}

func TestPulledDuringRead(t *testing.T) {
	for name, read := range map[string]func(context.Context, card.Channel, card.Info) (drivers.Read, error){
		"the decoder says so": func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
			for {
				if read, err := readOneByte(ctx, ch, info); err != nil {
					return read, err
				}
			}
		},
		"the decoder makes do with what it has": func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
			var err error
			for err == nil {
				_, err = readOneByte(ctx, ch, info)
			}
			return drivers.Read{Medium: "half"}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, read)
			left := 5
			r.insert(0, &chip{apdu: func([]byte) []byte {
				if left--; left < 0 {
					return nil // pulled
				}
				return []byte{0x00, 0x90, 0x00}
			}})
			r.expect(readers[0].name, drivers.Presented, drivers.Removed)
		})
	}
}

func TestUnknownCardIsReportedOnce(t *testing.T) {
	r := run(t, func(context.Context, card.Channel, card.Info) (drivers.Read, error) {
		return drivers.Read{Medium: drivers.MediumUnknown}, nil
	})
	r.insert(0, says(0))
	r.expect(readers[0].name, drivers.Presented, drivers.Completed)
	// Another program's coming and going changes the reader's state.
	other, err := client(t).Connect(readers[0].pcsc, scard.ShareShared, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Disconnect(scard.ResetCard); err != nil {
		t.Fatal(err)
	}
	r.remove(0)
	r.expect(readers[0].name, drivers.Removed)
}

func TestReadFails(t *testing.T) {
	const secret = "CHEN HSIAO-MING"
	for name, c := range map[string]struct {
		read func(context.Context, card.Channel, card.Info) (drivers.Read, error)
		want string
	}{
		"the decoder gives up": {
			func(context.Context, card.Channel, card.Info) (drivers.Read, error) {
				return drivers.Read{}, errors.New("profile tw-nhi@1, line 9, select: card answered 6A82")
			}, "line 9"},
		"the decoder panics": {
			func(context.Context, card.Channel, card.Info) (drivers.Read, error) { panic(secret) }, "panicked (string)"},
		"the decoder sends less than a header": {
			func(ctx context.Context, ch card.Channel, _ card.Info) (drivers.Read, error) {
				_, err := ch.Transmit(ctx, nil)
				return drivers.Read{}, err
			}, "shorter than its header"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.read)
			r.insert(0, says(0))
			r.expect(readers[0].name, drivers.Presented)
			e := r.expect(readers[0].name, drivers.Faulted)
			if e.Fault.Code != drivers.FaultReadFailed || !strings.Contains(e.Fault.Detail, c.want) {
				t.Errorf("fault %+v, want %s about %q", e.Fault, drivers.FaultReadFailed, c.want)
			}
			if strings.Contains(e.Fault.Detail+r.log.String(), secret) {
				t.Error("card contents leaked")
			}
			r.remove(0)
			r.expect(readers[0].name, drivers.Removed)
		})
	}
}

// Whatever a card's ATR says, the driver survives it; what cannot carry APDUs is a
// fault the clerk can understand.
func TestATR(t *testing.T) {
	for name, c := range map[string]struct {
		atr  []byte
		want *card.Info // nil: unresponsive
	}{
		"T=1":            {atrT1, &card.Info{Protocol: card.T1}},
		"inverse, T=0":   {[]byte{0x3F, 0x00}, &card.Info{Protocol: card.T0}},
		"contactless":    {[]byte{0x3B, 0x80, 0x80, 0x01, 0x01}, &card.Info{Protocol: card.T1, Contactless: true}},
		"not an ATR":     {atr: []byte{0x00}},
		"T=15 only":      {atr: []byte{0x3B, 0x80, 0x0F}},
		"33 bytes of FF": {atr: bytes.Repeat([]byte{0xFF}, 33)},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan card.Info, 1)
			r := run(t, func(_ context.Context, _ card.Channel, info card.Info) (drivers.Read, error) {
				got <- info
				return drivers.Read{Medium: drivers.MediumUnknown}, nil
			})
			r.insert(0, &chip{atr: c.atr})
			r.expect(readers[0].name, drivers.Presented)
			if c.want == nil {
				r.expectFault(readers[0].name, drivers.FaultUnresponsive)
			} else {
				r.expect(readers[0].name, drivers.Completed)
				c.want.ATR, c.want.Reader = c.atr, readers[0].name
				if info := <-got; !reflect.DeepEqual(info, *c.want) {
					t.Errorf("card is %+v, want %+v", info, *c.want)
				}
			}
			r.remove(0)
			r.expect(readers[0].name, drivers.Removed)
		})
	}
}

// A card whose contacts bounced says something torn at first; powered anew, it is
// read.
func TestBounce(t *testing.T) {
	r := run(t, readOneByte)
	r.insert(0, &bouncing{chip: *says(5)})
	if e := r.expect(readers[0].name, drivers.Presented, drivers.Completed); e.Read.Medium != "test-05" {
		t.Errorf("read %s", e.Read.Medium)
	}
	if !strings.Contains(r.log.String(), "SCARD_E_PROTO_MISMATCH") {
		t.Error("the card was not torn when it was first tried")
	}
}

// bouncing is a card whose ATR is torn until it has been powered once more than
// at its insertion, when pcscd resets it twice.
type bouncing struct {
	chip
	resets int
}

func (b *bouncing) Reset() { b.resets++ }

func (b *bouncing) ATR() []byte {
	if b.resets < 3 {
		return atrT1[:1]
	}
	return b.chip.ATR()
}
