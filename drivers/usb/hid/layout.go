package hid

import (
	"slices"
	"strings"
)

// Layout says which characters the keys of a keyboard make. It is immutable.
type Layout struct {
	keys map[byte]key // by usage, HID Usage Tables section 10
}

// key is what one key makes: plain, with Shift, with AltGr, with both. 0 is nothing.
type key [4]output

// output is one character. A dead one waits for the next and is put on top of it.
type output struct {
	char rune
	dead bool
}

// plan is a layout as it is written down.
type plan struct {
	// rows has the four rows of an ISO keyboard from left to right: one word a key,
	// with the characters that it makes plain, with Shift, with AltGr and with both;
	// "∅" is nothing.
	rows [4]string
	// dead has the characters of dead keys, those with AltGr apart.
	dead, deadAltGr string
}

// rowUsages are the usages of the keys in the rows of a plan.
var rowUsages = [4][]byte{
	{0x35, 0x1E, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x2D, 0x2E},
	{0x14, 0x1A, 0x08, 0x15, 0x17, 0x1C, 0x18, 0x0C, 0x12, 0x13, 0x2F, 0x30},
	{0x04, 0x16, 0x07, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x0F, 0x33, 0x34, 0x31},
	{0x64, 0x1D, 0x1B, 0x06, 0x19, 0x05, 0x11, 0x10, 0x36, 0x37, 0x38},
}

// plans are the layouts that scanners can be set to, as Windows has them: United
// States (also China), United Kingdom extended, German, French AZERTY, Spanish,
// Italian.
var plans = map[string]plan{
	"us": {rows: [4]string{
		"`~ 1! 2@ 3# 4$ 5% 6^ 7& 8* 9( 0) -_ =+",
		"qQ wW eE rR tT yY uU iI oO pP [{ ]}",
		`aA sS dD fF gG hH jJ kK lL ;: '" \|`,
		`\| zZ xX cC vV bB nN mM ,< .> /?`,
	}},
	"gb": {rows: [4]string{
		"`¬¦ 1! 2\" 3£ 4$€ 5% 6^ 7& 8* 9( 0) -_ =+",
		"qQ wW eEéÉ rR tT yY uUúÚ iIíÍ oOóÓ pP [{ ]}",
		"aAáÁ sS dD fF gG hH jJ kK lL ;: '@ #~",
		`\| zZ xX cC vV bB nN mM ,< .> /?`,
	}},
	"de": {rows: [4]string{
		"^° 1! 2\"² 3§³ 4$ 5% 6& 7/{ 8([ 9)] 0=} ß?\\ ´`",
		"qQ@ wW eE€ rR tT zZ uU iI oO pP üÜ +*~",
		"aA sS dD fF gG hH jJ kK lL öÖ äÄ #'",
		"<>| yY xX cC vV bB nN mMµ ,; .: -_",
	}, dead: "^´`"},
	"fr": {rows: [4]string{
		"²∅ &1 é2~ \"3# '4{ (5[ -6| è7` _8\\ ç9^ à0@ )°] =+}",
		"aA zZ eE€ rR tT yY uU iI oO pP ^¨ $£¤",
		"qQ sS dD fF gG hH jJ kK lL mM ù% *µ",
		"<> wW xX cC vV bB nN ,? ;. :/ !§",
	}, dead: "^¨", deadAltGr: "~`"},
	"es": {rows: [4]string{
		"ºª\\ 1!| 2\"@ 3·# 4$~ 5%€ 6&¬ 7/ 8( 9) 0= '? ¡¿",
		"qQ wW eE€ rR tT yY uU iI oO pP `^[ +*]",
		"aA sS dD fF gG hH jJ kK lL ñÑ ´¨{ çÇ}",
		"<> zZ xX cC vV bB nN mM ,; .: -_",
	}, dead: "`^´¨", deadAltGr: "~"},
	"it": {rows: [4]string{
		`\| 1! 2" 3£ 4$ 5%€ 6& 7/ 8( 9) 0= '? ì^`,
		"qQ wW eE€ rR tT yY uU iI oO pP èé[{ +*]}",
		"aA sS dD fF gG hH jJ kK lL òç@ à°# ù§",
		"<> zZ xX cC vV bB nN mM ,; .: -_",
	}},
}

func (p plan) layout() Layout {
	l := Layout{keys: map[byte]key{}}
	for r, row := range p.rows {
		for i, word := range strings.Fields(row) {
			var k key
			for level, char := range []rune(word) {
				dead := p.dead
				if level >= 2 {
					dead = p.deadAltGr
				}
				if char != '∅' {
					k[level] = output{char, strings.ContainsRune(dead, char)}
				}
			}
			l.keys[rowUsages[r][i]] = k
		}
	}
	l.keys[usageSpace] = key{{char: ' '}, {char: ' '}}
	// Keyboards send either of the two for the key beside Enter (HID Usage Tables,
	// section 10, notes 3 and 4).
	l.keys[usageNonUS] = l.keys[usageBackslash]
	for i, char := range "/*-+" {
		l.keys[usagePadSlash+byte(i)] = key{{char: char}, {char: char}}
	}
	for i, char := range "1234567890" {
		l.keys[usagePad1+byte(i)] = key{{char: char}, {char: char}}
	}
	l.keys[usagePadDot] = key{{char: '.'}, {char: '.'}}
	return l
}

// LayoutByName returns a layout; "" is "us".
func LayoutByName(name string) (Layout, bool) {
	if name == "" {
		name = "us"
	}
	p, ok := plans[name]
	if !ok {
		return Layout{}, false
	}
	return p.layout(), true
}

// Layouts lists the names of the layouts in order.
func Layouts() []string {
	var names []string
	for name := range plans {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
