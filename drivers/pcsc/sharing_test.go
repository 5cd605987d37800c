//go:build cgo

package pcsc

import (
	"testing"
	"time"

	"github.com/ebfe/scard"

	"cardferry/drivers"
)

// A card that another program holds is read when that program lets go of it; the
// clerk hears of it once.
func TestHeldByAnotherProgram(t *testing.T) {
	for _, c := range []struct {
		name    string
		mode    scard.ShareMode
		hold    func(*scard.Card) error
		release func(*scard.Card) error
	}{
		{"exclusively", scard.ShareExclusive,
			func(*scard.Card) error { return nil },
			func(c *scard.Card) error { return c.Disconnect(scard.LeaveCard) }},
		{"in a transaction", scard.ShareShared,
			(*scard.Card).BeginTransaction,
			func(c *scard.Card) error { return c.EndTransaction(scard.LeaveCard) }},
		{"in a transaction that ends with a reset", scard.ShareShared,
			(*scard.Card).BeginTransaction,
			func(c *scard.Card) error { return c.EndTransaction(scard.ResetCard) }},
		{"by a program that ends with a reset", scard.ShareExclusive,
			func(*scard.Card) error { return nil },
			func(c *scard.Card) error { return c.Disconnect(scard.ResetCard) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			needService(t)
			other := client(t)
			insert(t, 2, says(3))
			awaitCard(t, other, readers[2].pcsc, true)
			held, err := other.Connect(readers[2].pcsc, c.mode, scard.ProtocolAny)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.hold(held); err != nil {
				t.Fatal(err)
			}
			r := run(t, readOneByte, func(l *limits) { l.connect = 300 * time.Millisecond })
			r.expect(readers[2].name, drivers.Presented)
			r.expectFault(readers[2].name, drivers.FaultInUse)
			if err := c.release(held); err != nil {
				t.Fatal(err)
			}
			if e := r.expect(readers[2].name, drivers.Completed); e.Read.Medium != "test-03" {
				t.Errorf("read %s", e.Read.Medium)
			}
			r.remove(2)
			r.expect(readers[2].name, drivers.Removed)
		})
	}
}

// A reset between connecting and reading is noticed, and the next try reads.
func TestResetByAnotherProgram(t *testing.T) {
	needService(t)
	other := client(t)
	insert(t, 2, says(3))
	awaitCard(t, other, readers[2].pcsc, true)
	held, err := other.Connect(readers[2].pcsc, scard.ShareShared, scard.ProtocolAny)
	if err != nil {
		t.Fatal(err)
	}
	try := func() error {
		h := &handle{}
		defer h.release()
		if err := h.connect(readers[2].pcsc, false); err != nil {
			t.Fatal(err)
		}
		if held != nil {
			if err := held.Disconnect(scard.ResetCard); err != nil {
				t.Fatal(err)
			}
			held = nil
		}
		return h.begin()
	}
	if err := try(); classify(err) != classReset {
		t.Errorf("after the reset: %v", err)
	}
	if err := try(); err != nil {
		t.Errorf("next try: %v", err)
	}
}

// The cold reset goes through the real service too.
func TestColdReset(t *testing.T) {
	needService(t)
	insert(t, 2, says(3))
	awaitCard(t, client(t), readers[2].pcsc, true)
	h := &handle{}
	defer h.release()
	if err := h.connect(readers[2].pcsc, true); err != nil {
		t.Fatal(err)
	}
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	if rsp, err := h.transmit([]byte{0x00, 0xCA, 0x00, 0x00, 0x00}); err != nil || rsp[0] != 3 {
		t.Errorf("% X, %v", rsp, err)
	}
}
