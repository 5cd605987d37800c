package hl7

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// charset is one character set of HL7 table 0211 (or one that senders use
// without being in it).
type charset struct {
	name  string // IANA name
	table string // HL7 table 0211 code, written to MSH-18
	enc   encoding.Encoding
	// charLen is set where a character's later bytes can be ASCII: the length in
	// bytes of the character at b[0] >= 0x80, at least 1 and at most len(b).
	charLen func(b []byte) int
	// escaped marks ISO 2022: characters are announced by ESC sequences.
	escaped bool
}

// The sets. The keys of byName are what MSH-18 or a configuration may say, upper
// case, with everything but letters and digits removed. Table 0211 has no code
// for some sets that senders use all the same; and Shift JIS is what a lone ISO
// IR14 (half-width katakana) is a part of.
var (
	csUTF8        = &charset{name: "UTF-8", table: "UNICODE UTF-8"}
	csASCII       = &charset{name: "US-ASCII", table: "ASCII", enc: charmap.Windows1252}
	csGB18030     = &charset{name: "GB18030", table: "GB 18030-2000", enc: simplifiedchinese.GB18030, charLen: gb18030Len}
	csBig5        = &charset{name: "Big5", table: "BIG-5", enc: traditionalchinese.Big5, charLen: big5Len}
	csShiftJIS    = &charset{name: "Shift_JIS", enc: japanese.ShiftJIS, charLen: shiftJISLen}
	csISO2022JP   = &charset{name: "ISO-2022-JP", table: "ASCII~ISO IR87", enc: japanese.ISO2022JP, escaped: true}
	csCNS11643    = &charset{name: "EUC-TW", table: "CNS 11643-1992", enc: eucTW{}}
	csEUCJP       = &charset{name: "EUC-JP", enc: japanese.EUCJP}
	csEUCKR       = &charset{name: "EUC-KR", table: "KS X 1001", enc: korean.EUCKR}
	csLatin1      = &charset{name: "ISO-8859-1", table: "8859/1", enc: charmap.ISO8859_1}
	csWindows1252 = &charset{name: "windows-1252", enc: charmap.Windows1252}

	byName = map[string]*charset{
		"UTF8": csUTF8, "UNICODEUTF8": csUTF8, "UNICODE": csUTF8,
		"ASCII": csASCII, "USASCII": csASCII, "ISOIR6": csASCII,
		"GB18030": csGB18030, "GB180302000": csGB18030, "GB180302005": csGB18030, "GB180302022": csGB18030,
		"GBK": csGB18030, "CP936": csGB18030, "GB2312": csGB18030, "EUCCN": csGB18030, "GB231280": csGB18030,
		"BIG5": csBig5, "CP950": csBig5, "BIG5HKSCS": csBig5,
		"SHIFTJIS": csShiftJIS, "SJIS": csShiftJIS, "WINDOWS31J": csShiftJIS, "CP932": csShiftJIS, "ISOIR14": csShiftJIS,
		"ISO2022JP": csISO2022JP, "ISOIR87": csISO2022JP, "ISOIR159": csISO2022JP,
		"EUCJP":    csEUCJP,
		"CNS11643": csCNS11643, "CNS116431992": csCNS11643, "EUCTW": csCNS11643,
		"EUCKR": csEUCKR, "KSX1001": csEUCKR, "KSC5601": csEUCKR, "CP949": csEUCKR,
		"ISO88591": csLatin1, "88591": csLatin1, "LATIN1": csLatin1,
		"WINDOWS1252": csWindows1252, "CP1252": csWindows1252, "ANSI": csWindows1252,

		"ISO88592": csLatin2, "88592": csLatin2,
		"ISO88593": csLatin3, "88593": csLatin3,
		"ISO88594": csLatin4, "88594": csLatin4,
		"ISO88595": csCyrillic, "88595": csCyrillic,
		"ISO88596": csArabic, "88596": csArabic,
		"ISO88597": csGreek, "88597": csGreek,
		"ISO88598": csHebrew, "88598": csHebrew,
		"ISO88599": csLatin5, "88599": csLatin5,
		"ISO885910": csLatin6, "885910": csLatin6,
		"ISO885911": csThai, "885911": csThai, "TIS620": csThai, "WINDOWS874": csThai,
		"ISO885913": csLatin7, "885913": csLatin7,
		"ISO885914": csLatin8, "885914": csLatin8,
		"ISO885915": csLatin9, "885915": csLatin9,
		"ISO885916": csLatin10, "885916": csLatin10,
		"WINDOWS1250": csWindows1250, "CP1250": csWindows1250,
		"WINDOWS1251": csWindows1251, "CP1251": csWindows1251,
	}

	csLatin2      = &charset{name: "ISO-8859-2", table: "8859/2", enc: charmap.ISO8859_2}
	csLatin3      = &charset{name: "ISO-8859-3", table: "8859/3", enc: charmap.ISO8859_3}
	csLatin4      = &charset{name: "ISO-8859-4", table: "8859/4", enc: charmap.ISO8859_4}
	csCyrillic    = &charset{name: "ISO-8859-5", table: "8859/5", enc: charmap.ISO8859_5}
	csArabic      = &charset{name: "ISO-8859-6", table: "8859/6", enc: charmap.ISO8859_6}
	csGreek       = &charset{name: "ISO-8859-7", table: "8859/7", enc: charmap.ISO8859_7}
	csHebrew      = &charset{name: "ISO-8859-8", table: "8859/8", enc: charmap.ISO8859_8}
	csLatin5      = &charset{name: "ISO-8859-9", table: "8859/9", enc: charmap.ISO8859_9}
	csLatin6      = &charset{name: "ISO-8859-10", table: "8859/10", enc: charmap.ISO8859_10}
	csThai        = &charset{name: "ISO-8859-11", table: "8859/11", enc: charmap.Windows874} // the same and more
	csLatin7      = &charset{name: "ISO-8859-13", table: "8859/13", enc: charmap.ISO8859_13}
	csLatin8      = &charset{name: "ISO-8859-14", table: "8859/14", enc: charmap.ISO8859_14}
	csLatin10     = &charset{name: "ISO-8859-16", table: "8859/16", enc: charmap.ISO8859_16}
	csLatin9      = &charset{name: "ISO-8859-15", table: "8859/15", enc: charmap.ISO8859_15}
	csWindows1250 = &charset{name: "windows-1250", enc: charmap.Windows1250}
	csWindows1251 = &charset{name: "windows-1251", enc: charmap.Windows1251}
)

// lookupCharset resolves one name, nil when unknown. A name is a hospital's
// spelling: case, spaces, dashes and slashes do not count.
func lookupCharset(name []byte) *charset {
	var key [16]byte
	n := 0
	for _, c := range name {
		if c = upper(c); !isAlnum(c) {
			continue
		}
		if n == len(key) {
			return nil
		}
		key[n] = c
		n++
	}
	return byName[string(key[:n])]
}

// KnownCharset says whether a name can be used in [Options] and
// [Message.Recode].
func KnownCharset(name string) bool { return lookupCharset([]byte(name)) != nil }

// declaredCharset resolves the repetitions of MSH-18. The first is the set the
// message starts in; a later ISO IR87 or IR159 announces ISO 2022 switching.
func declaredCharset(field []byte, d *Delimiters) *charset {
	first := field
	if d.Repetition != 0 {
		var rest []byte
		first, rest, _ = bytes.Cut(field, []byte{d.Repetition})
		for len(rest) > 0 {
			var name []byte
			name, rest, _ = bytes.Cut(rest, []byte{d.Repetition})
			if cs := lookupCharset(name); cs == csISO2022JP {
				return cs
			}
		}
	}
	return lookupCharset(first)
}

// declaration is what MSH-18 says for the set, with the message's repetition
// separator.
func (c *charset) declaration(repetition byte) []byte {
	name := c.table
	if name == "" {
		name = c.name
	}
	return bytes.ReplaceAll([]byte(name), []byte("~"), []byte{repetition})
}

// decode turns wire bytes into UTF-8; wrong bytes become U+FFFD.
func (c *charset) decode(b []byte) string {
	if isASCII(b) && (!c.escaped || bytes.IndexByte(b, esc) < 0) {
		return string(b)
	}
	if c.enc == nil {
		return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
	}
	out, err := c.enc.NewDecoder().Bytes(b)
	if err != nil { // decoders replace, they do not fail
		return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
	}
	return string(out)
}

// encode turns UTF-8 into wire bytes or says that it cannot.
func (c *charset) encode(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("hl7: %w", ErrNotEncodable)
	}
	if c.enc == nil {
		return []byte(text), nil
	}
	out, err := c.enc.NewEncoder().Bytes([]byte(text))
	// Private-use characters have more than one place in some sets and come back
	// as another character: as bad as a "?".
	if err != nil || c == csASCII && !isASCII(out) || c.decode(out) != text {
		return nil, fmt.Errorf("hl7: %w", ErrNotEncodable)
	}
	return out, nil
}

// structure is b with the bytes of each character that has an ASCII byte in it
// replaced by 0x80, so that delimiters can be searched byte by byte; b itself
// where that is safe already.
func (c *charset) structure(b []byte) []byte {
	switch {
	case c.escaped:
		if bytes.IndexByte(b, esc) < 0 {
			return b
		}
		return maskISO2022(b)
	case c.charLen == nil || isASCII(b):
		return b
	}
	s := b
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i += 1 + asciiPrefix(b[i+1:])
			continue
		}
		n := c.charLen(b[i:])
		// Only an ASCII second byte can be taken for a delimiter: most texts need
		// no copy. (The digits of four-byte characters are never delimiters.)
		if n > 1 && b[i+1] < utf8.RuneSelf {
			if &s[0] == &b[0] {
				s = bytes.Clone(b)
			}
			for k := range n {
				s[i+k] = masked
			}
		}
		i += n
	}
	return s
}

// western says whether the set is for Western European languages, whose texts
// hardly ever look Chinese.
func (c *charset) western() bool { return c == csLatin1 || c == csLatin9 || c == csWindows1252 }

// torn says whether b ends inside a character, so that a delimiter written
// behind it would be taken for the rest.
func (c *charset) torn(b []byte) bool {
	if len(b) == 0 || c.charLen == nil && !c.escaped {
		return false
	}
	s := c.structure(append(b[:len(b):len(b)], '@')) // 40 can follow in every set
	return s[len(b)] == masked
}

const (
	esc    = 0x1B
	masked = 0x80
)

// maskISO2022 blanks everything between the announcement of a Japanese set and
// the return to ASCII or JIS X 0201 Roman, the announcements included. The end
// of a segment returns to ASCII whatever the sender forgot.
func maskISO2022(b []byte) []byte {
	s := bytes.Clone(b)
	hidden := false
	for i := 0; i < len(b); {
		n := 1
		switch {
		case b[i] == '\r' || b[i] == '\n':
			hidden = false
		case b[i] == esc:
			n, hidden = announcement(b[i:], hidden)
			for k := range n {
				s[i+k] = masked
			}
		case hidden:
			s[i] = masked
		}
		i += n
	}
	return s
}

// announcement measures the ESC sequence at b[0] and says whether what follows
// is hidden (RFC 1468, JIS X 0212 and half-width katakana besides).
func announcement(b []byte, hidden bool) (int, bool) {
	for _, a := range [...]struct {
		seq  string
		hide bool
	}{
		{"\x1b(B", false}, {"\x1b(J", false}, {"\x1b$@", true}, {"\x1b$B", true}, {"\x1b(I", true}, {"\x1b$(D", true},
	} {
		if bytes.HasPrefix(b, []byte(a.seq)) {
			return len(a.seq), a.hide
		}
	}
	return 1, hidden
}

// gb18030Len follows GB 18030: two bytes with trail 40-7E or 80-FE, or four
// bytes with digits in second and fourth place.
func gb18030Len(b []byte) int {
	switch {
	case len(b) < 2 || b[0] == 0x80 || b[0] == 0xFF:
		return 1
	case 0x40 <= b[1] && b[1] != 0x7F && b[1] != 0xFF:
		return 2
	case len(b) >= 4 && '0' <= b[1] && b[1] <= '9' && 0x81 <= b[2] && b[2] != 0xFF && '0' <= b[3] && b[3] <= '9':
		return 4
	}
	return 1
}

func big5Len(b []byte) int {
	if len(b) >= 2 && b[0] != 0x80 && b[0] != 0xFF && (0x40 <= b[1] && b[1] <= 0x7E || 0xA1 <= b[1] && b[1] != 0xFF) {
		return 2
	}
	return 1
}

func shiftJISLen(b []byte) int {
	lead := 0x81 <= b[0] && b[0] <= 0x9F || 0xE0 <= b[0] && b[0] <= 0xFC
	if lead && len(b) >= 2 && 0x40 <= b[1] && b[1] != 0x7F && b[1] <= 0xFC {
		return 2
	}
	return 1
}

func isASCII(b []byte) bool { return asciiPrefix(b) == len(b) }

// asciiPrefix is how many bytes of b come before the first that is not ASCII.
func asciiPrefix(b []byte) int {
	const high = 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if x := binary.LittleEndian.Uint64(b[i:]) & high; x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for ; i < len(b) && b[i] < utf8.RuneSelf; i++ {
	}
	return i
}
