package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card/isocard"
	"cardferry/drivers/pcsc"
	"cardferry/drivers/rig/pcscd"
	"cardferry/drivers/virtual"
)

// openPCSC starts a private pcscd with virtual readers and makes the desk use it.
func (d *demo) openPCSC(ctx context.Context, dir string) error {
	if !pcsc.Built {
		return fmt.Errorf("demo --pcsc: %w", drivers.ErrNotBuilt)
	}
	cards, err := virtual.ReadDeck(configs.Simulated(), "deck.json")
	if err != nil {
		return err
	}
	d.chips = map[string]*isocard.Card{}
	for _, c := range cards {
		if c.Chip == nil {
			continue
		}
		if d.chips[c.Name], err = isocard.Parse(c.Chip); err != nil {
			return fmt.Errorf("simulated card %q: %w", c.Name, err)
		}
	}
	if d.pcsc, err = pcscd.Start(ctx, pcscd.Config{Dir: filepath.Join(dir, "pcsc"), Readers: 2}); err != nil {
		return err
	}
	d.desk.env = append(d.desk.env, "PCSCLITE_CSOCK_NAME="+d.pcsc.Socket())
	return nil
}

// present shows a card to the desk: a chip card through pcscd where that runs,
// everything else through the simulated readers.
func (d *demo) present(ctx context.Context, name string) (drivers.Read, time.Duration, error) {
	chip := d.chips[name]
	if chip == nil {
		return d.deskAPI.after(ctx, func(ctx context.Context) error { return d.deskAPI.insert(ctx, name) })
	}
	slot := d.pcsc.Slots()[0]
	defer slot.Remove()
	return d.deskAPI.after(ctx, func(ctx context.Context) error { return slot.Insert(ctx, chip) })
}
