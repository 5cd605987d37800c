// Package usbmock lets the tests of a package see simulated USB devices through
// the real libusb and libudev, without root and without a kernel that has USB. A
// package's TestMain hands over to [Run]:
//
//	func TestMain(m *testing.M) { os.Exit(usbmock.Run(m)) }
//
// Run starts the test binary once more, under libumockdev's preload library and a
// bridge (bridge/) that turns what libusb does into USB/IP transfers. There
// [usbsim.Plug] plugs devices in and out while the tests run:
//
//	usbmock.Need(t) // skips with the reason where the bridge cannot run
//	at, err := usbsim.Plug(usbsim.NewIDReader())
//
// Only calls through the C library are redirected: libusb (gousb), libudev, pcscd
// and libccid see the devices; Go's own os.Open of /dev and /sys does not. There are
// no kernel drivers, so nothing is ever bound to an interface. A command and its
// answer take some 5 ms.
//
// Built with the tag "hardware" a test binary is left alone and uses the kernel it
// runs on; package uml has one with a virtual host controller.
package usbmock

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cardferry/drivers/rig/debian"
	"cardferry/drivers/rig/usbsim"
)

// ErrUnavailable says that the bridge cannot run here; the text around it says
// what to install.
var ErrUnavailable = errors.New("simulated USB without a kernel is not available")

// Run runs the tests of m under the bridge and returns the exit code. Where the
// bridge cannot run, it runs them without, and those that call [Need] skip.
func Run(m *testing.M) int {
	if hardware || os.Getenv(usbsim.BridgeEnv) != "" || debian.Need(requirements, ErrUnavailable) != nil {
		return m.Run()
	}
	code, err := rerun()
	if err != nil {
		fmt.Fprintln(os.Stderr, "usbmock:", err)
		return 1
	}
	return code
}

// Need skips the test where no simulated device can be plugged in, with the
// reason.
func Need(t testing.TB) {
	t.Helper()
	if hardware || os.Getenv(usbsim.BridgeEnv) != "" {
		return
	}
	if err := debian.Need(requirements, ErrUnavailable); err != nil {
		t.Skip(err)
	}
	t.Fatal("the package's TestMain does not call usbmock.Run")
}

// rerun runs this test binary, with its arguments, under the bridge.
func rerun() (int, error) {
	bridge, err := build()
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find the test binary: %w", err)
	}
	dir, err := os.MkdirTemp("", "usbmock") // short: the path of a socket has 107 bytes
	if err != nil {
		return 0, fmt.Errorf("make a place for the bridge's socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	socket := filepath.Join(dir, "s")
	//nolint:gosec // G204: the test binary itself
	cmd := exec.Command("umockdev-wrapper", append([]string{bridge, socket, self}, os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), usbsim.BridgeEnv+"="+socket, "GODEBUG="+noPreemption(os.Getenv("GODEBUG")))
	dieWithParent(cmd)
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("run the bridge: %w", err)
	}
	return 0, nil
}

// noPreemption adds to GODEBUG that threads are not interrupted by signals: the preload
// library's stand-in for ioctl(2) gives up when one comes, which the kernel's does not.
func noPreemption(debug string) string {
	if debug != "" {
		debug += ","
	}
	return debug + "asyncpreemptoff=1"
}

// requirements are what must be there, and the Debian packages that have it.
var requirements = []debian.Requirement{
	{Probe: "umockdev-wrapper", Package: "umockdev"},
	{Probe: "/usr/include/umockdev-1.0/umockdev.h", Package: "libumockdev-dev"},
	{Probe: "gcc", Package: "gcc"},
	{Probe: "pkg-config", Package: "pkg-config"},
}
