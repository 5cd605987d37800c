package hid_test

import (
	"bytes"
	"errors"
	"testing"

	"cardferry/drivers/usb/hid"
)

// bootKeyboard and bootMouse are the examples of HID 1.11, appendix E.
var (
	bootKeyboard = []byte{
		0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08,
		0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81, 0x01, 0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02,
		0x95, 0x01, 0x75, 0x03, 0x91, 0x01, 0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65,
		0x81, 0x00, 0xC0,
	}
	bootMouse = []byte{
		0x05, 0x01, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x01, 0xA1, 0x00, 0x05, 0x09, 0x19, 0x01, 0x29, 0x03, 0x15, 0x00, 0x25, 0x01,
		0x95, 0x03, 0x75, 0x01, 0x81, 0x02, 0x95, 0x01, 0x75, 0x05, 0x81, 0x01, 0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x81,
		0x25, 0x7F, 0x75, 0x08, 0x95, 0x02, 0x81, 0x06, 0xC0, 0xC0,
	}
)

func TestWhatADescriptorDescribes(t *testing.T) {
	for _, c := range []struct {
		name              string
		raw               []byte
		keyboard, scanner bool
	}{
		{"keyboard", bootKeyboard, true, false},
		{"mouse", bootMouse, false, false},
		{"scanner", posDescriptor, false, true},
		{"keyboard and scanner in one interface", append(bytes.Clone(bootKeyboard), posDescriptor...), true, true},
		{"nothing", nil, false, false},
		{"usage with its page in it", []byte{0x0B, 0x02, 0x00, 0x8C, 0x00, 0xA1, 0x01, 0xC0}, false, true},
		{"long items are passed over", append([]byte{0xFE, 2, 0x10, 1, 2}, posDescriptor...), false, true},
		{"a scanner inside another collection", append(append([]byte{0x05, 0x01, 0x09, 0x02, 0xA1, 0x01}, posDescriptor...), 0xC0), false, false},
	} {
		d, err := hid.ParseDescriptor(c.raw)
		if err != nil || d.IsKeyboard() != c.keyboard || d.IsScanner() != c.scanner {
			t.Errorf("%s: keyboard %v, scanner %v, %v", c.name, d.IsKeyboard(), d.IsScanner(), err)
		}
	}
}

func TestBrokenDescriptorsAreRefused(t *testing.T) {
	for name, raw := range map[string][]byte{
		"item goes on behind the end":      {0x26, 0xFF},
		"long item goes on behind the end": {0xFE, 9, 0, 1},
		"end of no collection":             {0xC0},
		"pop of nothing":                   {0xB4},
		"usage maximum alone":              {0x29, 0x05},
		"usages backwards":                 {0x19, 0x05, 0x29, 0x04},
		"report id 0":                      {0x85, 0x00},
		"report of gigabytes":              {0x77, 0xFF, 0xFF, 0xFF, 0x7F, 0x97, 0xFF, 0xFF, 0xFF, 0x7F, 0x81, 0x02},
		"collections without end":          bytes.Repeat([]byte{0xA1, 0x01}, 100),
		"pushes without end":               bytes.Repeat([]byte{0xA4}, 100),
		"usages without end":               bytes.Repeat([]byte{0x09, 0x01}, 1000),
		"fields without end":               bytes.Repeat([]byte{0x81, 0x02}, 1000),
		"more than any device has":         make([]byte, 1<<20),
	} {
		if _, err := hid.ParseDescriptor(raw); !errors.Is(err, hid.ErrDescriptor) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDescriptor(f *testing.F) {
	for _, raw := range [][]byte{bootKeyboard, bootMouse, posDescriptor, {0xFE, 1, 0, 0}, {0xA4, 0xB4}} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if d, err := hid.ParseDescriptor(raw); err != nil && (!errors.Is(err, hid.ErrDescriptor) || d.IsKeyboard() || d.IsScanner()) {
			t.Errorf("%v", err)
		}
	})
}
