package serial

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStableName(t *testing.T) {
	dir := t.TempDir()
	links := filepath.Join(dir, "by-id")
	for _, err := range []error{
		os.Mkdir(links, 0o755),
		os.WriteFile(filepath.Join(dir, "ttyUSB0"), nil, 0o600),
		os.WriteFile(filepath.Join(dir, "ttyS0"), nil, 0o600),
		os.Symlink("../ttyUSB0", filepath.Join(links, "usb-Vendor_Scanner_0001-if00-port0")),
		os.Symlink("../ttyUSB9", filepath.Join(links, "usb-Pulled-if00")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for port, want := range map[string]string{
		"ttyUSB0": "usb-Vendor_Scanner_0001-if00-port0",
		"by-id/usb-Vendor_Scanner_0001-if00-port0": "usb-Vendor_Scanner_0001-if00-port0",
		"ttyS0":   "ttyS0",
		"ttyUSB9": "ttyUSB9",
	} {
		if got := stableName(filepath.Join(dir, port), links); got != want {
			t.Errorf("%s: %q, want %q", port, got, want)
		}
	}
}

func TestNodeWatchTellsAboutItsNodeOnly(t *testing.T) {
	dir := t.TempDir()
	port := filepath.Join(dir, "serial", "by-id", "qr0")
	for _, path := range []string{filepath.Dir(filepath.Dir(port)), filepath.Dir(port), port} {
		w := watchNode(port)
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "other"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		select {
		case <-w.changed:
			t.Error("told about another node")
		default:
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		select {
		case <-w.changed:
		case <-time.After(30 * time.Second):
			t.Errorf("not told about %s", filepath.Base(path))
		}
		w.close()
	}
}
