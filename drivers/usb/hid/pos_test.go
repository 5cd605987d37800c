package hid_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers/rig/usbsim"
	"cardferry/drivers/usb/hid"
)

// posDescriptor describes the usual report; the one of the simulated scanner.
var posDescriptor = []byte{
	0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x85, 0x02, 0x09, 0x12, 0xA1, 0x02,
	0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08,
	0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02,
	0x05, 0x8C, 0x95, 0x03, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02,
	0x95, 0x38, 0x09, 0xFE, 0x82, 0x02, 0x01,
	0x95, 0x02, 0x06, 0x66, 0xFF, 0x09, 0x04, 0x81, 0x02,
	0x95, 0x01, 0x05, 0x8C, 0x09, 0xFF, 0x81, 0x02,
	0xC0, 0xC0,
}

func posFor(t testing.TB, descriptor []byte) *hid.POS {
	t.Helper()
	d, err := hid.ParseDescriptor(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	return hid.NewPOS(d)
}

func TestPOSScans(t *testing.T) {
	long := strings.Repeat("0123456789", 30)
	// Another maker's report: no id, no length, data first, continued as one bit.
	other := []byte{
		0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, 0x09, 0x12, 0xA1, 0x02,
		0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x0A, 0x09, 0xFE, 0x81, 0x02,
		0x75, 0x01, 0x95, 0x01, 0x09, 0xFF, 0x81, 0x02, 0x95, 0x07, 0x81, 0x01, 0xC0, 0xC0,
	}
	for _, c := range []struct {
		name       string
		descriptor []byte
		reports    [][]byte
		aim, data  string
	}{
		{"one report", posDescriptor, usbsim.POSReports("]Q1", []byte("4711")), "]Q1", "4711"},
		{"exactly one report", posDescriptor, usbsim.POSReports("]C0", []byte(long[:56])), "]C0", long[:56]},
		{"six reports", posDescriptor, usbsim.POSReports("]d2", []byte(long)), "]d2", long},
		{"no AIM identifier", posDescriptor, usbsim.POSReports("", []byte("4711")), "", "4711"},
		{"three bytes that are none", posDescriptor, usbsim.POSReports("]?1", []byte("4711")), "", "4711"},
		{"zero bytes inside", posDescriptor, usbsim.POSReports("]Q1", []byte("a\x00b")), "]Q1", "a\x00b"},
		{"descriptor that cannot be read", nil, usbsim.POSReports("]Q1", []byte(long)), "]Q1", long},
		{"another maker's report", other, [][]byte{append([]byte("0123456789"), 1), append([]byte("ab\x00\x00\x00\x00\x00\x00\x00\x00"), 0)}, "", "0123456789ab"},
		{"reports of other kinds between", posDescriptor, slices.Concat([][]byte{{9, 1, 2}, {}}, usbsim.POSReports("]Q1", []byte("4711"))), "]Q1", "4711"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := posFor(t, c.descriptor)
			for i, r := range c.reports {
				scan, ok, err := p.Add(r)
				if err != nil || ok != (i == len(c.reports)-1) {
					t.Fatalf("report %d: complete %v, %v", i, ok, err)
				}
				if ok && (scan.AIM != c.aim || string(scan.Data) != c.data) {
					t.Errorf("%q %q", scan.AIM, scan.Data)
				}
			}
			if p.Pending() {
				t.Error("something is left")
			}
		})
	}
}

func TestPOSReportsThatDoNotFit(t *testing.T) {
	p := posFor(t, posDescriptor)
	good := usbsim.POSReports("]Q1", []byte("4711"))[0]
	bad := bytes.Clone(good)
	bad[1] = 57
	for name, r := range map[string][]byte{"length behind the data": bad, "too short": good[:5], "shorter than its length": good[:7]} {
		if _, _, err := p.Add(r); !errors.Is(err, hid.ErrReport) {
			t.Errorf("%s: %v", name, err)
		}
		if scan, ok, err := p.Add(good); err != nil || !ok || string(scan.Data) != "4711" {
			t.Errorf("after %s: %q, %v, %v", name, scan.Data, ok, err)
		}
	}
}

func TestPOSScanWithoutEndIsBounded(t *testing.T) {
	p := posFor(t, posDescriptor)
	endless := usbsim.POSReports("]Q1", bytes.Repeat([]byte{'x'}, 2*hid.MaxScan))
	faults := 0
	for _, r := range endless {
		scan, ok, err := p.Add(r)
		if ok {
			t.Errorf("a scan of %d bytes", len(scan.Data))
		}
		if errors.Is(err, hid.ErrTooLong) {
			faults++
		}
	}
	if faults != 1 || p.Pending() {
		t.Errorf("told %d times, pending %v", faults, p.Pending())
	}
	if scan, ok, err := p.Add(usbsim.POSReports("", []byte("4711"))[0]); !ok || err != nil || string(scan.Data) != "4711" {
		t.Errorf("afterwards %q, %v, %v", scan.Data, ok, err)
	}
}

func FuzzPOS(f *testing.F) {
	f.Add([]byte{}, slices.Concat(usbsim.POSReports("]Q1", []byte("4711"))...))
	f.Add(posDescriptor, slices.Concat(usbsim.POSReports("]Q1", bytes.Repeat([]byte{'x'}, 200))...))
	f.Fuzz(func(t *testing.T, descriptor, stream []byte) {
		d, _ := hid.ParseDescriptor(descriptor)
		p := hid.NewPOS(d)
		for report := range slices.Chunk(stream, 64) {
			scan, ok, err := p.Add(report)
			if len(scan.Data) > hid.MaxScan || ok && err != nil {
				t.Errorf("%d bytes, %v, %v", len(scan.Data), ok, err)
			}
		}
	})
}

func BenchmarkPOS(b *testing.B) {
	p := posFor(b, posDescriptor)
	reports := usbsim.POSReports("]Q1", bytes.Repeat([]byte{'x'}, 300))
	for b.Loop() {
		for _, r := range reports {
			if _, _, err := p.Add(r); err != nil {
				b.Fatal(err)
			}
		}
	}
}
