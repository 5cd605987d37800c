package hid

// Usage pages (HID Usage Tables, section 3).
const (
	PageDesktop  uint16 = 0x01
	PageKeyboard uint16 = 0x07
	PageLED      uint16 = 0x08
	PageScanner  uint16 = 0x8C // bar code scanner, HID Point of Sale Usage Tables section 4
)

// Usages of page 01h.
const (
	usageKeyboardDevice uint16 = 0x06
	usageByteCount      uint16 = 0x3B
)

// Usages of page 8Ch.
const (
	usageSymbology1  uint16 = 0xFB // then FC and FD
	usageSymbology3  uint16 = 0xFD
	usageDecodedData uint16 = 0xFE
	usageContinued   uint16 = 0xFF
)

// Usages of page 07h, the keys (HID Usage Tables, section 10).
const (
	usageRollover  byte = 0x01 // in all places: more keys than the report can name
	usageFirstKey  byte = 0x04
	usageEnter     byte = 0x28
	usageTab       byte = 0x2B
	usageSpace     byte = 0x2C
	usageBackslash byte = 0x31
	usageNonUS     byte = 0x32
	usageCapsLock  byte = 0x39
	usagePadSlash  byte = 0x54 // then * - +
	usagePadPlus   byte = 0x57
	usagePadEnter  byte = 0x58
	usagePad1      byte = 0x59 // then 2 to 9 and 0
	usagePad0      byte = 0x62
	usagePadDot    byte = 0x63

	usageLeftCtrl   byte = 0xE0
	usageLeftShift  byte = 0xE1
	usageLeftAlt    byte = 0xE2
	usageLeftGUI    byte = 0xE3
	usageRightCtrl  byte = 0xE4
	usageRightShift byte = 0xE5
	usageRightAlt   byte = 0xE6
	usageRightGUI   byte = 0xE7
)
