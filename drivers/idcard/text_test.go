package idcard_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// put writes text as UTF-16LE at a byte offset.
func put(b []byte, off int, text string) []byte {
	for i, u := range utf16.Encode([]rune(text)) {
		b[off+2*i], b[off+2*i+1] = byte(u), byte(u>>8)
	}
	return b
}

func spaces() []byte { return bytes.Repeat([]byte{' ', 0}, idcard.TextSize/2) }

// fields builds a block from offset and text pairs.
func fields(pairs ...any) []byte {
	b := spaces()
	for i := 0; i < len(pairs); i += 2 {
		put(b, pairs[i].(int), pairs[i+1].(string))
	}
	return b
}

func citizenBlock() []byte {
	return fields(0, "测试甲", 30, "1", 32, "01", 36, "19000101", 52, "测试省测试市样例路1号",
		122, "990101190001010018", 158, "测试市公安局", 188, "20200101", 204, "长期")
}

func TestDocuments(t *testing.T) {
	for name, block := range map[string][]byte{
		"citizen": citizenBlock(),
		"citizen-expiring-zero-padded": func() []byte {
			b := make([]byte, idcard.TextSize)
			for off, s := range map[int]string{0: "测试乙", 30: "1", 32: "57", 36: "19000101", 122: "99010119000101019x",
				188: "20200101", 204: "20400101"} {
				put(b, off, s)
			}
			return b
		}(),
		"residence-permit-J": fields(0, "测试丙", 30, "1", 36, "19900203", 52, "测试省测试市样例路2号", 122, "810000199002030118",
			158, "测试市公安局", 188, "20190101", 204, "20240101", 220, "H00000001", 238, "02", 248, "J"),
		"permanent-2017-I": fields(0, "SAMPLE, TEST", 120, "2", 122, "XXX110000010190", 152, "XXX", 158, "样例",
			188, "20180101", 204, "20280101", 220, "19000101", 236, "01", 240, "1500", 248, "I"),
		"permanent-2023-Y": fields(0, "样例", 30, "1", 32, "01", 36, "19000101",
			52, "SAMPLE-WITH-A-RATHER-LONG-NAME JOHN", 122, "91115619000101001X", 188, "20240101", 204, "20340101",
			220, "ATHAN TEST", 242, "XXX", 248, "Y", 250, "009"),
	} {
		t.Run(name, func(t *testing.T) {
			read, err := idcard.DecodeText(block)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, read)
		})
	}
}

func golden(t *testing.T, name string, read drivers.Read) {
	t.Helper()
	got, err := json.MarshalIndent(read, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%s", path, got)
	}
}

// A stored block as a support ticket brings it: hex text of a synthetic card that
// contradicts itself (the number is a man's).
func TestStoredBlock(t *testing.T) {
	hexText, err := os.ReadFile(filepath.Join("testdata", "stored-block.hex"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := idcard.DecodeText(unhex(t, string(hexText)))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "stored-block", read)
}

func TestOddTextIsWarnedAbout(t *testing.T) {
	for _, c := range []struct {
		name  string
		block []byte
		want  drivers.Warning
	}{
		{"wrong check character", put(citizenBlock(), 122, "990101190001010019"), drivers.Warning{Code: "check_digit", Field: "identifier"}},
		{"birth date is not the number's", put(citizenBlock(), 36, "19000102"), drivers.Warning{Code: "inconsistent", Field: "birthDate"}},
		{"nothing odd", citizenBlock(), drivers.Warning{}},
		{"sex not stated contradicts nothing", put(citizenBlock(), 30, "9"), drivers.Warning{}},
		{"sex is not the number's", put(citizenBlock(), 30, "2"), drivers.Warning{Code: "inconsistent", Field: "gender"}},
		{"sex outside the table", put(citizenBlock(), 30, "7"), drivers.Warning{Code: "unreadable", Field: "gender"}},
		{"no such day", put(citizenBlock(), 36, "19000230"), drivers.Warning{Code: "unreadable", Field: "birthDate"}},
		{"valid-to neither date nor 长期", put(citizenBlock(), 204, "永久"), drivers.Warning{Code: "unreadable", Field: "card-expires"}},
		{"half a surrogate pair", func() []byte { b := citizenBlock(); b[4], b[5] = 0x00, 0xD8; return b }(), drivers.Warning{Code: "lossy_text", Field: "name"}},
		{"private-use character", put(citizenBlock(), 0, "\uE000"), drivers.Warning{Code: "lossy_text", Field: "name"}},
		{"control character", put(citizenBlock(), 52, "\x07"), drivers.Warning{Code: "lossy_text", Field: "address"}},
		{"no number", put(citizenBlock(), 122, strings.Repeat(" ", 18)), drivers.Warning{Code: "missing", Field: "identifier"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			read, err := idcard.DecodeText(c.block)
			if err != nil {
				t.Fatal(err)
			}
			if c.want == (drivers.Warning{}) {
				if len(read.Warnings) != 0 {
					t.Errorf("warnings %v, want none", read.Warnings)
				}
				return
			}
			for _, w := range read.Warnings {
				if w == c.want {
					return
				}
			}
			t.Errorf("warnings %v lack %v", read.Warnings, c.want)
		})
	}
}

func TestUnknownDocumentWithholdsItsText(t *testing.T) {
	read, err := idcard.DecodeText(put(citizenBlock(), 248, "Q"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "unsupported", read)
}

func TestWrongSizeIsAnErrorWithoutContent(t *testing.T) {
	_, err := idcard.DecodeText(citizenBlock()[:255])
	if err == nil || strings.Contains(err.Error(), "测") {
		t.Errorf("err %v", err)
	}
}

func TestSensitiveDataStaysInUnlessAskedFor(t *testing.T) {
	card := idcard.Card{Text: citizenBlock(), Photo: []byte("WLT")}
	read, err := card.Decode(idcard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := read.Extras["ethnicity"]; ok || read.Patient.Photo != nil {
		t.Error("ethnicity or photo left the reader unasked")
	}
	read, err = card.Decode(idcard.Options{Ethnicity: true, Photo: true})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "citizen-sensitive", read)
}

func TestNewestAddressComesFirst(t *testing.T) {
	read, err := idcard.DecodeText(citizenBlock())
	if err != nil {
		t.Fatal(err)
	}
	older, newest := put(spaces()[:70], 0, "样例路3号"), put(spaces()[:70], 0, "样例路4号")
	idcard.AddNewestAddress(read.Patient, append(older, newest...))
	if a := read.Patient.Address; len(a) != 2 || a[0].Text != "样例路4号" || a[0].Use != "home" || a[1].Use != "old" {
		t.Errorf("%d addresses, or in the wrong order", len(a))
	}
	before := len(read.Patient.Address)
	idcard.AddNewestAddress(read.Patient, nil)
	idcard.AddNewestAddress(read.Patient, spaces()[:70])
	idcard.AddNewestAddress(nil, newest)
	if len(read.Patient.Address) != before {
		t.Error("no address changed something")
	}
}

func FuzzDecodeText(f *testing.F) {
	f.Add(citizenBlock())
	for _, kind := range []string{"J", "I", "Y", "Q"} {
		f.Add(put(citizenBlock(), 248, kind))
	}
	f.Add(make([]byte, idcard.TextSize))
	f.Add(bytes.Repeat([]byte{0xFF}, idcard.TextSize))
	f.Fuzz(func(t *testing.T, block []byte) {
		read, err := idcard.DecodeText(block)
		if (err == nil) != (len(block) == idcard.TextSize) {
			t.Fatalf("%d bytes: %v", len(block), err)
		}
		if err != nil {
			return
		}
		if read.Medium == "" || read.Assurance != drivers.ChipRead {
			t.Fatal("incomplete read")
		}
		if read.Medium == drivers.MediumUnknown && read.Patient != nil {
			t.Fatal("unknown document gave a patient")
		}
		if _, err := json.Marshal(read); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkDecodeText(b *testing.B) {
	block := citizenBlock()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := idcard.DecodeText(block); err != nil {
			b.Fatal(err)
		}
	}
}
