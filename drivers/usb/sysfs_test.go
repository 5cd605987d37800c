//go:build cgo

package usb

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSysfs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"1-2/idVendor": "0c2e\n", "1-2/idProduct": "0b61\n", "1-2/product": "HID POS Scanner\n",
		"1-2/1-2:1.1/0003:0C2E:0B61.0001/report_descriptor": "\x05\x8c",
		"1-2/1-2:1.1/bInterfaceNumber":                      "01\n",
		"1-2/1-2:1.0/bInterfaceNumber":                      "00\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := sysfsOf(dir, "1-2", product{0x0C2E, 0x0B61})
	defer s.close()
	if !s.known() || s.text("product") != "HID POS Scanner" || s.text("serial") != "" {
		t.Errorf("%q %q", s.text("product"), s.text("serial"))
	}
	if got := s.reportDescriptor(1, 1); string(got) != "\x05\x8c" {
		t.Errorf("%x", got)
	}
	if s.reportDescriptor(1, 0) != nil || s.reportDescriptor(1, 9) != nil {
		t.Error("a descriptor of an interface without HID driver")
	}
	for name, other := range map[string]sysfs{
		"another device at that port": sysfsOf(dir, "1-2", product{0x0400, 0xC35A}),
		"nothing at that port":        sysfsOf(dir, "1-3", product{0x0C2E, 0x0B61}),
		"no sysfs":                    sysfsOf(filepath.Join(dir, "none"), "1-2", product{0x0C2E, 0x0B61}),
	} {
		if other.known() || other.text("product") != "" || other.reportDescriptor(1, 1) != nil {
			t.Errorf("%s: known", name)
		}
	}
}
