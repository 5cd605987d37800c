package hl7

import (
	"slices"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// wire encodes a message written in UTF-8 for a test.
func wire(t testing.TB, e encoding.Encoding, msg string) string {
	t.Helper()
	out, err := e.NewEncoder().String(msg)
	if err != nil {
		t.Fatalf("test message is not in the set: %v", err)
	}
	return out
}

func header18(cs string) string {
	return `MSH|^~\&|A|B|C|D|20260101||ADT^A01|1|P|2.5||||||` + cs
}

func TestCharsets(t *testing.T) {
	utf16be := unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	utf16le := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	tests := []struct {
		name  string
		msh18 string
		enc   encoding.Encoding
		opt   Options
		text  string
		want  string // Charset()
		warn  []WarningCode
	}{
		{"empty, UTF-8", "", unicode.UTF8, Options{}, "张伟", "UTF-8", nil},
		{"empty, ASCII", "", unicode.UTF8, Options{}, "DOE", "UTF-8", nil},
		{"empty, guessed Chinese", "", simplifiedchinese.GB18030, Options{}, "张伟", "GB18030", []WarningCode{WarnCharsetGuessed}},
		{"empty, guessed Western", "", charmap.Windows1252, Options{}, "Müller", "windows-1252", []WarningCode{WarnCharsetGuessed}},
		{"empty, the listener's default", "", traditionalchinese.Big5, Options{DefaultCharset: "Big5"}, "許功蓋", "Big5", nil},
		{"UNICODE UTF-8", "UNICODE UTF-8", unicode.UTF8, Options{}, "张伟", "UTF-8", nil},
		{"UTF-8", "UTF-8", unicode.UTF8, Options{}, "é", "UTF-8", nil},
		{"UNICODE", "UNICODE", unicode.UTF8, Options{}, "é", "UTF-8", nil},
		{"ASCII", "ASCII", unicode.UTF8, Options{}, "DOE", "US-ASCII", nil},
		{"ASCII declared, Chinese sent", "ASCII", simplifiedchinese.GB18030, Options{}, "张伟", "GB18030", []WarningCode{WarnCharsetMismatch}},
		{"ASCII declared, UTF-8 sent", "ASCII", unicode.UTF8, Options{DefaultCharset: "GBK"}, "张伟", "UTF-8", []WarningCode{WarnCharsetMismatch}},
		{"ASCII declared, the listener's default sent", "ISO IR6", traditionalchinese.Big5, Options{DefaultCharset: "Big5"}, "許功蓋", "Big5", []WarningCode{WarnCharsetMismatch}},
		{"8859/1", "8859/1", charmap.ISO8859_1, Options{}, "Müller", "ISO-8859-1", nil},
		{"8859/2", "8859/2", charmap.ISO8859_2, Options{}, "Łódź", "ISO-8859-2", nil},
		{"8859/5", "8859/5", charmap.ISO8859_5, Options{}, "Иван", "ISO-8859-5", nil},
		{"8859/15", "8859/15", charmap.ISO8859_15, Options{}, "5 €", "ISO-8859-15", nil},
		{"GB 18030-2000", "GB 18030-2000", simplifiedchinese.GB18030, Options{}, "张伟", "GB18030", nil},
		{"GB18030", "GB18030", simplifiedchinese.GB18030, Options{}, "张伟", "GB18030", nil},
		{"GBK", "GBK", simplifiedchinese.GBK, Options{}, "镕基", "GB18030", nil},
		{"GB2312", "gb2312", simplifiedchinese.GBK, Options{}, "张伟", "GB18030", nil},
		{"four bytes", "GB 18030-2000", simplifiedchinese.GB18030, Options{}, "𠮷㐂é", "GB18030", nil},
		{"BIG-5", "BIG-5", traditionalchinese.Big5, Options{}, "許功蓋", "Big5", nil},
		{"CNS 11643", "CNS 11643-1992", eucTW{}, Options{}, "許功蓋", "EUC-TW", nil},
		{"8859/11", "8859/11", charmap.Windows874, Options{}, "สมชาย", "ISO-8859-11", nil},
		{"8859/13", "8859/13", charmap.ISO8859_13, Options{}, "Šiaulių", "ISO-8859-13", nil},
		{"KS X 1001", "KS X 1001", korean.EUCKR, Options{}, "홍길동", "EUC-KR", nil},
		{"Shift JIS by the listener", "", japanese.ShiftJIS, Options{Charset: "Shift_JIS"}, "表予構", "Shift_JIS", nil},
		{"override wins", "UNICODE UTF-8", simplifiedchinese.GBK, Options{Charset: "GBK"}, "张伟", "GB18030", nil},
		{"ISO IR87", "~ISO IR87", japanese.ISO2022JP, Options{}, "山田太郎", "ISO-2022-JP", nil},
		{"ISO IR87 with half-width", "ISO IR14~ISO IR87", japanese.ISO2022JP, Options{}, "ﾔﾏﾀﾞ山田", "ISO-2022-JP", nil},
		{"UTF-16 big endian", "", utf16be, Options{}, "张伟𠮷", "UTF-16", nil},
		{"UTF-16 little endian", "UNICODE UTF-16", utf16le, Options{}, "张伟𠮷", "UTF-16", nil},
		{"unknown set, UTF-8", "KLINGON", unicode.UTF8, Options{}, "张伟", "UTF-8", []WarningCode{WarnCharsetUnknown}},
		{"unknown set, the default", "VISCII", simplifiedchinese.GBK, Options{DefaultCharset: "GBK"}, "张伟", "GB18030", []WarningCode{WarnCharsetUnknown}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			msg := wire(t, tt.enc, header18(tt.msh18)+"\rPID|1||7^"+tt.text+"||"+tt.text+"^Z~"+tt.text+"|end\r")
			m := parse(t, msg, tt.opt)
			if m.Charset() != tt.want {
				t.Errorf("charset %s, want %s", m.Charset(), tt.want)
			}
			for _, p := range []string{"PID-3.2", "PID-5.1", "PID-5[2]"} {
				if got := get(t, m, p).Text(); got != tt.text {
					t.Errorf("%s = %q, want %q", p, got, tt.text)
				}
			}
			if get(t, m, "PID-5.2").Text() != "Z" || get(t, m, "PID-6").Text() != "end" {
				t.Error("structure after the text is lost")
			}
			var codes []WarningCode
			for _, w := range m.Warnings() {
				codes = append(codes, w.Code)
			}
			if !slices.Equal(codes, tt.warn) {
				t.Errorf("warnings %v, want %v", codes, tt.warn)
			}
		})
	}
}

func TestKnownCharset(t *testing.T) {
	for name, want := range map[string]bool{"GB18030": true, "gb 18030-2000": true, "8859/15": true, "": false, "CNS 11643": true, "8859/12": false, "8859/16": true, "an unreasonably long name of a set": false} {
		if KnownCharset(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestTrailBytesAreNotDelimiters has a two-byte character for every trail byte that is a
// delimiter; a splitter that works on bytes tears them apart.
func TestTrailBytesAreNotDelimiters(t *testing.T) {
	for _, lead := range []byte{0x81, 0xB0, 0xD6, 0xFE} {
		for _, trail := range []byte{0x7C, 0x5C, 0x5E, 0x7E} {
			char := string([]byte{lead, trail})
			m := parse(t, header18("GB 18030-2000")+"\rPID|1||a"+char+"b^c|x"+char+"|"+char)
			want, err := simplifiedchinese.GB18030.NewDecoder().String(char)
			if err != nil {
				t.Fatal(err)
			}
			if got := get(t, m, "PID-3").Text(); got != "a"+want+"b" {
				t.Errorf("% X: PID-3 = %q", char, got)
			}
			if get(t, m, "PID-3.2").Text() != "c" || get(t, m, "PID-4").Text() != "x"+want || get(t, m, "PID-5").Text() != want {
				t.Errorf("% X: later positions moved", char)
			}
			s, _ := m.Segment("PID", 1)
			if n := s.Fields(); n != 5 {
				t.Errorf("% X: %d fields", char, n)
			}
		}
	}
}

// TestHeaderInTheCharsetItNames has delimiter bytes inside the characters before
// MSH-18, where the set is not known yet.
func TestHeaderInTheCharsetItNames(t *testing.T) {
	gbk := func(b string) string {
		text, err := simplifiedchinese.GBK.NewDecoder().String(b)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tests := []struct {
		msh18, want string
		enc         encoding.Encoding
		text        string
	}{
		{"GB 18030-2000", "GB18030", simplifiedchinese.GB18030, gbk("\x81|\xB0\\\xD6^\xFE~")},
		{"BIG-5", "Big5", traditionalchinese.Big5, "許功蓋"},
		{"~ISO IR87", "ISO-2022-JP", japanese.ISO2022JP, "山田"},
	}
	for _, tt := range tests {
		msg := wire(t, tt.enc, `MSH|^~\&|`+tt.text+`|`+tt.text+`|C|D|20260101||ADT^A01|1|P|2.5||||||`+tt.msh18+"\rPID|1||7")
		m := parse(t, msg)
		if m.Charset() != tt.want {
			t.Errorf("%s: charset %s", tt.msh18, m.Charset())
		}
		if get(t, m, "MSH-4").Text() != tt.text || string(m.ControlID()) != "1" {
			t.Errorf("%s: header fields moved", tt.msh18)
		}
	}
}

func TestDeclaredWinsAndMismatchIsShown(t *testing.T) {
	tests := []struct {
		name, msg, text string
		warn            WarningCode
	}{
		{"Latin-1 declared, UTF-8 sent", header18("8859/1") + "\rPID|1||é", "Ã©", WarnCharsetMismatch},
		{"Latin-1 declared, GB 18030 sent", header18("8859/1") + "\rPID|1||\xd5\xc5\xce\xb0", "ÕÅÎ°", WarnCharsetMismatch},
		{"C1 range of Latin-1", header18("8859/1") + "\rPID|1||\x80x", "\u0080x", WarnCharsetC1},
		{"UTF-8 declared, Latin-1 sent", header18("UNICODE UTF-8") + "\rPID|1||\xe9x", "\uFFFDx", WarnCharsetInvalid},
		{"GB 18030 declared, broken", header18("GB 18030-2000") + "\rPID|1||\xff", "\uFFFD", WarnCharsetInvalid},
	}
	for _, tt := range tests {
		m := parse(t, tt.msg)
		if got := get(t, m, "PID-3").Text(); got != tt.text {
			t.Errorf("%s: %q", tt.name, got)
		}
		if !slices.ContainsFunc(m.Warnings(), func(w Warning) bool { return w.Code == tt.warn }) {
			t.Errorf("%s: warnings %v", tt.name, m.Warnings())
		}
	}
}

func TestByteOrderMarkStays(t *testing.T) {
	m := parse(t, "\uFEFF"+header18("")+"\rPID|1||张")
	if get(t, m, "PID-3").Text() != "张" || m.Charset() != "UTF-8" {
		t.Error("BOM message is not read")
	}
	if w := m.Warnings(); len(w) != 1 || w[0].Code != WarnByteOrderMark {
		t.Errorf("warnings %v", w)
	}
}

func TestISO2022DelimitersInsideKanji(t *testing.T) {
	// 0x7C and 0x5C occur as halves of JIS X 0208 characters; they are found by
	// decoding every cell and written by hand here.
	for _, half := range []string{"\x30\x7C", "\x30\x5C", "\x30\x5E", "\x30\x7E"} {
		kanji := "\x1b$B" + half + "\x1b(B"
		want, err := japanese.ISO2022JP.NewDecoder().String(kanji)
		if err != nil {
			t.Fatal(err)
		}
		m := parse(t, header18("~ISO IR87")+"\rPID|1||a"+kanji+"^b|"+kanji+"|c")
		if got := get(t, m, "PID-3").Text(); got != "a"+want {
			t.Errorf("%q: PID-3 = %q", half, got)
		}
		if get(t, m, "PID-3.2").Text() != "b" || get(t, m, "PID-4").Text() != want || get(t, m, "PID-5").Text() != "c" {
			t.Errorf("%q: positions moved", half)
		}
	}
	m := parse(t, header18("~ISO IR87")+"\rPID|1||\x1b$B\x30\x7C\rPV1|1|I")
	if get(t, m, "PV1-2").Text() != "I" {
		t.Error("a forgotten return to ASCII reaches into the next segment")
	}
}

// TestTwoByteCharactersSurviveTheSplit puts each character of a set next to
// delimiters and compares with the same message in UTF-8: all whose second byte
// is ASCII, and every eighth of the others.
func TestTwoByteCharactersSurviveTheSplit(t *testing.T) {
	tests := []struct {
		name, msh18   string
		opt           Options
		enc           encoding.Encoding
		before, after string
		first, last   byte
		least         int // characters the set surely has
	}{
		{"GB 18030", "GB 18030-2000", Options{}, simplifiedchinese.GB18030, "", "", 0x81, 0xFE, 9_000},
		{"Big5", "BIG-5", Options{}, traditionalchinese.Big5, "", "", 0x81, 0xFE, 5_800},
		{"Shift JIS", "", Options{Charset: "Shift_JIS"}, japanese.ShiftJIS, "", "", 0x81, 0xFC, 3_000},
		{"CNS 11643", "CNS 11643", Options{}, eucTW{}, "", "", 0xA1, 0xFE, 600},
		{"KS X 1001", "KS X 1001", Options{}, korean.EUCKR, "", "", 0x81, 0xFE, 1_000},
		{"ISO 2022 JP", "~ISO IR87", Options{}, japanese.ISO2022JP, "\x1b$B", "\x1b(B", 0x21, 0x7E, 6_800},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var local, utf []byte
			local = append(local, header18(tt.msh18)...)
			utf = append(utf, header18(tt.msh18)...)
			n, dec, enc := 0, tt.enc.NewDecoder(), tt.enc.NewEncoder()
			for lead := int(tt.first); lead <= int(tt.last); lead++ {
				for trail := 0x21; trail <= 0xFE; trail++ {
					if trail >= 0x80 && (lead+trail)%8 != 0 {
						continue
					}
					char := tt.before + string([]byte{byte(lead), byte(trail)}) + tt.after
					text, err := dec.String(char)
					if back, e := enc.String(text); err != nil || e != nil || back != char || len([]rune(text)) != 1 {
						continue // not one character of the set
					}
					n++
					local = append(local, "\rZ|"+char+"^a"+char+"b~"+char+"|"+char+"\\F\\"+char...)
					utf = append(utf, "\rZ|"+text+"^a"+text+"b~"+text+"|"+text+"\\F\\"+text...)
				}
			}
			if n < tt.least {
				t.Fatalf("only %d characters tried", n)
			}
			sameLeaves(t, parse(t, string(utf), Options{Charset: "UTF-8"}), parse(t, string(local), tt.opt))
		})
	}
}
