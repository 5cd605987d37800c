// Package serial drives readers on serial lines, RS-232 or USB-COM: bar code and QR
// code scanners, and resident-ID-card readers. One [Driver] has one port. It waits
// for the port's device node to appear, keeps it open while it works, and starts over
// after an unplug, a busy port or a mute reader, telling each problem once.
package serial
