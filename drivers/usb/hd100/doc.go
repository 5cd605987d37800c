// Package hd100 speaks the protocol of the HD-100 desk reader (华大), which is not a
// PC/SC reader: contact cards, memory cards, contactless cards and, in some models,
// resident ID cards behind HID feature reports. It touches no hardware: a [Port]
// carries the reports.
//
// The protocol has a single source, the vendor library SSSE32 in hospital integrations
// (https://github.com/a7082633/HDOS_VC6), and nothing here was checked against
// hardware. What that source leaves open is marked "assumed".
//
// Nothing here writes to a card or presents a security code: there is no function for
// it, and [Watcher] hands a card reader nothing that could.
package hd100
