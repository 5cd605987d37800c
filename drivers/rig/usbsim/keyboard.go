package usbsim

import "fmt"

// Keyboard is a scanner in keyboard-wedge mode: it types the code on a boot keyboard
// (HID 1.11, appendix B: 8-byte reports of modifiers, reserved, six key usages).
type Keyboard struct {
	Device
	layout Layout
}

// KeyboardIn is the keyboard's interrupt endpoint.
const KeyboardIn = 0x81

// NewKeyboard makes a keyboard that types for a host with that layout.
func NewKeyboard(serial string, layout Layout) *Keyboard {
	k := &Keyboard{layout: layout}
	k.VID, k.PID = 0x0C2E, 0x0B64
	k.Manufacturer, k.Name, k.Serial = "Rig", "Keyboard Wedge Scanner", serial
	const boot, keyboard = 1, 1
	k.interfaces = []usbInterface{{class: classHID, subClass: boot, protocol: keyboard, report: bootKeyboard, endpoints: []endpoint{
		{addr: KeyboardIn, attr: interrupt, maxPacket: bootReport, interval: 1},
	}}}
	k.control = func(s setup, _ []byte) ([]byte, error) { return hidControl(s, bootReport) }
	return k
}

// Scan types code and Enter. It types nothing and fails when the layout has no key
// for a character.
func (k *Keyboard) Scan(code string) error { return k.Type(code + "\n") }

// Type types text; "\n" is Enter, "\t" is Tab.
func (k *Keyboard) Type(text string) error {
	all, err := k.layout.Reports(text)
	if err != nil {
		return err
	}
	for _, r := range all {
		k.send(KeyboardIn, r)
	}
	return nil
}

const bootReport = 8

// Modifier bits of a boot keyboard report.
const (
	modShift = 0x02 // left
	modAltGr = 0x40 // right Alt
)

type keystroke struct{ modifier, usage byte }

// Layout says which key makes which character. Make one with [LayoutUS] and its
// like.
type Layout map[rune]keystroke

// Reports returns the boot keyboard reports that type text: each key down, then up.
func (l Layout) Reports(text string) ([][]byte, error) {
	var all [][]byte
	for i, r := range text {
		k, ok := l[r]
		if !ok {
			return nil, fmt.Errorf("keyboard layout has no key for character %d", i)
		}
		down := make([]byte, bootReport)
		down[0], down[2] = k.modifier, k.usage
		all = append(all, down, make([]byte, bootReport))
	}
	return all, nil
}

// keys are the usages of the character keys in reading order of the rows that a
// layout gives (HID Usage Tables 1.4, section 10): four rows of an ISO keyboard,
// from the key left of 1 to the key right of 0, and so on.
var keys = []byte{
	0x35, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2D, 0x2E, // ` 1 … 0 - =
	0x14, 0x1A, 0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30, // q … p [ ]
	0x04, 0x16, 0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34, 0x31, // a … l ; ' \
	0x64, 0x1D, 0x1B, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36, 0x37, 0x38, // < z … m , . /
}

// layout builds a Layout from what the keys print alone, with Shift and with AltGr;
// a space is a key that prints nothing there (dead keys are left out too).
func layout(plain, shift, altGr string) Layout {
	l := Layout{'\n': {0, 0x28}, '\t': {0, 0x2B}, ' ': {0, 0x2C}}
	for _, level := range []struct {
		modifier byte
		row      string
	}{{0, plain}, {modShift, shift}, {modAltGr, altGr}} {
		for i, r := range []rune(level.row) {
			if _, known := l[r]; !known {
				l[r] = keystroke{level.modifier, keys[i]}
			}
		}
	}
	return l
}

// LayoutUS is the layout of the United States and of China.
func LayoutUS() Layout {
	return layout("`1234567890-="+"qwertyuiop[]"+`asdfghjkl;'\`+" zxcvbnm,./",
		"~!@#$%^&*()_+"+"QWERTYUIOP{}"+`ASDFGHJKL:"|`+" ZXCVBNM<>?", "")
}

// LayoutDE is the German layout: Y and Z swapped, digits unshifted.
func LayoutDE() Layout {
	return iso(layout(" 1234567890ß "+"qwertzuiopü+"+"asdfghjklöä#"+"<yxcvbnm,.-",
		`°!"§$%&/()=? `+"QWERTZUIOPÜ*"+"ASDFGHJKLÖÄ'"+">YXCVBNM;:_",
		`  ²³   {[]}\ `+"@ €        ~"+"            "+"|      µ   "))
}

// LayoutFR is the French layout: Q and A, W and Z swapped, digits with Shift.
func LayoutFR() Layout {
	return iso(layout(`²&é"'(-è_çà)=`+"azertyuiop $"+"qsdfghjklmù*"+"<wxcvbn,;:!",
		" 1234567890°+"+"AZERTYUIOP £"+"QSDFGHJKLM%µ"+">WXCVBN?./§",
		`  ~#{[| \^@]}`+"  €        ¤"))
}

// iso moves the backslash key to where keyboards with an Enter key of two rows have
// it: usage 32h, "non-US # and ~".
func iso(l Layout) Layout {
	for r, k := range l {
		if k.usage == 0x31 {
			l[r] = keystroke{k.modifier, 0x32}
		}
	}
	return l
}

// bootKeyboard is the report descriptor of HID 1.11, appendix B.1, without lights.
var bootKeyboard = []byte{
	0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, // generic desktop, keyboard, application
	0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, // modifiers
	0x95, 0x01, 0x75, 0x08, 0x81, 0x01, // reserved
	0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, // six keys
	0xC0,
}
