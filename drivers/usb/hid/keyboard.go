package hid

// Keyboard follows the keys of a scanner that types, by its input reports, and puts
// what it types together. It is not safe for concurrent use.
//
// A scan ends with Enter or Tab; the caller ends one without by the silence after it,
// see [Keyboard.End]. Caps Lock works on letters, as the layouts of Windows have it but
// for the digits of some. Characters typed with Control are control characters: GS, FS
// and RS of GS1 codes arrive that way.
type Keyboard struct {
	layout Layout
	d      Descriptor
	keys   []field      // of page 07h
	down   map[byte]int // keys that are pressed, by usage; the value is the report that said so last
	report int
	caps   bool
	typed  typed
	alt    altEntry
}

// altEntry is a character that is being entered with Alt and the number pad, as
// Windows takes them.
type altEntry struct {
	active bool
	hex    bool // begun with + : a hexadecimal code point
	digits []byte
}

// bootReport is what a keyboard sends in boot protocol (HID 1.11, appendix B.1):
// modifiers, one byte reserved, six keys.
var bootReport = Descriptor{
	applications: []Usage{{PageDesktop, usageKeyboardDevice}},
	fields: []field{
		{offset: 0, size: 1, count: 8, variable: true, usages: []usageRange{{PageKeyboard, uint16(usageLeftCtrl), uint16(usageRightGUI)}}},
		{offset: 16, size: 8, count: 6, usages: []usageRange{{PageKeyboard, 0, 255}}},
	},
}

// NewKeyboard returns a decoder for a keyboard with a layout. The zero Descriptor means
// the boot protocol.
func NewKeyboard(layout Layout, d Descriptor) *Keyboard {
	k := &Keyboard{layout: layout, d: d, down: map[byte]int{}}
	if k.keys = keyFields(d); len(k.keys) == 0 {
		k.d, k.keys = bootReport, keyFields(bootReport)
	}
	return k
}

func keyFields(d Descriptor) []field {
	var keys []field
	for _, f := range d.fields {
		if !f.constant && f.usage(0).Page == PageKeyboard {
			keys = append(keys, f)
		}
	}
	return keys
}

// Add takes the next input report, with its id if the keyboard numbers its reports,
// and says whether a scan is complete.
func (k *Keyboard) Add(report []byte) (complete bool) {
	id, data, ok := k.d.split(report)
	if !ok {
		return false
	}
	pressed, ok := k.pressed(id, data)
	if !ok {
		return false
	}
	k.report++
	var fresh []byte
	for _, usage := range pressed {
		if _, ok := k.down[usage]; !ok {
			fresh = append(fresh, usage)
		}
		k.down[usage] = k.report
	}
	altBefore := k.holds(usageLeftAlt)
	for usage, seen := range k.down {
		if seen != k.report {
			delete(k.down, usage)
		}
	}
	if altBefore && !k.holds(usageLeftAlt) {
		k.endAlt()
	}
	for _, usage := range fresh {
		if k.press(usage) {
			complete = true
		}
	}
	return complete
}

// maxPressed bounds the keys of one report; nobody has more fingers.
const maxPressed = 64

// pressed lists the keys that a report says are down, modifiers first. It is not ok
// for a report that is not about keys, or says that it cannot tell.
func (k *Keyboard) pressed(id byte, data []byte) (usages []byte, ok bool) {
	for _, f := range k.keys {
		if f.report != id {
			continue
		}
		ok = true
		for i := range min(f.count, 256) {
			var u Usage
			switch v := f.value(data, i); {
			case f.variable && v != 0:
				u = f.usage(i)
			case !f.variable && int64(v) >= int64(f.logicalMin):
				u, _ = f.named(int(int64(v) - int64(f.logicalMin)))
			}
			switch {
			case u.Page != PageKeyboard || u.ID > 0xFF || u.ID == 0:
			case byte(u.ID) == usageRollover:
				return nil, false
			case byte(u.ID) >= usageFirstKey && len(usages) < maxPressed:
				usages = append(usages, byte(u.ID))
			}
		}
	}
	return usages, ok
}

func (k *Keyboard) holds(usages ...byte) bool {
	for _, u := range usages {
		if _, ok := k.down[u]; ok {
			return true
		}
	}
	return false
}

// press takes a key that went down, and says whether it ends a scan.
func (k *Keyboard) press(usage byte) bool {
	switch {
	case usage >= usageLeftCtrl:
		if usage == usageLeftAlt {
			k.alt = altEntry{active: true}
		}
		return false
	case usage == usageCapsLock:
		k.caps = !k.caps
		return false
	}
	ctrl := k.holds(usageLeftCtrl, usageRightCtrl)
	altGr := k.holds(usageRightAlt) || ctrl && k.holds(usageLeftAlt) // Windows takes these two for AltGr
	switch {
	case usage == usageEnter, usage == usagePadEnter, usage == usageTab:
		return k.Pending()
	case k.holds(usageLeftAlt) && !ctrl:
		k.alt.press(usage)
	case k.holds(usageLeftGUI, usageRightGUI):
	default:
		k.character(usage, k.holds(usageLeftShift, usageRightShift), altGr, ctrl && !altGr)
	}
	return false
}

// character types what a key makes.
func (k *Keyboard) character(usage byte, shift, altGr, ctrl bool) {
	all := k.layout.keys[usage]
	if k.caps && isLetter(all[0].char) {
		shift = !shift
	}
	if ctrl {
		// Control takes the upper bits off: ] is GS, ^ is RS (ISO 646 columns 4, 5).
		for _, o := range all[:2] {
			if c := upper(o.char); c > '@' && c <= '_' {
				k.typed.char(c & 0x1F)
				break
			}
		}
		return
	}
	level := 0
	if shift {
		level |= 1
	}
	if altGr {
		level |= 2
	}
	switch out := all[level]; {
	case out.char == 0:
	case out.dead:
		k.typed.accent(out.char)
	default:
		k.typed.char(out.char)
	}
}

// press takes a key while Alt is held.
func (a *altEntry) press(usage byte) {
	const longest = 8 // digits; no code needs more
	digit := byte(0)
	switch {
	case usage == usagePadPlus && len(a.digits) == 0:
		a.hex = true
		return
	case usage >= usagePad1 && usage < usagePad0:
		digit = '1' + usage - usagePad1
	case usage == usagePad0:
		digit = '0'
	case a.hex && usage >= usageFirstKey && usage < usageFirstKey+6:
		digit = 'a' + usage - usageFirstKey
	}
	if digit == 0 || len(a.digits) == longest {
		a.active = false // a shortcut, not a character
		return
	}
	a.digits = append(a.digits, digit)
}

// endAlt types what was entered while Alt was held.
func (k *Keyboard) endAlt() {
	if k.alt.active && len(k.alt.digits) > 0 {
		k.typed.code(string(k.alt.digits), k.alt.hex)
	}
	k.alt = altEntry{}
}

// Pending says whether something was typed since the last scan.
func (k *Keyboard) Pending() bool { return k.typed.pending() }

// End returns what was typed since the last scan and begins a new one. The charset says
// what a number entered with Alt means when it is above 127: "unicode" (or a UTF name)
// a code point, a name of the GB 18030 family a character of two bytes, any other WHATWG
// name a byte of it; with "" the numbers themselves tell. Lossy says that some had no
// meaning. [ErrTooLong] says that more was typed than [MaxScan] characters.
func (k *Keyboard) End(charset string) (text string, lossy bool, err error) {
	t := k.typed
	k.typed = typed{}
	return t.text(charset)
}
