// Package uml brings a Linux kernel with a virtual USB host controller, as a
// process of the user who tests: User-mode Linux. Under it the drivers meet the
// real thing: the kernel enumerates the devices of package usbsim and binds its own
// drivers to them, udev names them, pcscd finds smart card readers with libccid,
// libusb claims interfaces from usbhid, ttys come and go. What is simulated is only
// what is at the other end of the cable.
//
//	build.sh   builds the kernel from Debian's source package, once: 7 CPU minutes
//	run.sh     runs a command under it, with this machine's file system read-only
//	suite.sh   builds and runs every hardware test; "make test-hardware" calls it
//
// The tests carry the build tag "hardware". Those of the PC/SC and the serial driver
// are here, those of the USB driver beside it. Outside the guest they skip, unless
// the machine's own kernel has vhci_hcd and they run as root.
//
// What a guest costs, measured: 1.5 s from start to command, 0.6 to 0.9 s from
// plugging in to enumerated, as on a real host, and a bulk command every 1 to 3 ms.
// What it cannot do: more than one CPU, and the race detector, whose memory map it
// does not allow.
package uml
