package card

import (
	"bytes"
	"unicode/utf8"
)

// masker replaces content by other content of the same kind and length: digits by
// digits, letters by letters, characters by characters, BCD by BCD, dates by dates.
// Whatever it writes, no four bytes in a row are four bytes of the original.
type masker struct {
	secret map[[4]byte]bool // runs of the original
	seed   int              // another seed, other replacements
	keep   []bool           // structure of the content that is being masked
}

// filler says whether a byte is padding or punctuation, which stays.
func filler(c byte) bool {
	return c == 0 || c == 0xFF || c >= ' ' && c < '0' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' && c < 0x7F
}

// learn adds the runs of original content to what must not be written.
func (m *masker) learn(b []byte, keep []bool) {
	for i := 0; i+4 <= len(b); i++ {
		if !keep[i] && !keep[i+1] && !keep[i+2] && !keep[i+3] {
			m.secret[[4]byte(b[i:i+4])] = true
		}
	}
}

// allow takes out again what is structure and padding somewhere else: it is nobody's.
func (m *masker) allow(b []byte, keep []bool) {
	public := func(i int) bool { return keep[i] || filler(b[i]) }
	for i := 0; i+4 <= len(b); i++ {
		if public(i) && public(i+1) && public(i+2) && public(i+3) {
			delete(m.secret, [4]byte(b[i:i+4]))
		}
	}
}

// leaks says whether b holds a run of the original.
func (m *masker) leaks(b []byte) bool {
	for i := 0; i+4 <= len(b); i++ {
		if m.secret[[4]byte(b[i:i+4])] {
			return true
		}
	}
	return false
}

// put writes n bytes at out[i:]: the first of the variants that gen makes which
// differs from what was there and forms no secret run with what stands around, else
// the last.
func (m *masker) put(out []byte, i, n, variants int, gen func(k int, dst []byte)) {
	var was [8]byte
	same := copy(was[:], out[i:i+n]) == n
	end := i + n
	for end < len(out) && end < i+n+3 && (filler(out[end]) || m.keep[end]) { // that stays
		end++
	}
	for k := range variants {
		gen((k+m.seed+1)%variants, out[i:i+n])
		if (!same || string(was[:n]) != string(out[i:i+n])) && !m.leaks(out[max(0, i-3):end]) {
			return
		}
	}
}

// ascii masks printable ASCII from i to j: digits and letters, nothing else.
func (m *masker) ascii(out []byte, i, j int) {
	for ; i < j; i++ {
		switch c := out[i]; {
		case c >= '0' && c <= '9':
			m.put(out, i, 1, 10, func(k int, dst []byte) { dst[0] = '0' + byte(k) })
		case c >= 'A' && c <= 'Z':
			m.put(out, i, 1, 26, func(k int, dst []byte) { dst[0] = 'A' + byte(k) })
		case c >= 'a' && c <= 'z':
			m.put(out, i, 1, 26, func(k int, dst []byte) { dst[0] = 'a' + byte(k) })
		}
	}
}

// Replacements that are characters in many charsets: the pairs in GB 18030, Big5 and,
// one by one, TIS-620 and ISO 8859; the others in UTF-8 by their length.
var (
	highPairs = [][2]byte{{0xB2, 0xE2}, {0xB4, 0xC4}, {0xB5, 0xD5}, {0xB6, 0xC6}, {0xB7, 0xE7}, {0xB8, 0xD8}, {0xB9, 0xC9}, {0xBA, 0xD2}, {0xC2, 0xE4}, {0xC3, 0xD7}}
	runes     = map[int][]rune{2: []rune("éöüåñçôêîäčšžш"), 3: []rune("測試範例甲乙丙丁戊己"), 4: []rune("𠀀𠀁𠀂𠀃𠀄𠀅𠀆𠀇𠀈𠀉")}
)

// text masks text in an ASCII superset: UTF-8 if it is valid, else any charset of
// one or two bytes a character.
func (m *masker) text(out []byte, i, j int) {
	unicode := utf8.Valid(out[i:j])
	for i < j {
		c := out[i]
		_, size := utf8.DecodeRune(out[i:j])
		switch {
		case c < ' ' && c != 0:
			out[i] = ' '
			i++
		case c < 0x80:
			m.ascii(out, i, i+1)
			i++
		case unicode:
			m.put(out, i, size, len(runes[size]), func(k int, dst []byte) { copy(dst, string(runes[size][k])) })
			i += size
		case i+1 < j && out[i+1] >= 0x80:
			m.put(out, i, 2, len(highPairs), func(k int, dst []byte) { copy(dst, highPairs[k][:]) })
			i += 2
		case i+1 < j && out[i+1] >= 0x40 && out[i+1] < 0x7F: // a trail byte, or a letter of its own
			m.put(out, i, 2, len(highPairs), func(k int, dst []byte) { dst[0], dst[1] = highPairs[k][0], 'A'+byte(k) })
			i += 2
		default:
			m.put(out, i, 1, len(highPairs), func(k int, dst []byte) { dst[0] = highPairs[k][0] })
			i++
		}
	}
}

// utf16 masks UTF-16 code units: ASCII by kind, others by a letter of their block.
func (m *masker) utf16(out []byte, i, j int, little bool) {
	for ; i+2 <= j; i += 2 {
		hi, lo := i, i+1
		if little {
			hi, lo = lo, hi
		}
		switch {
		case out[hi] == 0 && out[lo] != 0 && out[lo] < ' ':
			out[lo] = ' '
		case out[hi] == 0 && out[lo] < 0x80:
			m.ascii(out, lo, lo+1)
		case out[hi] == 0xFE && out[lo] == 0xFF: // byte order mark
		default:
			m.put(out, lo, 1, 16, func(k int, dst []byte) { dst[0] = 0x30 + byte(k) }) // U+xx30-xx3F: letters in all blocks of names
			if i > 0 && m.leaks(out[max(0, i-3):i+2]) {
				m.put(out, lo, 1, 16, func(k int, dst []byte) { dst[0] = 0x40 + byte(k) })
			}
		}
	}
}

// bcd masks decimal nibbles and leaves the others.
func (m *masker) bcd(out []byte, i, j int) {
	for ; i < j; i++ {
		high, low := out[i]>>4, out[i]&0x0F
		m.put(out, i, 1, 100, func(k int, dst []byte) {
			h, l := high, low
			if h <= 9 {
				h = byte(k / 10)
			}
			if l <= 9 {
				l = byte(k % 10)
			}
			dst[0] = h<<4 | l
		})
	}
}

// binary masks bytes that are no text.
func (m *masker) binary(out []byte, i, j int) {
	for ; i < j; i++ {
		m.put(out, i, 1, 256, func(k int, dst []byte) { dst[0] = byte(k*89 + 0x5A) })
	}
}

// zero blanks bytes.
func (*masker) zero(out []byte, i, j int) { clear(out[i:j]) }

// date writes some other date in a layout of y, m, d and literals, as text or BCD.
// The layout is as long as the place.
func (m *masker) date(out []byte, i, j int, layout string, yearOffset int, packed bool) {
	original := bytes.Clone(out[i:j])
	m.put(out, i, j-i, 600, func(k int, dst []byte) {
		y, mo, d := 1951+k%49+yearOffset, 1+k*5%12, 1+k*11%28
		text := []byte(layout)
		write := func(letter byte, n int) {
			for p := len(text) - 1; p >= 0; p-- {
				if text[p] == letter {
					text[p], n = '0'+byte(n%10), n/10
				}
			}
		}
		write('y', y)
		write('m', mo)
		write('d', d)
		if !packed {
			copy(dst, text)
			return
		}
		for p := range dst {
			dst[p] = (text[2*p]-'0')<<4 | (text[2*p+1] - '0')
		}
	})
	if m.leaks(out[max(0, i-3):j]) { // no date will do
		copy(out[i:j], original)
		if packed {
			m.bcd(out, i, j)
		} else {
			m.ascii(out, i, j)
		}
	}
}
