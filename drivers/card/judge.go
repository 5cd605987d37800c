package card

import (
	"bytes"
	"unicode/utf8"
)

// judge finds out what a value is by its bytes, without and with padding.
func judge(v, padded []byte, l leaf) leaf {
	printable, high, control, decimal := true, false, false, true
	for _, c := range v {
		printable = printable && c >= ' ' && c < 0x7F
		control = control || c < ' ' || c == 0x7F
		decimal = decimal && c>>4 <= 9 && c&0x0F <= 9
		high = high || c >= 0x80
	}
	hinted := l.kind
	switch {
	case hinted == bcdLeaf && decimal && len(v) == 4, hinted == anyLeaf && decimal && len(v) == 4 && !printable:
		return asPackedDate(v, leaf{from: l.from, to: l.to, kind: bcdLeaf})
	case hinted == bcdLeaf:
	case bytes.HasPrefix(padded, []byte{0xFF, 0xD8, 0xFF}), bytes.HasPrefix(padded, []byte{0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50}):
		l.kind = imageLeaf
	case printable:
		l.kind = textLeaf
		for _, layout := range []string{"yyyymmdd", "ddmmyyyy", "dd.mm.yyyy", "yyyy-mm-dd", "dd mm yyyy"} {
			if plausibleDate(string(v), layout) {
				l.kind, l.layout = dateLeaf, layout
				break
			}
		}
	case hinted == textLeaf:
	case high && !control && utf8.Valid(v):
		l.kind = textLeaf
	case control && len(padded)%2 == 0 && wide(padded, 1):
		l.kind = wide16LittleLeaf
	case control && len(padded)%2 == 0 && wide(padded, 0):
		l.kind = wide16Leaf
	case decimal:
		l.kind = bcdLeaf
	case !control: // a charset of one or two bytes a character
		l.kind = textLeaf
	default:
		l.kind = binaryLeaf
	}
	return l
}

func asPackedDate(v []byte, l leaf) leaf {
	text := ""
	for _, c := range v {
		text += string([]byte{'0' + c>>4, '0' + c&0x0F})
	}
	for _, layout := range []string{"yyyymmdd", "ddmmyyyy"} {
		if plausibleDate(text, layout) {
			l.kind, l.layout = packedDateLeaf, layout
			break
		}
	}
	return l
}

// wide says whether bytes look like UTF-16 with the high bytes at the given place of
// each pair: letters of few blocks, no control characters.
func wide(v []byte, at int) bool {
	for i := at; i < len(v); i += 2 {
		high, low := v[i], v[i^1]
		if high > 0x06 && (high < 0x4E || high > 0x9F) || high == 0 && low < ' ' && low != 0 {
			return false
		}
	}
	return true
}

// plausibleDate says whether s looks like a date of a living person or a valid card.
func plausibleDate(s, layout string) bool {
	if len(s) != len(layout) {
		return false
	}
	var y, m, d int
	for i := range len(s) {
		digit := int(s[i]) - '0'
		switch layout[i] {
		case 'y':
			y = y*10 + digit
		case 'm':
			m = m*10 + digit
		case 'd':
			d = d*10 + digit
		default:
			if s[i] != layout[i] {
				return false
			}
			continue
		}
		if digit < 0 || digit > 9 {
			return false
		}
	}
	return (y >= 1900 && y <= 2100 || y >= 2440 && y <= 2640) && m <= 12 && d <= 31
}
