package decode

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cardferry/drivers"
)

// shipped takes fields, constants and output out of a shipped card profile.
func shipped(tb testing.TB, file string, inputs ...string) *language {
	tb.Helper()
	text, err := os.ReadFile("../../configs/cards/" + file)
	if err != nil {
		tb.Fatal(err)
	}
	root, err := Parse(file, text)
	if err != nil {
		tb.Fatal(err)
	}
	l, d := &language{}, NewDecoder(file)
	for i := 0; i+1 < len(root.Content); i += 2 {
		if into, ok := map[string]any{"fields": &l.Fields, "constants": &l.Constants, "output": &l.Output}[root.Content[i].Value]; ok {
			d.Decode(root.Content[i+1], into)
		}
	}
	kinds := map[string]Kind{}
	for _, name := range inputs {
		kinds[name] = KindBytes
	}
	l.Fields.Compile(d, kinds)
	l.Output.Compile(d, &l.Fields, l.Constants)
	if err := d.Err(); err != nil {
		tb.Fatal(err)
	}
	return l
}

// germanFiles are the captures of the German card's vector.
func germanFiles(tb testing.TB) map[string]Value {
	tb.Helper()
	text, err := os.ReadFile("../card/testdata/de-egk.json")
	if err != nil {
		tb.Fatal(err)
	}
	var replay struct {
		Files []struct {
			SFI       int
			AID, Data string
		}
	}
	if err := json.Unmarshal(text, &replay); err != nil {
		tb.Fatal(err)
	}
	in := map[string]Value{}
	for _, f := range replay.Files {
		b := fromHex(tb, f.Data)
		name := map[int]string{1: "pd-file", 2: "vd-file", 12: "status-vd"}[f.SFI]
		if strings.HasPrefix(f.AID, "D2760001448000") {
			name = "gdo"
		}
		if name != "" {
			in[name] = BytesValue(b)
		}
	}
	return in
}

func taiwanBasic(tb testing.TB) map[string]Value {
	tb.Helper()
	b := fromHex(tb, "303030303939393930303031A4FDB4FAB8D5000000000000000000000000000041323030303030303033303735303331354631303930313031")
	return map[string]Value{"basic": BytesValue(b)}
}

// Two shipped profiles on the captures of a card: the fields, then what is made of
// them.
func BenchmarkEvaluate(b *testing.B) {
	for _, bb := range []struct {
		name string
		l    *language
		in   map[string]Value
	}{
		{"tw-nhi", shipped(b, "tw-nhi.yaml", "basic"), taiwanBasic(b)},
		{"de-egk", shipped(b, "de-egk.yaml", "pd-file", "vd-file", "gvd-file", "status-vd", "gdo"), germanFiles(b)},
	} {
		r, err := bb.l.Fields.Evaluate(b.Context(), bb.in, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run("fields/"+bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bb.l.Fields.Evaluate(b.Context(), bb.in, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("output/"+bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var read drivers.Read
				if err := bb.l.Output.Fill(r, bb.l.Constants, nil, &read); err != nil || read.Patient == nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The stages that cost most, each on an input of its usual size.
func BenchmarkStages(b *testing.B) {
	xml := []byte(`<r xmlns="u"><a><b>` + strings.Repeat("<c>text</c>", 60) + `</b></a></r>`)
	zipped, cose := fromHex(b, gzipped(string(xml))), fromHex(b, rfcCOSE)
	keys := keysFrom(b, map[string]string{"shc.json": rfcJWK, "dcc.json": rfcCOSEKey})
	for _, bb := range []struct {
		do string
		in Value
	}{
		{"text: big5", BytesValue([]byte("\xA4\xFD\xB4\xFA\xB8\xD5"))},
		{"text: gb18030", BytesValue([]byte("\xB2\xE2\xCA\xD4"))},
		{"inflate: gzip", BytesValue(zipped)},
		{"xml", BytesValue(xml)},
		{"date: {layout: yyyymmdd, calendar: buddhist}", TextValue("25330721")},
		{"mrz", TextValue("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10")},
		{"jws: shc", TextValue(rfcJWS)},
		{"cose: dcc", BytesValue(cose)},
	} {
		b.Run(bb.do, func(b *testing.B) {
			op := pipeline(b, "["+bb.do+"]")[0].op
			b.ReportAllocs()
			for b.Loop() {
				e := &evaluation{Reading: &Reading{Raw: map[string]string{}}, opt: Options{Keys: keys, Today: testToday}}
				if _, err := op.apply(e, bb.in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
