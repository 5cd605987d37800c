package emrtd

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cardferry/drivers/emrtd/chip"

	"github.com/google/go-cmp/cmp"
)

const (
	sampleMRZ = "P<UTOMUSTER<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<<L000000X17UTO9003071F3501014<<<<<<<<<<<<<<<0"
	sampleKey = "L000000X1790030713501014"
	sampleCAN = "500540"
)

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sampleFiles are the files of the invented person, signed in one of the ways.
func sampleFiles(tb testing.TB, signed string) map[uint16][]byte {
	tb.Helper()
	return map[uint16][]byte{
		0x011E: sample(tb, "com.bin"), 0x0101: sample(tb, "dg1.bin"), 0x010B: sample(tb, "dg11.bin"),
		0x010C: sample(tb, "dg12.bin"), 0x011D: sample(tb, "sod-"+signed+".bin"),
	}
}

func authorities(tb testing.TB, names ...string) []Authority {
	tb.Helper()
	var out []Authority
	for _, n := range names {
		a, err := ParseAuthority(sample(tb, "csca-"+n+".cer"))
		if err != nil {
			tb.Fatalf("%s: %v", n, err)
		}
		out = append(out, a)
	}
	return out
}

func talk(c *chip.Chip) Transceive {
	return func(ctx context.Context, cmd []byte) ([]byte, error) { return c.APDU(cmd), ctx.Err() }
}

func keyOf(tb testing.TB, answer string) Key {
	tb.Helper()
	key, err := ParseKey(answer)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

var sampleDocument = Document{
	MRZ: sampleMRZ,
	Details: Details{
		Family: "穆斯特", Given: "安娜 玛丽亚", OtherNames: []string{"穆斯特 安妮"}, PersonalNumber: "UTO-4711", Birth: "19900307",
		BirthPlace: "SAMPLE CITY, UTOPIA", Address: "1 SAMPLE STREET, SAMPLE CITY, UTOPIA", Telephone: "+99 555 0100", Profession: "TESTER", Title: "DR",
	},
	Issue: Issue{Authority: "MINISTRY OF SAMPLES", Date: "20250101"},
	Trust: Consistent,
}

// A document opens in every way that is known, and always reads the same.
func TestRead(t *testing.T) {
	type want struct {
		name, answer, protocol string
		c                      chip.Config
	}
	tests := []want{
		{"BAC", sampleMRZ, "BAC", chip.Config{KeyInfo: sampleKey}},
		{"BAC where PACE is of another kind", sampleMRZ, "BAC", chip.Config{KeyInfo: sampleKey, PACE: []chip.Way{{Cipher: 5, Parameter: 13}, {Cipher: 2, Parameter: 0}}}},
		{"BAC where the document will not have PACE", sampleMRZ, "BAC", chip.Config{KeyInfo: sampleKey, PACE: []chip.Way{{Cipher: 2, Parameter: 14}}}},
		{"the stronger of two", sampleMRZ, "PACE-ECDH-GM-AES-CBC-CMAC-256 P-384", chip.Config{KeyInfo: sampleKey, PACE: []chip.Way{{Cipher: 1, Parameter: 12}, {Cipher: 4, Parameter: 15}}}},
		{"PACE only", "L000000X1,900307,350101", "PACE-ECDH-GM-AES-CBC-CMAC-128 P-256", chip.Config{KeyInfo: sampleKey, NoBAC: true, PACE: []chip.Way{{Cipher: 2, Parameter: 12}}}},
	}
	names := map[int]string{12: "P-256", 13: "brainpoolP256r1", 15: "P-384", 16: "brainpoolP384r1", 17: "brainpoolP512r1", 18: "P-521"}
	for id, curve := range names {
		tests = append(tests, want{"CAN " + curve, sampleCAN, "PACE-ECDH-GM-AES-CBC-CMAC-256 " + curve, chip.Config{CAN: sampleCAN, PACE: []chip.Way{{Cipher: 4, Parameter: id}}}})
	}
	for kind, cipher := range map[int]string{1: "3DES-CBC-CBC", 2: "AES-CBC-CMAC-128", 3: "AES-CBC-CMAC-192", 4: "AES-CBC-CMAC-256"} {
		tests = append(tests, want{"MRZ " + cipher, sampleMRZ, "PACE-ECDH-GM-" + cipher + " brainpoolP256r1", chip.Config{KeyInfo: sampleKey, PACE: []chip.Way{{Cipher: kind, Parameter: 13}}}})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Files = sampleFiles(t, "brainpool")
			c := chip.New(tt.c)
			got, err := Read(t.Context(), talk(c), keyOf(t, tt.answer), Options{})
			if err != nil {
				t.Fatal(err)
			}
			wanted := sampleDocument
			wanted.Protocol = tt.protocol
			if diff := cmp.Diff(wanted, *got, cmp.AllowUnexported()); diff != "" || c.Tries != 1 {
				t.Errorf("%d tries\n%s", c.Tries, diff)
			}
		})
	}
}

// What goes wrong has an error that says so, and a wrong key is tried once.
func TestReadFails(t *testing.T) {
	without := func(ids ...uint16) func(map[uint16][]byte) {
		return func(f map[uint16][]byte) {
			for _, id := range ids {
				delete(f, id)
			}
		}
	}
	changed := func(id uint16, at int) func(map[uint16][]byte) {
		return func(f map[uint16][]byte) { f[id][at] ^= 0x01 }
	}
	pace := []chip.Way{{Cipher: 2, Parameter: 13}}
	for _, tt := range []struct {
		name, answer string
		c            chip.Config
		change       func(map[uint16][]byte)
		trust        Trust
		skipped      []string
		err          error
	}{
		{"wrong number, BAC", "L000000X2,900307,350101", chip.Config{KeyInfo: sampleKey}, nil, 0, nil, ErrKey},
		{"wrong number, PACE", "L000000X2,900307,350101", chip.Config{KeyInfo: sampleKey, PACE: pace}, nil, 0, nil, ErrKey},
		{"wrong access number", "500541", chip.Config{CAN: sampleCAN, PACE: pace}, nil, 0, nil, ErrKey},
		{"access number without PACE", sampleCAN, chip.Config{KeyInfo: sampleKey}, nil, 0, nil, ErrUnsupported},
		{"access number of a document that has none", sampleCAN, chip.Config{KeyInfo: sampleKey, PACE: pace}, nil, 0, nil, ErrUnsupported},
		{"DG1 of another document", "L000000X2,900307,350101", chip.Config{KeyInfo: "L000000X2890030713501014"}, nil, 0, nil, ErrAltered},
		{"neither BAC nor a known PACE", sampleMRZ, chip.Config{NoBAC: true, KeyInfo: sampleKey, PACE: []chip.Way{{Cipher: 9, Parameter: 13}}}, nil, 0, nil, ErrUnsupported},
		{"DG1 altered", sampleMRZ, chip.Config{KeyInfo: sampleKey}, changed(0x0101, 12), 0, nil, ErrAltered},
		{"DG11 altered", sampleMRZ, chip.Config{KeyInfo: sampleKey}, changed(0x010B, 60), 0, nil, ErrAltered},
		{"no DG1", sampleMRZ, chip.Config{KeyInfo: sampleKey}, without(0x0101), 0, nil, &StatusError{"select DG1", 0x6A82}},
		{"DG12 lost", sampleMRZ, chip.Config{KeyInfo: sampleKey}, without(0x010C), Consistent, []string{"DG12"}, nil},
		{"no EF.COM", sampleMRZ, chip.Config{KeyInfo: sampleKey}, without(0x011E), Consistent, nil, nil},
		{"no security object", sampleMRZ, chip.Config{KeyInfo: sampleKey}, without(0x011D), Unchecked, nil, nil},
		{"security object damaged", sampleMRZ, chip.Config{KeyInfo: sampleKey}, changed(0x011D, 6), Unchecked, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Files = sampleFiles(t, "brainpool")
			if tt.change != nil {
				tt.change(tt.c.Files)
			}
			c := chip.New(tt.c)
			got, err := Read(t.Context(), talk(c), keyOf(t, tt.answer), Options{})
			var status *StatusError
			switch {
			case tt.err == nil:
				if err != nil || got.Trust != tt.trust || !slices.Equal(got.Skipped, tt.skipped) || got.MRZ != sampleMRZ {
					t.Errorf("%v, trust %d, skipped %v", err, got.Trust, got.Skipped)
				}
			case errors.As(tt.err, &status):
				if want := *status; !errors.As(err, &status) || *status != want {
					t.Errorf("got %v", err)
				}
			case !errors.Is(err, tt.err):
				t.Errorf("got %v, want %v", err, tt.err)
			}
			if c.Tries > 1 {
				t.Errorf("%d tries", c.Tries)
			}
		})
	}
}

// Signatures are checked against the authorities that the site knows, as another
// implementation made them.
func TestPassiveAuthentication(t *testing.T) {
	for _, signed := range []string{"brainpool", "nist", "pss", "rsa", "bare"} {
		others := slices.DeleteFunc([]string{"brainpool", "nist", "pss", "rsa", "bare"}, func(s string) bool { return s == signed })
		read := func(t *testing.T, files map[uint16][]byte, known []Authority) (*Document, error) {
			return Read(t.Context(), talk(chip.New(chip.Config{KeyInfo: sampleKey, Files: files})), keyOf(t, sampleMRZ), Options{Authorities: known})
		}
		t.Run(signed, func(t *testing.T) {
			if d, err := read(t, sampleFiles(t, signed), authorities(t, append(others, signed)...)); err != nil || d.Trust != Issued {
				t.Errorf("known: %v, %v", d, err)
			}
			if d, err := read(t, sampleFiles(t, signed), authorities(t, others...)); err != nil || d.Trust != Consistent {
				t.Errorf("unknown: %v, %v", d, err)
			}
			forged := sampleFiles(t, signed)
			sod := forged[0x011D]
			sod[len(sod)-1] ^= 0x01 // the signature comes last
			if d, err := read(t, forged, authorities(t, signed)); !errors.Is(err, ErrAltered) {
				t.Errorf("signature changed: %v, %v", d, err)
			}
			if d, err := read(t, forged, nil); err != nil || d.Trust != Consistent {
				t.Errorf("nobody to check it against: %v, %v", d, err)
			}
		})
	}
	all, err := LoadAuthorities(os.DirFS("testdata"))
	if err != nil || len(all) != 5 {
		t.Errorf("%d authorities, %v", len(all), err)
	}
}

// A hash that fits the changed data group does not help without the signer's key.
func TestForgedSecurityObject(t *testing.T) {
	files := sampleFiles(t, "brainpool")
	object, err := parseSOD(files[0x011D])
	if err != nil {
		t.Fatal(err)
	}
	was := object.groups[1]
	files[0x0101][30] = 'X'
	sod := bytes.Replace(files[0x011D], was, sum(object.hash, files[0x0101]), 1)
	files[0x011D] = sod
	read := func(known []Authority) (*Document, error) {
		return Read(t.Context(), talk(chip.New(chip.Config{KeyInfo: sampleKey, Files: files})), keyOf(t, sampleMRZ), Options{Authorities: known})
	}
	if _, err := read(authorities(t, "brainpool")); !errors.Is(err, ErrAltered) {
		t.Errorf("got %v", err)
	}
	if d, err := read(nil); err != nil || d.Trust != Consistent {
		t.Errorf("without authorities nobody can tell: %v, %v", d, err)
	}
}

func TestParseKey(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"TD3", sampleMRZ, sampleKey},
		{"TD3 with line ends, small letters", strings.ToLower(sampleMRZ[:44]) + "\r\n" + sampleMRZ[44:] + "\n", sampleKey},
		{"second line of TD3", sampleMRZ[44:], sampleKey},
		{"typed", "L000000X1,900307,350101", sampleKey},
		{"typed with spaces and wide commas", " l000000x1， 900307 ，350101 ", sampleKey},
		{"short number", "L898902C,690806,940623", appendixDKey},
		{"TD2", "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<D231458907UTO7408122F1204159<<<<<<<6", "D23145890774081221204159"},
		{"TD1", "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<", "D23145890774081221204159"},
		{"TD1, first two lines", "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6", "D23145890774081221204159"},
		{"TD1 with a long number", "I<UTOD23145890<7349<<<<<<<<<<<3407127M9507122UTO<<<<<<<<<<<2STEVENSON<<PETER<JOHN<<<<<<<<<", "D23145890734934071279507122"},
		{"birth date not fully known", "L000000X1,90<<<<,350101", "L000000X1790<<<<33501014"},
		{"CAN", " 500540 ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key, err := ParseKey(tt.answer)
			if err != nil || key.mrz != tt.want || key.IsCAN() != (tt.want == "") {
				t.Errorf("%q, %v", key.mrz, err)
			}
		})
	}
	for name, answer := range map[string]string{
		"nothing": "", "seven digits": "5005401", "letters": "50054O", "two parts": "L000000X1,900307",
		"date too long": "L000000X1,19900307,350101", "letters in a date": "L000000X1,9OO3O7,350101",
		"wrong digit of the number": strings.Replace(sampleMRZ, "X17", "X18", 1), "wrong digit of the birth date": strings.Replace(sampleMRZ, "9003071", "9003072", 1),
		"one character short": sampleMRZ[:87], "no number": ",900307,350101", "number too long": strings.Repeat("A", 23) + ",900307,350101",
		"other characters": "L00000é,900307,350101",
	} {
		t.Run(name, func(t *testing.T) {
			if key, err := ParseKey(answer); !errors.Is(err, ErrAnswer) || key != (Key{}) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Neither key nor person shows in errors and logs, whatever goes wrong with a document.
func TestNothingLeaks(t *testing.T) {
	secrets := []string{"L000000X", "MUSTER", "穆斯特", "900307", sampleCAN, "UTO-4711", "SAMPLE"}
	check := func(t *testing.T, texts ...string) {
		t.Helper()
		for _, text := range texts {
			for _, s := range secrets {
				if strings.Contains(text, s) || strings.Contains(text, fmt.Sprintf("%x", s)) || strings.Contains(text, fmt.Sprintf("%X", s)) {
					t.Errorf("%q in %s", s, text)
				}
			}
		}
	}
	for _, answer := range []string{sampleMRZ[:80], strings.Replace(sampleMRZ, "X17", "X18", 1), sampleCAN + "1"} {
		_, err := ParseKey(answer)
		check(t, fmt.Sprint(err))
	}
	for _, answer := range []string{sampleMRZ, sampleCAN} {
		key := keyOf(t, answer)
		check(t, fmt.Sprintf("%v %+v %#v %s", key, key, key, key.LogValue()))
		config := chip.Config{KeyInfo: sampleKey, CAN: sampleCAN, Files: sampleFiles(t, "brainpool")}
		if key.IsCAN() {
			config.PACE = []chip.Way{{Cipher: 2, Parameter: 12}}
		}
		for at := range 25 { // spoil one response after the other
			c := chip.New(config)
			n := 0
			d, err := Read(t.Context(), func(_ context.Context, cmd []byte) ([]byte, error) {
				answer := c.APDU(cmd)
				if n++; n == at && len(answer) > 2 {
					answer[len(answer)/2] ^= 0x40
				}
				return answer, nil
			}, key, Options{})
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("read", "document", d, "key", key)
			check(t, fmt.Sprint(err), fmt.Sprintf("%v %+v %#v", d, d, d), log.String())
		}
	}
}

// A dead line, a short answer, a context that ends: the read ends too.
func TestReadEnds(t *testing.T) {
	gone := errors.New("reader gone")
	key := keyOf(t, sampleMRZ)
	for n := range 40 {
		c := chip.New(chip.Config{KeyInfo: sampleKey, Files: sampleFiles(t, "nist")})
		left := n
		_, err := Read(t.Context(), func(_ context.Context, cmd []byte) ([]byte, error) {
			if left--; left < 0 {
				return nil, gone
			}
			return c.APDU(cmd), nil
		}, key, Options{})
		if err == nil {
			break
		}
		if !errors.Is(err, gone) {
			t.Fatalf("after %d commands: %v", n, err)
		}
	}
	if _, err := Read(t.Context(), func(context.Context, []byte) ([]byte, error) { return []byte{0x90}, nil }, key, Options{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("no status word: %v", err)
	}
	if _, err := Read(t.Context(), nil, Key{}, Options{}); !errors.Is(err, ErrAnswer) {
		t.Errorf("no key: %v", err)
	}
}

func BenchmarkRead(b *testing.B) {
	files := sampleFiles(b, "brainpool")
	key := keyOf(b, sampleMRZ)
	for name, ways := range map[string][]chip.Way{"BAC": nil, "PACE-brainpoolP256r1": {{Cipher: 2, Parameter: 13}}, "PACE-P-521": {{Cipher: 4, Parameter: 18}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() { // chip and reader together
				c := chip.New(chip.Config{KeyInfo: sampleKey, PACE: ways, Files: files})
				if _, err := Read(b.Context(), talk(c), key, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("key-agreement-brainpoolP256r1", func(b *testing.B) {
		c := curves[13]
		for b.Loop() {
			k, err := c.private(rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			c.times(k, c.generator)
		}
	})
}
