package hid_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers/rig/usbsim"
	"cardferry/drivers/usb/hid"
)

// Keys and modifiers as the tests name them.
const (
	none, shift, alt, altGr, ctrl = 0x00, 0x02, 0x04, 0x40, 0x01

	keyA, keyB, keyEnter, keyTab, keySpace, keyCaps = 0x04, 0x05, 0x28, 0x2B, 0x2C, 0x39
	pad0, padPlus                                   = 0x62, 0x57
)

func down(modifier byte, keys ...byte) []byte {
	r := make([]byte, 8)
	r[0] = modifier
	copy(r[2:], keys)
	return r
}

func up() []byte { return make([]byte, 8) }

// strokes presses and releases keys one after the other.
func strokes(modifier byte, keys ...byte) (all [][]byte) {
	for _, k := range keys {
		all = append(all, down(modifier, k), up())
	}
	return all
}

// altCode enters digits on the number pad while Alt is held; "+" begins hexadecimal.
func altCode(digits string) [][]byte {
	all := [][]byte{down(alt)}
	for _, d := range digits {
		key := byte(pad0)
		switch {
		case d >= '1' && d <= '9':
			key = 0x59 + byte(d-'1')
		case d >= 'a' && d <= 'f':
			key = keyA + byte(d-'a')
		case d == '+':
			key = padPlus
		}
		all = append(all, down(alt, key), down(alt))
	}
	return append(all, up())
}

func enter() [][]byte { return strokes(none, keyEnter) }

func layout(t testing.TB, name string) hid.Layout {
	t.Helper()
	l, ok := hid.LayoutByName(name)
	if !ok {
		t.Fatalf("no layout %q", name)
	}
	return l
}

func TestTyping(t *testing.T) {
	for _, c := range []struct {
		name    string
		layout  string
		charset string
		reports [][]byte
		want    string
		lossy   bool
	}{
		{"letters and shift", "us", "", slices.Concat(strokes(none, keyA), strokes(shift, keyB), enter()), "aB", false},
		{"keypad", "us", "", slices.Concat(strokes(none, 0x59, pad0, 0x63, 0x54), enter()), "10./", false},
		{"caps lock is on until the next", "us", "", slices.Concat(strokes(none, keyCaps, keyA, 0x1E), strokes(shift, keyA), strokes(none, keyCaps, keyA), enter()), "A1aa", false},
		{"two keys roll over", "us", "", slices.Concat([][]byte{down(none, keyA), down(none, keyA, keyB), down(none, keyB), up()}, enter()), "ab", false},
		{"a key that stays down counts once", "us", "", slices.Concat([][]byte{down(none, keyA), down(none, keyA), up(), down(none, keyA), up()}, enter()), "aa", false},
		{"a report that cannot tell is passed over", "us", "", slices.Concat([][]byte{down(none, keyA), down(none, 1, 1, 1, 1, 1, 1), down(none, keyA), up()}, enter()), "a", false},
		{"Tab ends too", "us", "", slices.Concat(strokes(none, keyA), strokes(none, keyTab)), "a", false},
		{"GS by Control", "us", "", slices.Concat(strokes(ctrl, 0x30), strokes(none, keyA), enter()), "\x1Da", false},
		{"RS by Control", "us", "", slices.Concat(strokes(ctrl, 0x23), strokes(none, keyA), enter()), "\x1Ea", false},
		{"euro by AltGr", "de", "", slices.Concat(strokes(altGr, 0x08), enter()), "€", false},
		{"AltGr as Control and Alt", "de", "", slices.Concat(strokes(ctrl|alt, 0x14), enter()), "@", false},
		{"dead key and letter", "de", "", slices.Concat(strokes(none, 0x2E), strokes(none, 0x08), enter()), "é", false},
		{"dead key and space", "de", "", slices.Concat(strokes(none, 0x35), strokes(none, keySpace), enter()), "^", false},
		{"dead key and a letter that takes no accent", "de", "", slices.Concat(strokes(none, 0x35), strokes(none, 0x1B), enter()), "^x", false},
		{"dead key at the end", "de", "", slices.Concat(strokes(none, keyA, 0x35), enter()), "a^", false},
		{"dead key twice", "fr", "", slices.Concat(strokes(none, 0x2F, 0x2F, 0x14), enter()), "^â", false},
		{"Alt and an ASCII number", "us", "", slices.Concat(altCode("065"), enter()), "A", false},
		{"Alt and GBK, told by the numbers", "us", "", slices.Concat(altCode("45794"), altCode("51924"), strokes(none, keyA), enter()), "测试a", false},
		{"Alt and GBK, byte by byte", "us", "", slices.Concat(altCode("0178"), altCode("0226"), enter()), "测", false},
		{"Alt and code points, told by the numbers", "us", "", slices.Concat(altCode("27979"), altCode("35797"), enter()), "测试", false},
		{"Alt and code points that could be GBK", "us", "", slices.Concat(altCode("38472"), enter()), "陈", false},
		{"the same, when the site says GBK", "us", "gbk", slices.Concat(altCode("38472"), enter()), "朒", false},
		{"Alt and a hexadecimal code point", "us", "gbk", slices.Concat(altCode("+6d4b"), enter()), "测", false},
		{"Alt and Latin-1", "us", "windows-1252", slices.Concat(altCode("0228"), enter()), "ä", false},
		{"Alt and a code point below 256", "us", "unicode", slices.Concat(altCode("228"), enter()), "ä", false},
		{"Alt and half a character", "us", "gbk", slices.Concat(altCode("0178"), enter()), "\uFFFD", true},
		{"Alt and a shortcut", "us", "", slices.Concat([][]byte{down(alt), down(alt, keyA), up()}, strokes(none, keyB), enter()), "b", false},
		{"Alt and too big a number", "us", "", slices.Concat(altCode("99999999"), enter()), "\uFFFD", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := hid.NewKeyboard(layout(t, c.layout), hid.Descriptor{})
			for i, r := range c.reports {
				if complete := k.Add(r); complete != (i == len(c.reports)-2) {
					t.Fatalf("complete %v at report %d of %d", complete, i, len(c.reports))
				}
			}
			text, lossy, err := k.End(c.charset)
			if text != c.want || lossy != c.lossy || err != nil {
				t.Errorf("%q lossy %v, %v; want %q lossy %v", text, lossy, err, c.want, c.lossy)
			}
			if k.Pending() {
				t.Error("something is left")
			}
		})
	}
}

// What each layout makes of the keys, row by row: the four rows of an ISO keyboard
// plain, with Shift, and with AltGr where that makes something.
func TestLayouts(t *testing.T) {
	rows := [][]byte{
		{0x35, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2D, 0x2E},
		{0x14, 0x1A, 0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30},
		{0x04, 0x16, 0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34, 0x31},
		{0x64, 0x1D, 0x1B, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36, 0x37, 0x38},
	}
	for name, want := range map[string][3]string{
		"us": {"`1234567890-=qwertyuiop[]asdfghjkl;'\\\\zxcvbnm,./", "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"||ZXCVBNM<>?", ""},
		"gb": {"`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./", "¬!\"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?", "¦€éúíóá"},
		"de": {"^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-", "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_", "²³{[]}\\@€~|µ"},
		"fr": {"²&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù*<wxcvbn,;:!", "1234567890°+AZERTYUIOP¨£QSDFGHJKLM%µ>WXCVBN?./§", "~#{[|`\\^@]}€¤"},
		"es": {"º1234567890'¡qwertyuiop`+asdfghjklñ´ç<zxcvbnm,.-", "ª!\"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨Ç>ZXCVBNM;:_", "\\|@#~€¬€[]{}"},
		"it": {"\\1234567890'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-", "|!\"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_", "€€[]@#"},
	} {
		for level, modifier := range []byte{none, shift, altGr} {
			k := hid.NewKeyboard(layout(t, name), hid.Descriptor{})
			for _, row := range rows {
				for _, key := range row {
					for _, r := range slices.Concat(strokes(modifier, key), strokes(none, keySpace)) { // the space frees dead keys
						k.Add(r)
					}
				}
			}
			text, _, err := k.End("")
			if got := strings.ReplaceAll(text, " ", ""); got != want[level] || err != nil {
				t.Errorf("%s, level %d: %v\n got %s\nwant %s", name, level, err, got, want[level])
			}
		}
	}
}

// The simulated scanners of the rig are written by other hands.
func TestScannersOfTheRigAreUnderstood(t *testing.T) {
	const text = "AbC-123/xyz QM;:_?!=&"
	for name, l := range map[string]usbsim.Layout{"us": usbsim.LayoutUS(), "de": usbsim.LayoutDE(), "fr": usbsim.LayoutFR()} {
		k := hid.NewKeyboard(layout(t, name), hid.Descriptor{})
		reports, err := l.Reports(text + "\n")
		if err != nil {
			t.Fatal(err)
		}
		complete := 0
		for _, r := range reports {
			if k.Add(r) {
				complete++
			}
		}
		if got, _, err := k.End(""); got != text || err != nil || complete != 1 {
			t.Errorf("%s: %q, %v, complete %d times", name, got, err, complete)
		}
	}
}

// A keyboard that numbers its reports and has a bit for each key (report protocol).
func TestReportProtocol(t *testing.T) {
	d, err := hid.ParseDescriptor([]byte{
		0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x85, 0x03, // keyboard, report 3
		0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, // modifiers
		0x19, 0x00, 0x29, 0x67, 0x95, 0x68, 0x81, 0x02, // keys 0 to 67h, a bit each
		0xC0,
		0x05, 0x0C, 0x09, 0x01, 0xA1, 0x01, 0x85, 0x04, 0x75, 0x10, 0x95, 0x01, 0x26, 0xFF, 0x03, 0x1A, 0x00, 0x00, 0x2A, 0xFF, 0x03, 0x81, 0x00, 0xC0,
	})
	if err != nil || !d.IsKeyboard() {
		t.Fatal(err, d.IsKeyboard())
	}
	bits := func(modifier byte, keys ...byte) []byte {
		r := make([]byte, 15)
		r[0], r[1] = 3, modifier
		for _, k := range keys {
			r[2+k/8] |= 1 << (k % 8)
		}
		return r
	}
	k := hid.NewKeyboard(layout(t, "us"), d)
	for _, r := range [][]byte{bits(shift), bits(shift, keyA), {4, 0xE9, 0}, bits(none, keyA), bits(none, keyA, keyB), bits(none), {}} {
		if k.Add(r) {
			t.Fatal("complete")
		}
	}
	if !k.Add(bits(none, keyEnter)) {
		t.Error("not complete")
	}
	if text, _, _ := k.End(""); text != "Ab" {
		t.Errorf("%q", text)
	}
}

func TestTypingWithoutEndIsBounded(t *testing.T) {
	k := hid.NewKeyboard(layout(t, "us"), hid.Descriptor{})
	for range hid.MaxScan + 1 {
		k.Add(down(none, keyA))
		k.Add(up())
	}
	if text, _, err := k.End(""); !errors.Is(err, hid.ErrTooLong) || text != "" {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	k.Add(down(none, keyB))
	if text, _, err := k.End(""); text != "b" || err != nil {
		t.Errorf("afterwards %q, %v", text, err)
	}
}

func FuzzKeyboard(f *testing.F) {
	f.Add([]byte{}, slices.Concat(slices.Concat(strokes(none, keyA), enter())...), "")
	f.Add([]byte{}, slices.Concat(slices.Concat(altCode("45794"), altCode("0178"), enter())...), "gbk")
	f.Add([]byte{0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x85, 0x03, 0x05, 0x07, 0x19, 0x00, 0x29, 0x67, 0x75, 0x01, 0x95, 0x68, 0x81, 0x02, 0xC0},
		[]byte{3, 0, 0, 0, 0, 0, 0, 0, 3, 255, 255, 255, 255, 255, 255, 255}, "windows-1252")
	f.Fuzz(func(t *testing.T, descriptor, stream []byte, charset string) {
		d, _ := hid.ParseDescriptor(descriptor)
		for _, name := range hid.Layouts() {
			k := hid.NewKeyboard(layout(t, name), d)
			for report := range slices.Chunk(stream, 8) {
				k.Add(report)
			}
			text, _, err := k.End(charset)
			if err == nil && len(text) > 8*len(stream) {
				t.Errorf("%d bytes of %d", len(text), len(stream))
			}
		}
	})
}

func BenchmarkKeyboard(b *testing.B) {
	reports, err := usbsim.LayoutUS().Reports("990101190001010018\n")
	if err != nil {
		b.Fatal(err)
	}
	k := hid.NewKeyboard(layout(b, "us"), hid.Descriptor{})
	for b.Loop() {
		for _, r := range reports {
			k.Add(r)
		}
		if text, _, _ := k.End(""); len(text) != 18 {
			b.Fatal(text)
		}
	}
}
