package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/rig/pty"
	"cardferry/gateway"
	"cardferry/gateway/desk"
)

// scannerConfig is a site with one scanner on a pseudo terminal.
func scannerConfig(t *testing.T, dir string) (*configs.Config, *pty.Scanner) {
	t.Helper()
	scanner, link := &pty.Scanner{Suffix: "\r\n", Baud: 9600}, filepath.Join(dir, "scanner")
	port, err := pty.Plug(link, scanner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Unplug() })
	cfg, err := configs.Parse("test.yaml", fmt.Appendf(nil, `data_dir: %q
site: {id: "000000000"}
readers:
  new_devices: ignore
  serial: [{port: %q, kind: scanner, name: counter}]
`, dir, link), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, scanner
}

func TestReadOnceWithoutADaemon(t *testing.T) {
	cfg, scanner := scannerConfig(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	read, err := gateway.ReadOnce(ctx, cfg, slog.New(slog.DiscardHandler), "counter", func(e drivers.Event) {
		if e.Type == drivers.Attached {
			if err := scanner.Scan("990101190001010018"); err != nil {
				t.Error(err)
			}
		}
	}, nil)
	if err != nil || read.Medium != "cn-resident-id" || read.Reader != "counter" {
		t.Errorf("%v, %v", read, err)
	}
}

func TestReadOnceEndsWithItsContext(t *testing.T) {
	cfg, _ := scannerConfig(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	_, err := gateway.ReadOnce(ctx, cfg, slog.New(slog.DiscardHandler), "", func(drivers.Event) { cancel() }, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestReadOnceWithoutReaders(t *testing.T) {
	cfg, err := configs.Parse("test.yaml", fmt.Appendf(nil, "data_dir: %q\nsite: {id: \"0\"}\nreaders: {new_devices: ignore}\n", t.TempDir()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.ReadOnce(t.Context(), cfg, slog.New(slog.DiscardHandler), "", nil, nil); err == nil {
		t.Error("there is no reader, and it did not say so")
	}
}

// TestNextReadFromTheDaemon is what "cardferry read" does while a daemon runs.
func TestNextReadFromTheDaemon(t *testing.T) {
	scanner, link := &pty.Scanner{Suffix: "\r\n", Baud: 9600}, filepath.Join(t.TempDir(), "scanner")
	port, err := pty.Plug(link, scanner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Unplug() })
	d := run(t, t.TempDir(), fmt.Sprintf("desk: {listen: \"127.0.0.1:0\"}\nreaders:\n  new_devices: ignore\n  serial: [{port: %q, kind: scanner, name: counter}]\n", link))
	addr := d.Addr("desk.listen").String()
	events := &log{t: t, base: "http://" + addr, cursor: 1}
	events.await("scanner attached", is(desk.ReaderAttached, "counter"))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	reads := make(chan drivers.Read)
	asked := make(chan error, 1)
	go func() {
		read, err := desk.NextRead(ctx, addr, "counter")
		asked <- err
		reads <- read
	}()
	// The scan may come before the question; what was read before does not count, so
	// it is scanned until there is an answer.
	again := time.NewTicker(2 * time.Second)
	defer again.Stop()
	for {
		select {
		case err := <-asked:
			if read := <-reads; err != nil || read.Medium != "cn-resident-id" || read.Patient == nil {
				t.Errorf("%v, %v", read, err)
			}
			return
		case <-again.C:
			if err := scanner.Scan("990101190001010018"); err != nil {
				t.Fatal(err)
			}
		}
	}
}
