package serial

import (
	"errors"
	"io/fs"
	"testing"
)

func TestUSBIdentity(t *testing.T) {
	for _, c := range []struct {
		port string
		want identity
		is   bool
		err  bool
	}{
		{port: "usb:0403:6001", want: identity{0x0403, 0x6001, ""}, is: true},
		{port: "usb:0C2E:0b81:12345", want: identity{0x0C2E, 0x0B81, "12345"}, is: true},
		{port: "usb:0403:6001:A1:B2", want: identity{0x0403, 0x6001, "A1:B2"}, is: true},
		{port: "/dev/ttyUSB0"},
		{port: "COM3"},
		{port: "usb:", is: true, err: true},
		{port: "usb:0403", is: true, err: true},
		{port: "usb:403:6001", is: true, err: true},
		{port: "usb:0403:60g1", is: true, err: true},
		{port: "usb:0403:6001:", is: true, err: true},
		{port: "usb:+403:6001", is: true, err: true},
	} {
		got, is, err := parseIdentity(c.port)
		if got != c.want || is != c.is || (err != nil) != c.err {
			t.Errorf("%s: %+v, %t, %v", c.port, got, is, err)
		}
	}
	if s := (identity{0x0403, 0x6001, "A1"}).String(); s != "usb:0403:6001:A1" {
		t.Error(s)
	}
}

func TestChoosePort(t *testing.T) {
	ftdi := func(node, device, serial string, function int) usbPort {
		return usbPort{identity{0x0403, 0x6001, serial}, node, device, function}
	}
	scanner := usbPort{identity{0x0C2E, 0x0B81, ""}, "/dev/ttyACM0", "1-2", 0}
	for _, c := range []struct {
		name, port string
		ports      []usbPort
		want       string
		err        error
	}{
		{"nothing plugged in", "usb:0403:6001", nil, "", fs.ErrNotExist},
		{"something else", "usb:0403:6001", []usbPort{scanner}, "", fs.ErrNotExist},
		{"the one", "usb:0403:6001", []usbPort{scanner, ftdi("/dev/ttyUSB3", "1-1", "A1", 0)}, "/dev/ttyUSB3", nil},
		{"by serial number", "usb:0403:6001:B2",
			[]usbPort{ftdi("/dev/ttyUSB0", "1-1", "A1", 0), ftdi("/dev/ttyUSB1", "1-3", "B2", 0)}, "/dev/ttyUSB1", nil},
		{"serial number in capitals", "usb:0403:6001:b2", []usbPort{ftdi("COM7", "COM7", "B2", 0)}, "COM7", nil},
		{"another serial number", "usb:0403:6001:C3", []usbPort{ftdi("/dev/ttyUSB0", "1-1", "A1", 0)}, "", fs.ErrNotExist},
		{"two of a kind", "usb:0403:6001",
			[]usbPort{ftdi("/dev/ttyUSB0", "1-1", "A1", 0), ftdi("/dev/ttyUSB1", "1-3", "B2", 0)}, "", errAmbiguous},
		{"the first port of one device", "usb:0403:6001",
			[]usbPort{ftdi("/dev/ttyUSB0", "1-1", "", 1), ftdi("/dev/ttyUSB1", "1-1", "", 0)}, "/dev/ttyUSB1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, _, err := parseIdentity(c.port)
			if err != nil {
				t.Fatal(err)
			}
			got, err := choose(id, c.ports)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

func FuzzIdentity(f *testing.F) {
	for _, port := range []string{"usb:0403:6001", "usb:0403:6001:A1", "/dev/ttyS0", "usb:::", "usb:ffff:FFFF::"} {
		f.Add(port)
	}
	f.Fuzz(func(t *testing.T, port string) {
		id, is, err := parseIdentity(port)
		if err != nil || !is {
			return
		}
		again, is, err := parseIdentity(id.String())
		if again != id || !is || err != nil {
			t.Fatalf("%q is %+v, and again %+v, %v", port, id, again, err)
		}
	})
}
