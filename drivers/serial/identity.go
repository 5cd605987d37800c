package serial

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// identityPrefix begins a port that is named by what is plugged in.
const identityPrefix = "usb:"

// identity is which USB device a port belongs to.
type identity struct {
	vendor, product uint16
	serial          string // "" is any
}

// String returns the identity as configuration has it.
func (id identity) String() string {
	s := fmt.Sprintf("%s%04x:%04x", identityPrefix, id.vendor, id.product)
	if id.serial != "" {
		s += ":" + id.serial
	}
	return s
}

// matches says whether id, as configured, means the device that says to be other.
func (id identity) matches(other identity) bool {
	return id.vendor == other.vendor && id.product == other.product &&
		(id.serial == "" || strings.EqualFold(id.serial, other.serial)) // Windows tells serials in capitals
}

// parseIdentity reads "usb:VVVV:PPPP" or "usb:VVVV:PPPP:SERIAL". A serial number may
// hold colons. It returns false for a port that is named otherwise.
func parseIdentity(port string) (identity, bool, error) {
	rest, is := strings.CutPrefix(port, identityPrefix)
	if !is {
		return identity{}, false, nil
	}
	parts := strings.SplitN(rest, ":", 3)
	bad := fmt.Errorf("port %q; a USB identity is usb:VVVV:PPPP or usb:VVVV:PPPP:SERIAL with vendor and product as 4 hexadecimal digits", port)
	if len(parts) < 2 || len(parts[0]) != 4 || len(parts[1]) != 4 || len(parts) == 3 && parts[2] == "" {
		return identity{}, true, bad
	}
	vendor, err1 := strconv.ParseUint(parts[0], 16, 16)
	product, err2 := strconv.ParseUint(parts[1], 16, 16)
	if errors.Join(err1, err2) != nil {
		return identity{}, true, bad
	}
	id := identity{vendor: uint16(vendor), product: uint16(product)}
	if len(parts) == 3 {
		id.serial = parts[2]
	}
	return id, true, nil
}

// usbPort is a serial port of a USB device that is plugged in.
type usbPort struct {
	identity
	node     string // "/dev/ttyUSB0", "COM3"
	device   string // tells apart two devices that say the same of themselves
	function int    // USB interface number: which port of a device with several
}

// errAmbiguous is a USB identity that two devices have.
var errAmbiguous = errors.New("several devices have this USB identity; " +
	"name the port with a serial number, or by /dev/serial/by-path where the devices have none")

// choose returns the node of the one device that id means: the first port of a device
// with several. Nothing plugged in is [fs.ErrNotExist]; two devices are an error, since
// taking either would be a guess.
func choose(id identity, ports []usbPort) (string, error) {
	ports = slices.DeleteFunc(slices.Clone(ports), func(p usbPort) bool { return !id.matches(p.identity) })
	if len(ports) == 0 {
		return "", fmt.Errorf("%s: %w", id, fs.ErrNotExist)
	}
	slices.SortFunc(ports, func(a, b usbPort) int {
		return cmp.Or(cmp.Compare(a.function, b.function), strings.Compare(a.node, b.node))
	})
	for _, p := range ports {
		if p.device != ports[0].device {
			return "", fmt.Errorf("%s: %w", id, errAmbiguous)
		}
	}
	return ports[0].node, nil
}
