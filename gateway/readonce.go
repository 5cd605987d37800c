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
// every event on the way; prompt, unless nil, is asked what a card needs. A fault of a reader ends it as *desk.ReaderFaultError.
func ReadOnce(ctx context.Context, cfg *configs.Config, log *slog.Logger, reader string, told func(drivers.Event), prompt Prompt) (drivers.Read, error) {
	tables, err := loadTables(cfg.TablesDir, cfg.Readers.CardKeys, prompt)
	if err != nil {
		return drivers.Read{}, fmt.Errorf("tables_dir: %w", err)
	}
	return readOnce(ctx, cfg, tables, tables.Cards.Read, log, reader, told)
}

// readOnce is ReadOnce with decode in place of the card profiles.
func readOnce(ctx context.Context, cfg *configs.Config, tables *Tables, decode ReadCard, log *slog.Logger, reader string, told func(drivers.Event)) (read drivers.Read, err error) {
	g := &Gateway{cfg: cfg, log: log}
	g.approvals, err = openApprovals(cfg.DataDir)
	if errors.Is(err, fs.ErrPermission) { // another user's: as if nothing were approved
		g.approvals, err = &approvals{}, nil
	}
	if err != nil {
		return drivers.Read{}, fmt.Errorf("approved readers in data_dir: %w", err)
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
	read, err = firstRead(ctx, events, reader, told)
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

// RecordCard waits for a card in a PC/SC reader and records its dialogue as
// [card.Record] does. A card that cannot be read is recorded as far as it came.
func RecordCard(ctx context.Context, cfg *configs.Config, reader string, told func(drivers.Event)) (card.Replay, error) {
	tables, err := LoadTables(cfg.TablesDir, cfg.Readers.CardKeys)
	if err != nil {
		return card.Replay{}, fmt.Errorf("tables_dir: %w", err)
	}
	only := *cfg
	only.Readers = configs.Readers{PCSC: configs.PCSC{Enabled: true}, NewDevices: configs.NewDevicesIgnore}
	recorded := make(chan card.Replay, 1) // the first card's; the driver may try again
	record := func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		doc, read, err := card.Record(ctx, ch, info, tables.Cards)
		select {
		case recorded <- doc:
		default:
		}
		return read, err
	}
	_, err = readOnce(ctx, &only, tables, record, slog.New(slog.DiscardHandler), reader, told)
	select {
	case doc := <-recorded:
		if len(doc.Exchange) > 0 {
			return doc, nil
		}
	default:
	}
	return card.Replay{}, err
}
