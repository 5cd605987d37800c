package serial_test

import (
	"os"
	"path/filepath"
	"testing"

	"cardferry/drivers"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/serial"
)

// machine has the parts of sysfs and /dev that a plugged-in USB device shows.
type machine struct {
	t        *testing.T
	tty, dev string
	devices  string
}

func newMachine(t *testing.T) *machine {
	dir := t.TempDir()
	m := &machine{t: t, tty: filepath.Join(dir, "sys", "class", "tty"), dev: filepath.Join(dir, "dev"),
		devices: filepath.Join(dir, "sys", "devices")}
	for _, d := range []string{m.tty, m.dev, m.devices, filepath.Join(m.tty, "tty0")} {
		must(t, os.MkdirAll(d, 0o755)) // tty0 is a virtual terminal, which has no device
	}
	return m
}

// bridge makes sysfs show a USB-serial bridge (vendor 0403, product 6001) at a bus
// address, as tty.
func (m *machine) bridge(tty, bus, serial string) {
	m.t.Helper()
	device := filepath.Join(m.devices, bus)
	port := filepath.Join(device, bus+":1.0", tty)
	must(m.t, os.MkdirAll(port, 0o755))
	must(m.t, os.MkdirAll(filepath.Join(m.tty, tty), 0o755))
	for name, text := range map[string]string{"idVendor": "0403\n", "idProduct": "6001\n", "serial": serial + "\n"} {
		must(m.t, os.WriteFile(filepath.Join(device, name), []byte(text), 0o600))
	}
	must(m.t, os.WriteFile(filepath.Join(device, bus+":1.0", "bInterfaceNumber"), []byte("00\n"), 0o600))
	must(m.t, os.Symlink(port, filepath.Join(m.tty, tty, "device")))
}

// unbridge takes it out of sysfs.
func (m *machine) unbridge(tty, bus string) {
	m.t.Helper()
	must(m.t, os.RemoveAll(filepath.Join(m.tty, tty)))
	must(m.t, os.RemoveAll(filepath.Join(m.devices, bus)))
}

func TestAReaderIsFoundUnderAnotherName(t *testing.T) {
	m := newMachine(t)
	scanner := &pty.Scanner{Suffix: "\r\n"}
	cfg := scannerConfig(t, "usb:0403:6001:A1")
	s := runDriver(t, serial.NewAt(cfg, m.tty, m.dev))
	m.bridge("ttyUSB9", "1-9", "B2") // the same model at another desk
	for _, at := range []struct{ tty, bus string }{{"ttyUSB0", "1-1"}, {"ttyUSB1", "1-1"}, {"ttyUSB0", "1-4"}} {
		// sysfs first, the node last: as the kernel and udev do it.
		m.bridge(at.tty, at.bus, "A1")
		port := plug(t, filepath.Join(m.dev, at.tty), scanner)
		if e := s.next(drivers.Attached); e.Reader.Name != "usb:0403:6001:A1" {
			t.Errorf("reader %q: its name depends on where it is", e.Reader.Name)
		}
		must(t, scanner.Scan("MRN1"))
		s.next(drivers.Completed)
		m.unbridge(at.tty, at.bus)
		must(t, port.Unplug())
		s.next(drivers.Detached)
	}
}

func TestTwoOfAKindAreNotChosenFrom(t *testing.T) {
	m := newMachine(t)
	m.bridge("ttyUSB0", "1-1", "A1")
	m.bridge("ttyUSB1", "1-2", "B2")
	plug(t, filepath.Join(m.dev, "ttyUSB0"), &pty.Scanner{})
	s := runDriver(t, serial.NewAt(scannerConfig(t, "usb:0403:6001"), m.tty, m.dev))
	if e := s.next(drivers.Faulted); e.Fault.Code != drivers.FaultReaderHardware {
		t.Errorf("fault %v", e.Fault)
	}
	m.unbridge("ttyUSB1", "1-2") // one is enough
	s.next(drivers.Attached)
}

func TestLineSettingsReachThePort(t *testing.T) {
	link := filepath.Join(t.TempDir(), "qr0")
	scanner := &pty.Scanner{Suffix: "\r"}
	plug(t, link, scanner)
	cfg := scannerConfig(t, link)
	// A pseudo terminal takes every rate and has no control lines, which must not matter.
	cfg.Baud, cfg.Line = 19200, serial.Line{DataBits: 7, Parity: "even", StopBits: "2", DTR: "off", RTS: "on"}
	s := run(t, cfg)
	s.next(drivers.Attached)
	must(t, scanner.Scan("MRN1"))
	s.next(drivers.Completed)
}
