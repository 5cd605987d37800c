// Package usb drives card and code readers on USB that are neither PC/SC readers nor
// serial ports: resident-ID-card readers, scanners in HID POS mode, scanners that type
// like a keyboard, and the HD-100 desk reader. It reaches them with libusb through
// gousb and needs cgo; without it [Driver.Run] returns [drivers.ErrNotBuilt].
//
// Who runs what:
//
//	hotplug (hotplug.go)   one goroutine: sleeps in libusb until a device comes or goes
//	  │ "something changed"
//	  ▼
//	Run (run.go)           owns the devices: lists them, decides which are ours (policy.go), starts and ends keepers
//	  │
//	  ▼
//	keeper (keeper.go)     one goroutine per device in use: opens, serves, tells a problem once, opens again
//	  │
//	  ▼
//	link (link.go)         one claimed interface; a pump goroutine per IN endpoint, so that an unplug and stale
//	                       input are known at once and no transfer is ever cancelled in the middle
//
// On top of a link there is one file per kind of reader: idreader.go (framings:
// plain.go, split.go, envelope.go), posscanner.go, keyboard.go and hd100.go. What HID
// reports mean is in package hid, which touches no hardware.
//
// A device is used when the site lists it or a person approved it, see [Config]. An
// ordinary keyboard is never taken from the desktop: see [Device].
//
// Standards: USB 2.0 chapter 9; HID 1.11; HID Usage Tables 1.4; HID Point of Sale
// Usage Tables 1.02.
package usb
