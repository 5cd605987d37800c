package card

import (
	"bytes"
	"compress/gzip"
	"regexp"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"

	"cardferry/drivers/decode"
)

// maskedAs masks a capture c as a profile with these fields would have it.
func maskedAs(t *testing.T, fields string, b []byte) (*content, []byte) {
	t.Helper()
	root, err := decode.Parse("f.yaml", []byte("fields:\n"+fields))
	if err != nil {
		t.Fatal(err)
	}
	c := newContent(b)
	hints := hintsOf(root)["c"]
	for _, h := range hints {
		c.follow(h)
	}
	if len(hints) == 0 {
		c.frame(0, len(b))
	}
	m := &masker{secret: map[[4]byte]bool{}}
	c.learn(m)
	c.allow(m)
	c.mask(m)
	if m.leaks(c.out) {
		t.Errorf("a run of the original shows: %X became %X", b, c.out)
	}
	return c, c.out
}

// Every kind of value is masked by its own kind, and structure stays.
func TestMaskByKind(t *testing.T) {
	gbk := func(s string) string {
		b, err := simplifiedchinese.GB18030.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name, fields string
		in           string
		want         string // RE2 on the bytes read as ISO 8859-1
	}{
		{"digits, letters, punctuation", "  a: {from: c, do: [text: ascii]}\n", "Ab-12 #Z9", `^[A-Z][a-z]-[0-9]{2} #[A-Z][0-9]$`},
		{"padding stays", "  a: {from: c, do: [trim: [nul], text: ascii]}\n", "AB\x00\x00", `^[A-Z]{2}\x00\x00$`},
		{"a date is a date", "  a: {from: c, do: [text: ascii, date: yyyymmdd]}\n", "19860315", `^19[5-9][0-9](0[1-9]|1[0-2])([01][0-9]|2[0-8])$`},
		{"a date with points", "  a: {from: c, do: [text: utf-8, date: {layout: [dd.mm.yyyy, \"dd mon yyyy\"]}]}\n", "15.03.1986", `^[0-2][0-9]\.[01][0-9]\.19[5-9][0-9]$`},
		{"a Buddhist date", "  a: {from: c, do: [text: ascii, date: {layout: yyyymmdd, calendar: buddhist}]}\n", "25290315", `^2[45][0-9]{2}[01][0-9][0-2][0-9]$`},
		{"a date of the Republic of China", "  a: {from: c, do: [text: ascii, date: {layout: yyymmdd, calendar: roc}]}\n", "0750315", `^0[4-8][0-9][01][0-9][0-2][0-9]$`},
		{"a packed date", "  a: {from: c, do: [bcd, date: yyyymmdd]}\n", "\x19\x86\x03\x15", `^\x19[\x51-\x99][\x01-\x12][\x01-\x28]$`},
		{"packed digits and their fill", "  a: {from: c, do: [bcd]}\n", "\x12\x34\x5F\xFF", `^[\x00-\x99]{2}[\x0F\x1F\x2F\x3F\x4F\x5F\x6F\x7F\x8F\x9F]\xFF$`},
		{"only a cut is described; the rest goes by its looks", "  a: {from: \"c[0:2]\", do: [text: ascii]}\n", "AB1234", `^[A-Z]{2}[0-9]{4}$`},
		{"TLV headers stay", "  a: {from: c, do: [tlv: {form: simple, path: \"02\"}, text: ascii]}\n", "\x01\x02XY\x02\x03abc", `^\x01\x02[A-Z]{2}\x02\x03[a-z]{3}$`},
		{"nested BER headers stay", "  a: {from: c, do: [tlv: {form: ber, path: \"65/80\"}, text: utf-8]}\n", "\x65\x07\x80\x02ab\x81\x01c", `^\x65\x07\x80\x02[a-z]{2}\x81\x01[a-z]$`},
		{"Belgian and positional lengths stay", "  a: {from: c, do: [tlv: {form: ascii-hex, index: 1}, text: ascii]}\n", "02AB03xyz", `^02[A-Z]{2}03[a-z]{3}$`},
		{"pointers stay", "  a: {from: c, do: [pointer: 0, text: ascii]}\n", "\x00\x04\x00\x06abc", `^\x00\x04\x00\x06[a-z]{3}$`},
		{"digits behind NOT and a swap of nibbles", "  a: {from: c, do: [swap: nibbles, not, text: ascii]}\n", "\xEC\xDC\xCC\xBC", `^[\x6C\x7C\x8C\x9C\xAC\xBC\xCC\xDC\xEC\xFC]{4}$`},
		{"a picture is blanked between its ends", "  a: {from: c, do: [image: jpeg]}\n", "\xFF\xD8\xFF\xE0abcd\xFF\xD9", `^\xFF\xD8\xFF\x00{5}\xFF\xD9$`},
		{"XML keeps its markup", "  a: {from: c, do: [xml, path: n]}\n", `<?xml version="1.0"?><p xmlns:v="urn:x" id="Q7"><v:n>Anna &amp; Co</v:n></p>`, `^<\?xml version="1\.0"\?><p xmlns:v="urn:x" id="[A-Z][0-9]"><v:n>[A-Z][a-z]{3} &amp; [A-Z][a-z]</v:n></p>$`},
		{"nobody described it: BER proves itself", "", "\x61\x08\x4F\x03\xA0\x00\x01\x50\x01K", `^\x61\x08\x4F\x03\xA0\x00\x01\x50\x01[A-Z]$`},
		{"nobody described it: a length", "", "\x00\x05abcde", `^\x00\x05[a-z]{5}$`},
		{"nobody described it: no structure", "", "\xA1\x07\x93\x22\xFE\x01", `^[^\xA1][^\x07][^\x93][^\x22][^\xFE][^\x01]$`},
		{"two bytes a character", "  a: {from: c, do: [text: gb18030]}\n", gbk("王小明"), `^(?s).{6}$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, out := maskedAs(t, tt.fields, []byte(tt.in))
			latin := make([]rune, len(out))
			for i, c := range out {
				latin[i] = rune(c)
			}
			if len(out) != len(tt.in) || string(out) == tt.in || !regexp.MustCompile(tt.want).MatchString(string(latin)) {
				t.Errorf("%X became %X", tt.in, out)
			}
		})
	}
}

// Masked text is text in the charset it was in.
func TestMaskedTextStaysText(t *testing.T) {
	const fields = "  a: {from: c, do: [text: big5]}\n"
	encode := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	_, out := maskedAs(t, fields, []byte("王測試 Ab é"))
	if !utf8.Valid(out) || bytes.ContainsRune(out, '測') && bytes.ContainsRune(out, '王') {
		t.Errorf("UTF-8 became %X", out)
	}
	_, out = maskedAs(t, fields, encode(traditionalchinese.Big5.NewEncoder().Bytes([]byte("王測試"))))
	if s, err := traditionalchinese.Big5.NewDecoder().String(string(out)); err != nil || bytes.ContainsRune([]byte(s), utf8.RuneError) {
		t.Errorf("Big5 became %X", out)
	}
	_, out = maskedAs(t, fields, encode(simplifiedchinese.GB18030.NewEncoder().Bytes([]byte("测试甲"))))
	if s, err := simplifiedchinese.GB18030.NewDecoder().String(string(out)); err != nil || bytes.ContainsRune([]byte(s), utf8.RuneError) {
		t.Errorf("GB 18030 became %X", out)
	}
	_, out = maskedAs(t, fields, encode(charmap.Windows874.NewEncoder().Bytes([]byte("สมชาย#ใจดี"))))
	if s, err := charmap.Windows874.NewDecoder().String(string(out)); err != nil || bytes.ContainsRune([]byte(s), utf8.RuneError) || !bytes.Contains(out, []byte("#")) {
		t.Errorf("TIS-620 became %X", out)
	}
	_, out = maskedAs(t, "  a: {from: c, do: [text: utf-16le]}\n", []byte("M\x00u\x00s\x00 \x00\x1F\x04"))
	if out[1] != 0 || out[3] != 0 || out[6] != ' ' || out[9] != 4 {
		t.Errorf("UTF-16 became %X", out)
	}
}

// What is compressed is made again, in no more room, from masked text.
func TestMaskedCompression(t *testing.T) {
	text := []byte(`<?xml version="1.0" encoding="UTF-8"?><P><Name>Mustermann</Name><Vorname>Erika Maria</Vorname><Geburtsdatum>19870215</Geburtsdatum><Strasse>Musterweg</Strasse>` +
		`<Hausnummer>12a</Hausnummer><Postleitzahl>12345</Postleitzahl><Ort>Musterstadt am See</Ort><Kasse>Beispielkasse Nord</Kasse><Nummer>X110411319</Nummer></P>`)
	z := deflate(text, "gzip", gzip.BestCompression)
	c, out := maskedAs(t, "  d: {from: \"c[2:]\", do: [inflate: gzip, xml]}\n", append(append([]byte{0, byte(len(z))}, z...), 0, 0, 0, 0))
	again, form, _, ok := inflate(out[2:])
	if !ok || form != "gzip" || bytes.Contains(again, []byte("Muster")) || bytes.Contains(again, []byte("1987")) || len(again) != len(text) ||
		!regexp.MustCompile(`<Name>[A-Z][a-z]{9}</Name><Vorname>[A-Z][a-z]{4} [A-Z][a-z]{4}</Vorname><Geburtsdatum>19[0-9]{6}</Geburtsdatum>`).Match(again) {
		t.Errorf("became %s, %v", again, c.notes)
	}
	c, out = maskedAs(t, "  d: {from: c, do: [inflate: gzip, xml]}\n", []byte("\x1F\x8B\x08 no gzip at all"))
	if bytes.Contains(out, []byte("gzip")) || len(c.notes) == 0 {
		t.Errorf("what does not inflate became %q, %v", out, c.notes)
	}
}
