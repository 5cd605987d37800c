package serial

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// root is where the system tells about serial ports; tests have their own.
type root struct {
	tty string // "/sys/class/tty"
	dev string // "/dev"
}

var systemRoot = root{tty: "/sys/class/tty", dev: "/dev"}

// find returns the device node of the port that id means. It reads sysfs only: opening
// ports to look at them would reset readers and disturb what else is attached.
func (r root) find(id identity) (string, error) {
	names, err := os.ReadDir(r.tty)
	if err != nil {
		return "", err
	}
	var ports []usbPort
	for _, n := range names {
		if p, ok := r.usbPort(n.Name()); ok {
			ports = append(ports, p)
		}
	}
	return choose(id, ports)
}

// usbPort returns what sysfs says about the USB device of a tty. The tty's device is an
// interface of the USB device (CDC-ACM) or a port below one (USB-serial bridges).
func (r root) usbPort(tty string) (usbPort, bool) {
	dir, err := filepath.EvalSymlinks(filepath.Join(r.tty, tty, "device"))
	if err != nil {
		return usbPort{}, false // a virtual terminal
	}
	p := usbPort{node: filepath.Join(r.dev, tty)}
	const levels = 3 // port, interface, device
	for range levels {
		if n, ok := hexFile(dir, "bInterfaceNumber"); ok {
			p.function = int(n)
		}
		vendor, isDevice := hexFile(dir, "idVendor")
		product, _ := hexFile(dir, "idProduct")
		if isDevice {
			serial, _ := os.ReadFile(filepath.Join(dir, "serial")) // many devices have none
			p.identity = identity{vendor, product, strings.TrimSpace(string(serial))}
			p.device = dir
			return p, true
		}
		dir = filepath.Dir(dir)
	}
	return usbPort{}, false
}

// hexFile reads a sysfs attribute that is a hexadecimal number.
func hexFile(dir, name string) (uint16, bool) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 16, 16)
	return uint16(n), err == nil
}
