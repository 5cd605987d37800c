//go:build cgo && hardware

package usb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/rig/usbsim"

	"github.com/google/gousb"
)

// These tests need a kernel that binds drivers of its own.

// boundTo returns the kernel driver of the first interface of the device with a
// serial number, "" for none.
func boundTo(t *testing.T, serial string) string {
	t.Helper()
	all, err := filepath.Glob("/sys/bus/usb/devices/*/serial")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if text, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(text)) == serial {
			device := filepath.Dir(f)
			driver, err := os.Readlink(filepath.Join(device, filepath.Base(device)+":1.0", "driver"))
			if err != nil {
				return ""
			}
			return filepath.Base(driver)
		}
	}
	return ""
}

// waitBound waits until the kernel has bound an interface to a driver.
func waitBound(t *testing.T, serial, driver string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if boundTo(t, serial) == driver {
			return
		}
	}
	t.Fatalf("%s is bound to %q, want %q", serial, boundTo(t, serial), driver)
}

// inputs returns the names of the kernel's input devices.
func inputs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/bus/input/devices")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A scanner that types types nowhere else while it is ours, an ordinary keyboard stays
// the desktop's, and the desktop gets the scanner back.
func TestTypingScannerIsTakenFromTheDesktop(t *testing.T) {
	human, wedge := usbsim.NewKeyboard("HUMAN", usbsim.LayoutUS()), usbsim.NewKeyboard("WEDGE", usbsim.LayoutUS())
	wedge.Name = "Rig Wedge"
	plug(t, human)
	plug(t, wedge)
	waitBound(t, "HUMAN", "usbhid")
	waitBound(t, "WEDGE", "usbhid")
	if !strings.Contains(inputs(t), "Rig Wedge") {
		t.Fatal("the kernel has no input device of the scanner")
	}
	b := start(t, Config{Unlisted: Use, Codes: rules(t), Devices: []Device{{Match: "0c2e:0b64:WEDGE"}}})
	b.want(drivers.Attached)
	waitBound(t, "WEDGE", "usbfs")
	if strings.Contains(inputs(t), "Rig Wedge") {
		t.Error("the scanner still types into windows")
	}
	if driver := boundTo(t, "HUMAN"); driver != "usbhid" {
		t.Errorf("the ordinary keyboard is bound to %q", driver)
	}
	if err := wedge.Scan("BARE4711"); err != nil {
		t.Fatal(err)
	}
	if read := b.want(drivers.Completed).Read; read.Extras["n"] != "4711" {
		t.Errorf("extras %q", read.Extras)
	}
	b.stop()
	waitBound(t, "WEDGE", "usbhid")
}

func TestDeviceThatAnotherProgramHolds(t *testing.T) {
	r := usbsim.NewIDReader()
	r.Serial = "HELD"
	plug(t, r)
	usb := gousb.NewContext()
	defer func() { _ = usb.Close() }()
	var dev *gousb.Device
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); dev == nil && time.Now().Before(end); <-tick.C {
		dev, _ = usb.OpenDeviceWithVIDPID(gousb.ID(r.VID), gousb.ID(r.PID))
	}
	if dev == nil {
		t.Fatal("the kernel does not show the device")
	}
	_, release, err := dev.DefaultInterface()
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, useAll())
	b.fault(drivers.FaultInUse)
	if found := b.state(StateClaimed); found.Remedy != RemedyOtherUser {
		t.Errorf("found %+v", found)
	}
	release()
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	b.want(drivers.Attached)
	b.silent()
}
