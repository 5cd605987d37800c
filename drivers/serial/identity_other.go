//go:build !linux && !windows

package serial

import "errors"

// root is where the system tells about serial ports.
type root struct{ dev string }

var systemRoot root

// find is not to be had here.
func (r root) find(identity) (string, error) {
	return "", errors.New("ports are not found by USB identity on this system; name the device")
}
