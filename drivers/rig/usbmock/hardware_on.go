//go:build hardware

package usbmock

// hardware: the tests use the kernel they run on.
const hardware = true
