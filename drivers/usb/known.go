//go:build cgo

package usb

// knownProducts are devices that are readers whatever their descriptors say. What is
// not here is found by its descriptors (HID POS), or has to be listed.
//
// ID-card readers: node-idcard-reader and the udev rules of ID-card packages for
// 0400:C35A (many makes, first of all Shensi); vendor files for the other three, one
// source each; Miaxis MR-300 driver for 10C4:0007. HD-100: SSSE32 of
// github.com/a7082633/HDOS_VC6; 072F is the vendor id of ACS as well, so a device
// counts only when it has an HID interface, which no CCID reader of theirs is.
//
// Keyboards: products that https://www.linux-usb.org/usb.ids names as bar code
// scanners and that type by default. No other keyboard is ever offered as a scanner.
var knownProducts = map[product]string{
	{0x0400, 0xC35A}: KindIDCard,
	{0x10C4, 0x8A1B}: KindIDCard, // Senter
	{0x2015, 0x0008}: KindIDCard, // Senrui
	{0x9573, 0x4836}: KindIDCard, // Yishu
	{0x10C4, 0x0007}: KindIDCard, // Miaxis MR-300, HID

	{0x072F, 0x90D5}: KindHD100,
	{0x0471, 0xA112}: KindHD100,

	{0x03F0, 0x0139}: KindKeyboard, // HP 4430
	{0x040B, 0x6510}: KindKeyboard, // Weltrend
	{0x0581, 0x0107}: KindKeyboard, // Tera, wireless
	{0x0581, 0x020C}: KindKeyboard, // Tera EVHK0012
	{0x05E0, 0x1200}: KindKeyboard, // Symbol
	{0x05E0, 0x1A00}: KindKeyboard, // Symbol CS4070
	{0x067E, 0x0801}: KindKeyboard, // Intermec, HID keyboard
	{0x0C2E, 0x0204}: KindKeyboard, // Metrologic MS7120, keyboard mode
	{0x0C2E, 0x0206}: KindKeyboard, // Metrologic MS4980
	{0x0C2E, 0x0B81}: KindKeyboard, // Honeywell Voyager 1400g
	{0x0DB5, 0x013A}: KindKeyboard, // Access IS, virtual keyboard
	{0x13BA, 0x0018}: KindKeyboard, // PCPlay BCG4209
	{0x1EAB, 0x0103}: KindKeyboard, // Newland HR200
	{0x1EAB, 0x0C03}: KindKeyboard, // Newland HR100, HR3260, HR3290
	{0x1EAB, 0x0D03}: KindKeyboard, // Newland EM2028
	{0x1EAB, 0x1303}: KindKeyboard, // Newland EM30xx, EM20xx
	{0x1EAB, 0x1403}: KindKeyboard, // Newland HR15
	{0x1EAB, 0x1603}: KindKeyboard, // Newland FM100
	{0x1EAB, 0x1903}: KindKeyboard, // Newland EM1300
	{0x1EAB, 0x1A03}: KindKeyboard, // Newland HR3290 corded, HR22
	{0x1EAB, 0x1C03}: KindKeyboard, // Newland HR2150
	{0x1EAB, 0x1D03}: KindKeyboard, // Newland FM430
	{0x1EAB, 0x1E03}: KindKeyboard, // Newland HR42
	{0x1EAB, 0x1F03}: KindKeyboard, // Newland HR11+
	{0x1EAB, 0x2003}: KindKeyboard, // Newland EM2037
	{0x1EAB, 0x8003}: KindKeyboard, // Newland EM13x5, HR12
	{0x1EAB, 0x8203}: KindKeyboard, // Newland EM3080, EM3095, FR20, FM30
}
