package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/gateway/desk"
)

// errNoReaders says that the configuration names no reader.
var errNoReaders = errors.New("no reader is configured; set readers.pcsc, readers.serial or readers.usb")

// ReadCard is what decodes a card, as [card.Engine.Read].
type ReadCard func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error)

// ReadOnce drives the configured readers without a daemon until one has read
// something, and returns that. reader ("" is any) is a reader's name; told hears
// every event on the way. decode reads a chip card; nil takes the card profiles. A
// fault of a reader ends it as *desk.ReaderFaultError.
func ReadOnce(ctx context.Context, cfg *configs.Config, log *slog.Logger, reader string, decode ReadCard, told func(drivers.Event)) (drivers.Read, error) {
	g := &Gateway{cfg: cfg, log: log}
	tables, err := LoadTables(cfg.TablesDir, cfg.Readers.CardKeys)
	if err != nil {
		return drivers.Read{}, fmt.Errorf("tables_dir: %w", err)
	}
	g.approvals, err = openApprovals(cfg.DataDir)
	if errors.Is(err, fs.ErrPermission) { // another user's: as if nothing were approved
		g.approvals, err = &approvals{}, nil
	}
	if err != nil {
		return drivers.Read{}, fmt.Errorf("approved readers in data_dir: %w", err)
	}
	if decode == nil {
		decode = tables.Cards.Read
	}
	if _, err := g.makeDrivers(tables, decode); err != nil {
		return drivers.Read{}, err
	}
	if len(g.drivers) == 0 {
		return drivers.Read{}, errNoReaders
	}
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan drivers.Event)
	in := &group{stop: cancel}
	for _, d := range g.drivers {
		in.start("driver "+d.Name(), func() error {
			err := d.Run(ctx, func(e drivers.Event) {
				select {
				case events <- e:
				case <-ctx.Done():
				}
			})
			if errors.Is(err, drivers.ErrNotBuilt) && len(g.drivers) > 1 {
				<-ctx.Done() // the others may still read
				return nil
			}
			return err
		})
	}
	read, err := firstRead(ctx, events, reader, told)
	cancel()
	if ended := in.wait(); ended != nil {
		return drivers.Read{}, ended
	}
	return read, err
}

func firstRead(ctx context.Context, events <-chan drivers.Event, reader string, told func(drivers.Event)) (drivers.Read, error) {
	for {
		select {
		case <-ctx.Done():
			return drivers.Read{}, ctx.Err()
		case e := <-events:
			told(e)
			switch {
			case reader != "" && !strings.EqualFold(e.Reader.Name, reader):
			case e.Type == drivers.Completed:
				return *e.Read, nil
			case e.Type == drivers.Faulted && e.Reader.Name != e.Reader.Driver:
				return drivers.Read{}, &desk.ReaderFaultError{Reader: e.Reader.Name, Fault: *e.Fault}
			}
		}
	}
}
