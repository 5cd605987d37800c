// Package serial drives readers on serial lines, RS-232 or USB-COM: bar code and QR
// code scanners, and resident-ID-card readers. One [Driver] has one port. It waits
// for the port's device node to appear, keeps it open while it works, and starts over
// after an unplug, a busy port or a mute reader, telling each problem once.
//
// A port is named by its node or by what is plugged in ("usb:0403:6001:A1"), which is
// then found under whatever name the system gave it this time. Rubbish on a line (a
// wrong rate, a broken cable) is thrown away up to the next silence and told as one
// fault; it does not become scans.
package serial
