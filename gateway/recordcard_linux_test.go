//go:build cgo

package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card/isocard"
	"cardferry/drivers/rig/pcscd"
	"cardferry/gateway"
)

// TestRecordCardThroughPCSC records a card in a reader of a running pcscd, as
// "cardferry card record" does, and reads the recording again.
func TestRecordCardThroughPCSC(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "pcsc") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	service, err := pcscd.Start(ctx, pcscd.Config{Dir: dir, Readers: 2, Install: true})
	if errors.Is(err, pcscd.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Stop() })
	t.Setenv("PCSCLITE_CSOCK_NAME", service.Socket())

	tables, err := gateway.LoadTables("", nil)
	if err != nil {
		t.Fatal(err)
	}
	var image []byte
	for _, p := range tables.Cards.Profiles() {
		if p.Name() == "be-eid" {
			image, _ = p.Sample()
		}
	}
	chip, err := isocard.Parse(image)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Parse("test.yaml", []byte("site: {id: \"0\"}\ndata_dir: "+t.TempDir()+"\n"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Slots()[0].Insert(ctx, chip); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Slots()[0].Remove)
	doc, err := gateway.RecordCard(ctx, cfg, "", func(drivers.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	read, err := tables.Cards.Replay(ctx, strings.NewReader(string(text)))
	if err != nil || read.Medium != "be-eid" {
		t.Errorf("the recording reads as %s, %v", read.Medium, err)
	}

	// The same reader, read once.
	cfg.Readers.PCSC.Enabled, cfg.Readers.NewDevices = true, configs.NewDevicesIgnore
	once, err := gateway.ReadOnce(ctx, cfg, slog.New(slog.DiscardHandler), "", func(drivers.Event) {}, nil)
	if err != nil || once.Patient == nil {
		t.Fatalf("%v, %v", once, err)
	}
	for _, id := range once.Patient.Identifier {
		if strings.Contains(string(text), id.Value) {
			t.Error("the recording holds the card's number")
		}
	}
}
