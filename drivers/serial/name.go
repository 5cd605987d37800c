package serial

import (
	"os"
	"path/filepath"
)

// byID is where udev keeps names that are made of vendor, product, serial number and
// interface of a USB device.
const byID = "/dev/serial/by-id"

// stableName returns the name of a link in folder that leads to the same device as
// port, and the last part of port when there is none (a built-in port, another
// operating system, nothing plugged in).
func stableName(port, folder string) string {
	device, err := filepath.EvalSymlinks(port)
	if err != nil || filepath.Dir(port) == folder {
		return filepath.Base(port)
	}
	links, err := os.ReadDir(folder)
	if err != nil {
		return filepath.Base(port)
	}
	for _, l := range links {
		if target, err := filepath.EvalSymlinks(filepath.Join(folder, l.Name())); err == nil && target == device {
			return l.Name()
		}
	}
	return filepath.Base(port)
}
