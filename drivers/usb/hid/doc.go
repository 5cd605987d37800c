// Package hid decodes what HID devices say: report descriptors, the input reports of
// bar code scanners (usage page 8Ch) and of scanners that type like a keyboard. It
// touches no hardware. All input comes from a device that may be broken or hostile:
// every parser is bounded and none panics.
//
// Standards: HID 1.11; HID Usage Tables 1.4; HID Point of Sale Usage Tables 1.02.
package hid
