// Package pty plays serial readers for tests and for the demo: a scanner and a
// resident-ID-card reader, at the device's end of a real pseudo terminal. The code
// under test opens the other end by its stable path with its real serial driver.
//
// A pseudo terminal is a real tty (termios, line discipline, hang-up) but not a
// UART: it stores the baud rate and does not obey it, forces 8 data bits without
// parity, and has no modem lines (ENOTTY) and no USB identity. What is simulated
// here is therefore the device behind the wire, not the wire's electronics, and
// readers over it are always flagged as simulated.
//
// Pseudo terminals exist on Linux only; elsewhere [Plug] says so.
package pty

import "errors"

// Device is what sits at the far end of the wire.
type Device interface {
	// Connect takes the line at the moment of plugging in. The function it returns
	// plays the device until the line fails, which it does when unplugged.
	Connect(line *Line) (serve func())
}

// ErrUnplugged is returned for a device that is not plugged in.
var ErrUnplugged = errors.New("simulated device is not plugged in")
