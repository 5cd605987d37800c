package decode

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"cardferry/drivers"

	"go.yaml.in/yaml/v3"
)

// pipeline decodes a `do` list.
func pipeline(tb testing.TB, do string) []stage {
	tb.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(do), &n); err != nil {
		tb.Fatal(err)
	}
	var stages []stage
	d := NewDecoder("test")
	d.Decode(n.Content[0], &stages)
	if err := d.Err(); err != nil {
		tb.Fatal(err)
	}
	return stages
}

// through runs a pipeline as a field named f.
func through(stages []stage, in []byte) (string, []drivers.Warning) {
	f := &Fields{Ordered[Field]{{Name: "f", Val: Field{From: sources{{Name: "c", cut: whole}}, Do: stages}}}}
	r, err := f.Evaluate(context.Background(), map[string]Value{"c": BytesValue(in)}, Options{})
	if err != nil {
		return err.Error(), nil
	}
	return string(r.Values["f"].Bytes()), r.Warnings
}

func gzipped(s string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = zw.Write([]byte(s))
	_ = zw.Close()
	return hex.EncodeToString(b.Bytes())
}

// Every stage: hex in, text out, warning code if any.
func TestStages(t *testing.T) {
	ascii := func(s string) string { return hex.EncodeToString([]byte(s)) }
	const (
		unreadable = "unreadable"
		lossy      = "lossy_text"
	)
	for _, tt := range []struct{ name, do, in, want, warning string }{
		{"hex", "[hex]", "0a0b", "0A0B", ""},
		{"bcd", "[bcd]", "1234", "1234", ""},
		{"bcd filled with F", "[bcd]", "12345fff", "12345", ""},
		{"bcd all F is absent", "[bcd]", "ffffffff", "", ""},
		{"bcd with a letter", "[bcd]", "12a4", "", unreadable},
		{"uint be", "[uint: be]", "0102", "258", ""},
		{"uint le", "[uint: le]", "0102", "513", ""},
		{"uint too long", "[uint: le]", "010203040506070809", "", unreadable},
		{"trim nul and space", "[trim: [nul, space], hex]", "00204120004220", "41200042", ""},
		{"trim ff", "[trim: ff, hex]", "ff41ff", "41", ""},
		{"trim leading zeros", "[text: ascii, trim: zero]", ascii("0070"), "70", ""},
		{"trim everything is absent", "[trim: [nul], hex]", "0000", "", ""},
		{"slice", "[slice: \"1:3\", hex]", "00112233", "1122", ""},
		{"slice behind the end", "[slice: \"9:\", hex]", "00", "", ""},
		{"split", "[text: ascii, split: {by: \"#\", part: 1}]", ascii("a# b #c"), "b", ""},
		{"split, empty part", "[text: ascii, split: {by: \"#\", part: 1}]", ascii("a##c"), "", ""},
		{"split, no such part", "[text: ascii, split: {by: \"#\", part: 9}]", ascii("a#b"), "", ""},
		{"match", "[text: ascii, match: \"^X([0-9]+)$\"]", ascii("X12"), "12", ""},
		{"match, none", "[text: ascii, match: \"^X([0-9]+)$\"]", ascii("Y12"), "", ""},
		{"map", "[text: ascii, map: {to: {\"1\": male}}]", "31", "male", ""},
		{"map, unknown code", "[text: ascii, map: {to: {\"1\": male}}]", "33", "", "unknown_code"},
		{"map, keep", "[text: ascii, map: {to: {\"1\": male}, other: keep}]", "33", "3", ""},
		{"map, absent", "[text: ascii, map: {to: {\"1\": male}, other: absent}]", "33", "", ""},
		{"check passes", "[text: ascii, check: cn-id]", ascii("990101190001010018"), "990101190001010018", ""},
		{"check fails, value stays", "[text: ascii, check: cn-id]", ascii("990101190001010019"), "990101190001010019", "check_digit"},

		{"ascii", "[text: ascii]", ascii("A 1~"), "A 1~", ""},
		{"ascii with a high byte", "[text: ascii]", "41ff", "", unreadable},
		{"ascii with a control byte", "[text: ascii]", "4100", "", unreadable},
		{"utf-8", "[text: utf-8]", hex.EncodeToString([]byte("é卡")), "é卡", ""},
		{"utf-8 broken", "[text: utf-8]", "41c3", "A\uFFFD", lossy},
		{"utf-16le", "[text: utf-16le]", "4100e953", "A叩", ""},
		{"utf-16le, half a pair", "[text: utf-16le]", "00d84100", "\uFFFDA", lossy},
		{"utf-16be", "[text: utf-16be]", "0041", "A", ""},
		{"iso-8859-1", "[text: iso-8859-1]", "e4a4", "ä¤", ""},
		{"iso-8859-15", "[text: iso-8859-15]", "e4a4", "ä€", ""},
		{"windows-1252", "[text: windows-1252]", "80", "€", ""},
		{"gb18030, two bytes (GBK)", "[text: gb18030]", "b2e2cad4", "测试", ""},
		{"gb18030, rare GBK character", "[text: gb18030]", "96e58d43", "栧岰", ""},
		{"gb18030, four bytes", "[text: gb18030]", "9534b235", "𠮷", ""},
		{"gb18030, middle dot of names", "[text: gb18030]", "b0a2a1a4b2bc", "阿·布", ""},
		{"gb18030, user-defined", "[text: gb18030]", "b2e2aaa1", "测\uFFFD", lossy},
		{"gb18030, cut character", "[text: gb18030]", "b2e2ca", "测\uFFFD", lossy},
		{"big5", "[text: big5]", "a4fdb4fab8d5", "王測試", ""},
		{"big5, ETEN character", "[text: big5]", "f9d6", "碁", ""},
		{"big5, user-defined FA40 is not Hong Kong's", "[text: big5]", "a4fdfa40", "王\uFFFD", lossy},
		{"big5, user-defined 8E40", "[text: big5]", "8e40", "\uFFFD", lossy},
		{"big5, user-defined C6A1", "[text: big5]", "c6a1", "\uFFFD", lossy},
		{"big5, cut character", "[text: big5]", "a4fdb4", "王\uFFFD", lossy},
		{"big5, broken trail byte is not swallowed", "[text: big5]", "b430", "\uFFFD0", lossy},
		{"big5, padded with wide spaces", "[trim: [nul, space], text: big5, trim: space]", "a4fdb4faa140a1402020", "王測", ""},
		{"gb18030, padded with wide spaces", "[text: gb18030, trim: space]", "b2e2a1a1", "测", ""},
		{"tis-620", "[text: tis-620]", "b7b4cacdba", "ทดสอบ", ""},
		{"tis-620, undefined", "[text: tis-620]", "b7db", "ท\uFFFD", lossy},
		{"shift_jis", "[text: shift_jis]", "8e8e8cb1", "試験", ""},
		{"control characters never pass", "[text: iso-8859-1]", "411b5b", "A\uFFFD[", lossy},

		{"tlv simple", "[tlv: {form: simple, path: \"09\"}, hex]", "08011109022233", "2233", ""},
		{"tlv simple, long length", "[tlv: {form: simple, path: \"09\"}, hex]", "09ff000122", "22", ""},
		{"tlv ber, nested, two-byte tag, padding", "[tlv: {form: ber, path: \"65/5F20\"}, hex]", "000065065f2003112233ffff", "112233", ""},
		{"tlv ber, long length", "[tlv: {form: ber, path: \"60\"}, hex]", "608101aa", "AA", ""},
		{"tlv ber, indefinite length", "[tlv: {form: ber, path: \"60\"}, hex]", "6080aa0000", "", ""},
		{"tlv belgian", "[tlv: {form: belgian, path: \"07\"}, hex]", "010022070133", "", ""},
		{"tlv belgian found", "[tlv: {form: belgian, path: \"07\"}, hex]", "01012207013307", "33", ""},
		{"tlv le16", "[tlv: {form: le16, path: \"0611\"}, hex]", "110602001122", "1122", ""},
		{"tlv be16", "[tlv: {form: be16, path: \"E101\"}, hex]", "e10100011f", "1F", ""},
		{"tlv not there", "[tlv: {form: simple, path: \"0A\"}, hex]", "080111", "", ""},
		{"tlv cut short", "[tlv: {form: simple, path: \"08\"}, hex]", "080411", "", unreadable},

		{"pointer", "[pointer: 0, hex]", "00040005aabb", "AABB", ""},
		{"pointer FFFF", "[pointer: 0, hex]", "ffffffffaabb", "", ""},
		{"pointer start equals end", "[pointer: 0, hex]", "00040004aabb", "", ""},
		{"pointer to outside", "[pointer: 0, hex]", "00040009aabb", "", unreadable},
		{"pointer pair missing", "[pointer: 1, hex]", "00040005aabb", "", ""},

		{"gunzip", "[inflate: gzip, text: ascii]", gzipped("hello"), "hello", ""},
		{"gunzip with padding", "[inflate: gzip, text: ascii]", gzipped("hello") + "00000000", "hello", ""},
		{"gunzip of nonsense", "[inflate: gzip, text: ascii]", "00112233", "", unreadable},
		{"gunzip cut short", "[inflate: gzip, text: ascii]", gzipped("hello")[:30], "", unreadable},
		{"gunzip bomb", "[inflate: gzip, hex]", gzipped(strings.Repeat("A", maxInflated+1)), "", unreadable},
		{"image", "[image: jpeg]", "ffd8ffe0ffd9ffff", "/9j/4P/Z", ""},
		{"image of something else", "[image: jpeg]", "89504e47", "", unreadable},

		{"xml", "[xml, path: a/b]", ascii("<r><a><c>1</c><b> x </b></a></r>"), "x", ""},
		{"xml, namespaces", "[xml, path: a/b]", ascii(`<p:r xmlns:p="u"><p:a><p:b>x</p:b></p:a></p:r>`), "x", ""},
		{"xml, same name elsewhere", "[xml, path: a/b]", ascii("<r><b>0</b><c><a><b>1</b></a></c><a><d><b>2</b></d></a><a><b>3</b></a></r>"), "3", ""},
		{"xml, alternatives", "[xml, path: a|z/b]", ascii("<r><z><b>x</b></z></r>"), "x", ""},
		{"xml, not there", "[xml, path: a/b]", ascii("<r><a/></r>"), "", ""},
		{"xml, empty element", "[xml, path: a]", ascii("<r><a/></r>"), "", ""},
		{"xml, entities of the standard", "[xml, path: a]", ascii("<r><a>&lt;&amp;&#228;</a></r>"), "<&ä", ""},
		{"xml, ISO-8859-15", "[xml, path: a]", ascii(`<?xml version="1.0" encoding="ISO-8859-15"?><r><a>`) + "a4" + ascii("</a></r>"), "€", ""},
		{"xml, unknown encoding", "[xml, path: a]", ascii(`<?xml version="1.0" encoding="EBCDIC"?><r><a>x</a></r>`), "", unreadable},
		{"xml, document type", "[xml, path: a]", ascii(`<!DOCTYPE r [<!ENTITY e "x">]><r><a>&e;</a></r>`), "", unreadable},
		{"xml, own entity", "[xml, path: a]", ascii("<r><a>&e;</a></r>"), "", unreadable},
		{"xml, cut short", "[xml, path: a]", ascii("<r><b>"), "", unreadable},
		{"xml, too deep", "[xml, path: a]", ascii(strings.Repeat("<r>", maxDepth+1)), "", unreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := hex.DecodeString(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			got, warnings := through(pipeline(t, tt.do), in)
			code := ""
			for _, w := range warnings {
				code += w.Code
			}
			if got != tt.want || code != tt.warning {
				t.Errorf("got %q, warning %q; want %q, %q", got, code, tt.want, tt.warning)
			}
		})
	}
}

// Dates become FHIR dates; "!" stands for unreadable, "" for absent.
func TestDates(t *testing.T) {
	for _, tt := range []struct{ pattern, in, want string }{
		{"yyyymmdd", "19870215", "1987-02-15"},
		{"yyyymmdd", "20000229", "2000-02-29"},
		{"yyyymmdd", "19000229", "!"},
		{"yyyymmdd", "19870200", "1987-02"},
		{"yyyymmdd", "19870000", "1987"},
		{"yyyymmdd", "19870015", "1987"},
		{"yyyymmdd", "00000000", ""},
		{"yyyymmdd", "        ", ""},
		{"yyyymmdd", "19871301", "!"},
		{"yyyymmdd", "19870432", "!"},
		{"yyyymmdd", "1987021", "!"},
		{"yyyymmdd", "198702155", "!"},
		{"yyyymmdd", "1987O215", "!"},
		{"yyyymmdd", "99999999", "!"},
		{"yyyymmdd", "17990101", "!"},
		{"dd.mm.yyyy", "15.02.1987", "1987-02-15"},
		{"dd.mm.yyyy", "15-02-1987", "!"},
		{"ddmmyyyy", "15021987", "1987-02-15"},
		{"{layout: yyymmdd, calendar: roc}", "0750315", "1986-03-15"},
		{"{layout: yyymmdd, calendar: roc}", "750315", "1986-03-15"},
		{"{layout: yyymmdd, calendar: roc}", " 750315", "1986-03-15"},
		{"{layout: yyymmdd, calendar: roc}", "1010101", "2012-01-01"},
		{"{layout: yyymmdd, calendar: roc}", "0010101", "1912-01-01"},
		{"{layout: yyymmdd, calendar: roc}", "0010000", "1912"},
		{"{layout: yyymmdd, calendar: roc}", "0000101", ""},
		{"{layout: yyyymmdd, calendar: buddhist}", "25330721", "1990-07-21"},
		{"{layout: yyyymmdd, calendar: buddhist}", "25430229", "2000-02-29"},
		{"{layout: yyyymmdd, calendar: buddhist}", "25440229", "!"},
		{"{layout: yyyymmdd, calendar: buddhist}", "25330000", "1990"},
		{"{layout: yyyymmdd, calendar: buddhist, never: [\"99999999\"]}", "99999999", ""},
	} {
		t.Run(tt.pattern+" "+tt.in, func(t *testing.T) {
			got, warnings := through(append(pipeline(t, "[text: utf-8]"), pipeline(t, "[date: "+tt.pattern+"]")...), []byte(tt.in))
			if len(warnings) > 0 {
				got = "!"
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A date is absent, unreadable or a valid FHIR date.
func FuzzDate(f *testing.F) {
	f.Add("19870215")
	f.Add(" 750315")
	f.Add("99999999")
	f.Add("00:00.000")
	patterns := pipeline(f, `[date: yyyymmdd, date: {layout: yyymmdd, calendar: roc}, date: dd.mm.yyyy, date: {layout: yyyymmdd, calendar: buddhist, never: ["99999999"]},
		date: {layout: [yymmdd, mmyy], pivot: expiry}, date: {layout: [dd mon yyyy, dd.mon.yyyy, yyyy], months: [fr, nl, de]}, date: generalized]`)
	f.Fuzz(func(t *testing.T, s string) {
		for i := range patterns {
			v, err := patterns[i].op.apply(&evaluation{}, TextValue(s))
			if err != nil {
				continue
			}
			var y, m, d int
			n, _ := fmt.Sscanf(string(v.b), "%4d-%2d-%2d", &y, &m, &d)
			if y < 1256 || n > 1 && (m < 1 || m > 12) || n > 2 && (d < 1 || d > 31) || len(v.b) != []int{0, 4, 7, 10}[n] {
				t.Fatalf("%q became %q", s, v.b)
			}
		}
	})
}

// TLV reading never leaves the bytes it was given.
func FuzzTLV(f *testing.F) {
	f.Add([]byte{0x65, 0x03, 0x80, 0x01, 0xAA}, uint32(0x80))
	f.Add([]byte{0x5F, 0x20, 0x82, 0xFF, 0xFF}, uint32(0x5F20))
	f.Add([]byte{0x01, 0xFF, 0xFF, 0x00}, uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, tag uint32) {
		for _, form := range []TLVForm{TLVBER, TLVSimple, TLVBelgian, TLVLE16, TLVBE16} {
			v, err := form.Find(b, tag)
			if err == nil && len(v) > len(b) || err != nil && v != nil {
				t.Fatalf("%s: %d bytes of %d, %v", form, len(v), len(b), err)
			}
		}
	})
}

// Text is always valid UTF-8, and lossy exactly when it says so.
func FuzzCharset(f *testing.F) {
	f.Add([]byte("\xA4\xFD\xFA\x40"))
	f.Add([]byte("\x95\x34\xB2\x35\xAA\xA1"))
	f.Add([]byte{0xFF, 0xFE, 0x00, 0xD8})
	var all []stage
	for _, name := range charsetNames() {
		all = append(all, pipeline(f, "[text: "+name+"]")...)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for i := range all {
			e := &evaluation{Reading: &Reading{Raw: map[string]string{}}}
			v, err := all[i].op.apply(e, BytesValue(b))
			if err != nil {
				continue
			}
			if !utf8.Valid(v.b) || bytes.ContainsRune(v.b, utf8.RuneError) != (len(e.Warnings) == 1) {
				t.Fatalf("%s: %q, %v", charsets[i].name, v.b, e.Warnings)
			}
		}
	})
}

// XML and gzip from a card end in text, absence or a warning.
func FuzzDocument(f *testing.F) {
	f.Add([]byte("<r><a><b>x</b></a></r>"))
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-15"?><r><a>`))
	raw, _ := hex.DecodeString(gzipped("<r><a/></r>"))
	f.Add(raw)
	xmlOnly, both := pipeline(f, "[xml, path: a/b]"), pipeline(f, "[inflate: gzip, xml, path: a/b]")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, do := range [][]stage{xmlOnly, both} {
			if got, _ := through(do, b); !utf8.ValidString(got) {
				t.Fatalf("%q", got)
			}
		}
	})
}
