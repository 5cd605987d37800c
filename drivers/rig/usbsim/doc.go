// Package usbsim plays USB devices to the real USB software of a machine: card
// readers, scanners and a serial adapter, each described by its descriptors and
// answering its transfers. [Plug] hands a device to one of two hosts:
//
//   - the kernel's virtual host controller (vhci-hcd, root; package rig/uml brings
//     a kernel that has it): the kernel enumerates the device and binds its own
//     drivers, and libusb, libccid, hidraw, evdev and /dev/ttyUSBn are all real;
//   - the bridge of package rig/usbmock: the device exists for libusb and libudev
//     of one process only, without root and without a kernel that has USB.
//
// Both speak the URB phase of USB/IP (https://docs.kernel.org/usb/usbip_protocol.html)
// over a socket pair or a Unix socket; nothing listens on a network.
//
// A new device is one new file here: descriptors, a control handler, what to do
// with OUT transfers, and methods for what a person does with the device. What
// real devices do is told in comments with its source; endpoint numbers and
// reports that no public source tells are our assumption and marked as such.
//
// What is not simulated: isochronous transfers, alternate settings, remote
// wake-up, electrical timing. A transfer that a device sends ends where the device
// ended it; a device that needs a zero-length packet is not modelled.
package usbsim
