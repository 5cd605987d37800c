package decode

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"unicode/utf8"
)

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
	xmlOnly, both := pipeline(f, "[xml, path: a/b]"), pipeline(f, "[inflate: auto, xml, path: a/b]")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, do := range [][]stage{xmlOnly, both} {
			if got, _ := through(do, BytesValue(b), Options{}); !utf8.Valid(got.Bytes()) {
				t.Fatalf("%q", got.Bytes())
			}
		}
	})
}
