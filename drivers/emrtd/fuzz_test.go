package emrtd

import (
	"context"
	"errors"
	"strings"
	"testing"

	"cardferry/drivers/emrtd/chip"
)

func FuzzCardAccess(f *testing.F) {
	f.Add(unhex(f, "31143012060A04007F0007020204020202010202010D"))
	f.Add(unhex(f, "3100"))
	f.Add(unhex(f, "31283012060A04007F00070202040204020102020112 3012060A04007F0007020204020102010202010C"))
	f.Fuzz(func(t *testing.T, file []byte) {
		ways, err := parseCardAccess(file)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
		for _, w := range ways {
			if w.curve == nil || w.suite.key == 0 || w.protocol() == "" || len(w.oidBytes()) == 0 {
				t.Errorf("%+v", w)
			}
		}
	})
}

// A response that is not the document's own is never taken for one.
func FuzzSecureMessaging(f *testing.F) {
	for i := 5; i < len(appendixD); i += 2 {
		f.Add(unhex(f, appendixD[i]))
	}
	f.Add([]byte{0x87, 0x01, 0x01, 0x90, 0x00})
	f.Add(unhex(f, "8E08000000000000000090 00"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		for _, s := range []suite{tripleDES, aes256} {
			sm := newMessaging(s, []byte("a secret that no fuzzer knows"), make([]byte, s.blockSize()))
			if data, _, err := sm.open(answer); err == nil || data != nil || !sm.dead {
				t.Errorf("%s: took %X", s.name, answer)
			}
		}
	})
}

func FuzzDataGroups(f *testing.F) {
	for _, name := range []string{"com.bin", "dg1.bin", "dg11.bin", "dg12.bin"} {
		f.Add(sample(f, name))
	}
	f.Add(unhex(f, "6B0DA00B 5F0F0141 5F0F8302FFFF41"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if zone, err := parseDG1(file); err == nil && len(zone) != 90 && len(zone) != 72 && len(zone) != 88 {
			t.Errorf("zone of %d characters", len(zone))
		}
		d, err := parseDG11(file)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
		i, err := parseDG12(file)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
		for _, s := range append(d.OtherNames, d.Family, d.Given, d.PersonalNumber, d.Birth, d.BirthPlace, d.Address, d.Telephone, d.Profession, d.Title, i.Authority, i.Date) {
			if strings.ToValidUTF8(s, "") != s || strings.ContainsAny(s, "<\n\x00") && len(s) != 8 {
				t.Errorf("%q", s)
			}
		}
		if _, err := parseCOM(file); err != nil && !errors.Is(err, ErrMalformed) {
			t.Error(err)
		}
	})
}

func FuzzSecurityObject(f *testing.F) {
	known := authorities(f, "brainpool", "nist", "pss", "rsa", "bare")
	for _, name := range []string{"brainpool", "nist", "pss", "rsa", "bare"} {
		f.Add(sample(f, "sod-"+name+".bin"))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		object, err := parseSOD(file)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Error(err)
			}
			return
		}
		for n := range object.groups {
			_ = object.check(n, file)
		}
		if _, err := object.issued(known); err != nil && !errors.Is(err, ErrAltered) {
			t.Error(err)
		}
	})
}

func FuzzCertificate(f *testing.F) {
	for _, name := range []string{"brainpool", "nist", "pss", "rsa", "bare"} {
		f.Add(sample(f, "csca-"+name+".cer"))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		a, err := ParseAuthority(file)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Error(err)
			}
			return
		}
		_ = a.c.key.verify(a.c.algorithm, nil, a.c.body, a.c.signature)
	})
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{sampleMRZ, sampleMRZ[44:], sampleCAN, "L000000X1,900307,350101", "I<UTOD23145890<7349<<<<<<<<<<<3407127M9507122UTO<<<<<<<<<<<2STEVENSON<<PETER<JOHN<<<<<<<<<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		key, err := ParseKey(answer)
		if err != nil && (!errors.Is(err, ErrAnswer) || key != (Key{})) {
			t.Error(err)
		}
		if err == nil && !key.IsCAN() && (len(key.mrz) < 24 || strings.Trim(key.mrz, "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
			t.Error("a key that no document has")
		}
	})
}

// A document that says what a fuzzer wants, before and after it opens, ends the read
// within its bounds.
func FuzzHostileDocument(f *testing.F) {
	f.Add([]byte{0x90, 0x00}, uint8(0))
	f.Add(unhex(f, "31143012060A04007F0007020204020202010202010D9000"), uint8(3))
	f.Add(unhex(f, "6182FFFF9000"), uint8(12))
	f.Fuzz(func(t *testing.T, said []byte, from uint8) {
		c := chip.New(chip.Config{KeyInfo: sampleKey, Files: map[uint16][]byte{0x011E: said, 0x011D: said, 0x0101: said, 0x010B: said}})
		n := 0
		_, _ = Read(t.Context(), func(_ context.Context, cmd []byte) ([]byte, error) {
			if n++; n > 1000 {
				t.Fatal("no end")
			}
			if n > int(from) && from%2 == 1 {
				return said, nil
			}
			return c.APDU(cmd), nil
		}, keyOf(t, sampleMRZ), Options{})
	})
}
