//go:build cgo && !hardware

package usb

// plugCycles is how often a reader is plugged in and out.
const plugCycles = 10
