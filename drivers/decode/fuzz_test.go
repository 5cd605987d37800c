package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"cardferry/drivers"
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
		for _, form := range []TLVForm{TLVBER, TLVSimple, TLVBelgian, TLVLE16, TLVBE16, TLVASCIIHex} {
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

// argued has one or more arguments for every stage that needs one.
func argued(tb testing.TB) [][]stage {
	tb.Helper()
	var all [][]stage
	for _, s := range Describe().Stages {
		all = append(all, pipeline(tb, "["+s.Example+"]"))
		if s.Argument == nil {
			continue
		}
		for _, w := range s.Argument.Words {
			all = append(all, pipeline(tb, "["+s.Name+": "+w+"]"))
		}
	}
	for _, more := range []string{
		"tlv: {form: simple, path: \"01\", take: last}", "tlv: {form: belgian, path: \"07\"}", "tlv: {form: le16, path: \"0611\"}", "tlv: {form: ascii-hex, index: 2}",
		"bcd", "bcd: {first: low, nibbles: {A: X}}", "split: {by: \"<\", part: -1}", "date: {layout: [yymmdd, dd mon yyyy], pivot: birth, months: [fr, de]}",
		"map: {ranges: [{from: \"1\", to: \"99\", value: x}], default: y}", "bits: {at: 3, count: 4096}", "path: a|b/0",
	} {
		all = append(all, pipeline(tb, "["+more+"]"))
	}
	return all
}

// Whatever comes in, every stage ends in a value of its kind, within bounds, and
// leaves its input alone; documents answer paths.
func FuzzFields(f *testing.F) {
	for _, s := range []string{
		"", "19870215", "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
		"@\n\x1e\rANSI 636000100102DL00410278DLDAQ1\nDCSX\n", "(8018)000000000000000017", "8018000000000000000017\x1d80191", "https://x.example/01/09501101020917?10=A",
		rfcJWS, `{"a":[{"b":"x"}]}`, "<a><b>x</b></a>", "%69 VD92EX0", "\x30\x0e\x06\x03\x55\x04\x2a\x31\x07\x0c\x05MAXI ", "\xff\xd8\xff\xe0\xff\xd9", "\xA4\xFD\xFA\x40",
	} {
		f.Add([]byte(s))
	}
	for _, s := range []string{rfcCOSE, gzipped("<r><a/></r>"), "a1390103a1016178", "60098501418e01c2880131"} {
		f.Add(fromHex(f, s))
	}
	all := argued(f)
	paths, anyDocument := pipeline(f, "[path: a/0|b]"), pipeline(f, "[cbor]")
	keys := keysFrom(f, map[string]string{"smart-health-cards.json": rfcJWK, "eu-dcc.json": rfcCOSEKey})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		for _, do := range all {
			in := BytesValue(b)
			switch takes, _ := do[0].op.kinds(); takes {
			case KindText:
				in = TextValue(latin1(b))
			case KindDocument:
				if in, _ = through(anyDocument, in, Options{}); !in.Present() {
					continue
				}
			}
			got, _ := through(do, in, Options{Keys: keys})
			if _, gives := do[0].op.kinds(); got.Present() && gives != kindEither && got.Kind() != gives {
				t.Fatalf("%s gives %s", do[0].name, got.Kind())
			}
			if !bytes.Equal(b, before) {
				t.Fatalf("%s changed its input", do[0].name)
			}
			if len(got.Bytes()) > max(maxValue, len(b)) {
				t.Fatalf("%s gives %d bytes", do[0].name, len(got.Bytes()))
			}
			switch got.Kind() {
			case KindText:
				if !utf8.Valid(got.Bytes()) {
					t.Fatalf("%s gives no UTF-8", do[0].name)
				}
			case KindDocument:
				if text, _ := through(paths, got, Options{}); !utf8.Valid(text.Bytes()) {
					t.Fatalf("%s has no UTF-8", do[0].name)
				}
			}
		}
	})
}

// Documents end in elements of valid text, absence or a warning.
func FuzzDocument(f *testing.F) {
	f.Add([]byte("<r><a><b>x</b></a></r>"))
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-15"?><r><a>`))
	f.Add([]byte(`{"a":{"b":["x",1,null,true]}}`))
	for _, s := range []string{gzipped("<r><a/></r>"), "a1390103a10161", "a26161016162820203", "d28443a10126a10442313140"} {
		f.Add(fromHex(f, s))
	}
	var all [][]stage
	for _, do := range []string{"xml", "json", "cbor", "mrz", "aamva", "gs1", "inflate: auto, xml", "cose: dcc, cbor", "der: {oid: 2.5.4.42}, json"} {
		all = append(all, pipeline(f, "["+do+"]"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, do := range all {
			got, _ := through(do, BytesValue(b), Options{})
			if got.doc != nil {
				walk(t, got.doc, 0)
			}
		}
	})
}

func walk(t *testing.T, e *element, depth int) {
	if depth > maxDepth {
		t.Fatalf("%d levels", depth)
	}
	for _, c := range e.children {
		walk(t, c, depth+1)
	}
}

// Only what was signed passes without a warning.
func FuzzSignature(f *testing.F) {
	f.Add([]byte(rfcJWS))
	f.Add(fromHex(f, rfcCOSE))
	keys := keysFrom(f, map[string]string{"shc.json": rfcJWK, "dcc.json": rfcCOSEKey})
	want := map[string]string{"jws": "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}", "cose": "This is the content."}
	all := [][]stage{pipeline(f, "[jws: shc]"), pipeline(f, "[cose: dcc]")}
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, in := range []Value{TextValue(string(bytes.ToValidUTF8(b, nil))), BytesValue(b)} {
			got, warnings := through(all[i], in, Options{Keys: keys})
			if name := all[i][0].name; got.Present() && len(warnings) == 0 && string(got.Bytes()) != want[name] {
				t.Fatalf("%s forged", name)
			}
		}
	})
}

// Base 45 is the inverse of its encoding.
func FuzzBase45(f *testing.F) {
	f.Add([]byte("Hello!!"))
	f.Add([]byte{0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
		var enc []byte
		for rest := b; len(rest) > 0; {
			n, digits := int(rest[0]), 2
			if len(rest) > 1 {
				n, digits = n<<8|int(rest[1]), 3
			}
			for range digits {
				enc, n = append(enc, alphabet[n%45]), n/45
			}
			rest = rest[min(2, len(rest)):]
		}
		if got, ok := decodeBase45(enc); !ok || !bytes.Equal(got, b) {
			t.Fatalf("%x became %x", b, got)
		}
		if got, ok := decodeBase45(b); ok && len(got) > len(b) {
			t.Fatal("longer than its text")
		}
	})
}

// Whatever a file says, loading ends with fields or mistakes, and fields that loaded
// can be evaluated.
func FuzzLanguage(f *testing.F) {
	f.Add("fields: {f: {from: t, do: [split: {by: \"#\", part: 1}]}}")
	f.Add("fields: {f: {from: [b, b], when: {from: t, matches: x}, do: [text: big5, date: {layout: [yymmdd], pivot: birth}]}}\noutput: {patient: {name: [{text: \"${f?}\"}]}, extras: {a: {$if: f, b: \"${f}\"}}}")
	f.Add("fields: {f: {first: [b]}, g: {from: f, join: x}}\nconstants: {c: d}")
	for _, s := range Describe().Stages {
		f.Add("fields: {f: {from: b, do: [" + s.Example + "]}}")
		f.Add("fields: {f: {from: t, do: [" + s.Example + "]}}")
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := compile(text)
		if err != nil {
			return
		}
		r, err := l.Fields.Evaluate(t.Context(), map[string]Value{"b": BytesValue([]byte("0123456789ABCDEF")), "t": TextValue("1987-02-15")}, Options{Today: testToday})
		if err != nil {
			t.Fatal(err)
		}
		var read drivers.Read
		if err := l.Output.Fill(r, l.Constants, nil, &read); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(read); err != nil {
			t.Fatal(err)
		}
	})
}

// Keys come from files of the site; whatever they say, loading ends.
func FuzzLoadKeys(f *testing.F) {
	f.Add([]byte(rfcJWK))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"a.json", "a.pem", "a.der"} {
			keys, err := LoadKeys(fstest.MapFS{name: {Data: b}})
			if err == nil && len(keys.sets["a"]) == 0 {
				t.Fatal("neither key nor mistake")
			}
		}
	})
}
