package serial

import (
	"fmt"
	"strconv"

	"go.bug.st/serial/enumerator"
)

// root is where the system tells about serial ports: here SetupAPI, which has no place.
type root struct{ dev string }

var systemRoot root

// find returns the COM port that id means.
func (r root) find(id identity) (string, error) {
	list, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return "", fmt.Errorf("list serial ports: %w", err)
	}
	var ports []usbPort
	for _, l := range list {
		vendor, err1 := strconv.ParseUint(l.VID, 16, 16)
		product, err2 := strconv.ParseUint(l.PID, 16, 16)
		if l.IsUSB && err1 == nil && err2 == nil {
			ports = append(ports, usbPort{
				identity: identity{uint16(vendor), uint16(product), l.SerialNumber},
				node:     l.Name, device: l.Name,
			})
		}
	}
	return choose(id, ports)
}
