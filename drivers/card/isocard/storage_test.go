package isocard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

const (
	classic = `{"atr":"3B00","protocol":"T=1","uid":"04A1B2C3","ats":"80","mifare":{"sectors":[
	{"sector":0},
	{"sector":1,"keyA":"A0A1A2A3A4A5","keyB":"B0B1B2B3B4B5","data":"000102030405060708090A0B0C0D0E0F 10"},
	{"sector":32,"keyA":"FFFFFFFFFFFF"}]},"keys":{"site":"A0A1A2A3A4A5"}}`
	sle4442 = `{"atr":"3B04A2131091","protocol":"T=0","memory":{"type":"sle4442","data":"A2131091"}}`
	sle4428 = `{"atr":"3B0492231091","protocol":"T=0","memory":{"type":"sle4428","dialect":"omnikey","data":"92231091"}}`
)

// Each step is one command and its answer.
func TestStorageCards(t *testing.T) {
	type step struct{ command, want string }
	const keyA, open1 = "FF82000006A0A1A2A3A4A5", "FF860000050100046000"
	for _, tt := range []struct {
		name, replay string
		steps        []step
	}{
		{"UID and ATS", classic, []step{{"FFCA000000", "04A1B2C39000"}, {"FFCA000002", "6C04"}, {"FFCA000007", "04A1B2C36282"}, {"FFCA010000", "809000"}, {"FFCA020000", "6D00"}}},
		{"a sector opens with its key A", classic, []step{{keyA, "9000"}, {open1, "9000"}, {"FFB0000410", "000102030405060708090A0B0C0D0E0F9000"}, {"FFB0000510", "10" + strings.Repeat("00", 15) + "9000"}}},
		{"and with its key B", classic, []step{{"FF82000106B0B1B2B3B4B5", "9000"}, {"FF860000050100046101", "9000"}, {"FFB0000400", "000102030405060708090A0B0C0D0E0F9000"}}},
		{"keys do not read back", classic, []step{{keyA, "9000"}, {open1, "9000"}, {"FFB0000710", "000000000000FF0780690000000000009000"}}},
		{"two blocks at once, not past the sector", classic, []step{{keyA, "9000"}, {open1, "9000"}, {"FFB0000520", "10" + strings.Repeat("00", 31) + "9000"}, {"FFB0000730", "6C10"}, {"FFB0000405", "6C10"}}},
		{"no key loaded", classic, []step{{open1, "6300"}}},
		{"wrong key closes what was open", classic, []step{{keyA, "9000"}, {open1, "9000"}, {"FF82000106000000000000", "9000"}, {"FF860000050100046001", "6300"}, {"FFB0000410", "6982"}}},
		{"key of the wrong kind", classic, []step{{keyA, "9000"}, {"FF860000050100046100", "6300"}}},
		{"another sector stays closed", classic, []step{{keyA, "9000"}, {open1, "9000"}, {"FFB0000010", "6982"}, {"FFB0000810", "6A82"}}},
		{"sector without a key opens with none", classic, []step{{"FF82000006FFFFFFFFFFFF", "9000"}, {"FF860000050100006000", "6300"}}},
		{"sectors of 16 blocks", classic, []step{{"FF82000006FFFFFFFFFFFF", "9000"}, {"FF8600000501008F6000", "9000"}, {"FFB0008010", strings.Repeat("00", 16) + "9000"}}},
		{"key not volatile, key too short", classic, []step{{"FF82200006A0A1A2A3A4A5", "6988"}, {"FF82000005A0A1A2A3A4", "6988"}}},
		{"malformed authenticate", classic, []step{{keyA, "9000"}, {"FF860000050200046000", "6A81"}, {"FF860000050100046200", "6A81"}, {"FF88000460", "6D00"}}},
		{"no file system", classic, []step{{"00A4040005A000000001", "6E00"}}},
		{"memory card: type first", sle4442, []step{{"FFB0000004", "6985"}, {"FFA400000106", "9000"}, {"FFB0000004", "A21310919000"}, {"FFB000FE02", "FFFF9000"}, {"FFB000FE04", "FFFF6282"}, {"FFB0010001", "6B00"}}},
		{"memory card: wrong type", sle4442, []step{{"FFA400000105", "6300"}, {"FFB0000004", "6985"}}},
		{"memory card: reader that needs no type", sle4428, []step{{"FFB0000004", "922310919000"}, {"FFB003FF01", "FF9000"}, {"FFA400000105", "6300"}}},
		{"nothing presents a code or writes", sle4442, []step{{"FFA400000106", "9000"}, {"FF20000003FFFFFF", "6D00"}, {"FFD000000100", "6D00"}, {"FFB1000004", "6D00"}, {"FFD6000410" + strings.Repeat("00", 16), "6D00"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse([]byte(tt.replay))
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range tt.steps {
				cmd, err := hex.DecodeString(s.command)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.ToUpper(hex.EncodeToString(c.APDU(cmd))); got != s.want {
					t.Fatalf("step %d, %s: got %s, want %s", i, s.command, got, s.want)
				}
			}
		})
	}
}

func TestContactless(t *testing.T) {
	for replay, want := range map[string]bool{
		classic: true, sle4442: false,
		`{"atr":"3B00","protocol":"T=1","contactless":true,"exchange":[]}`: true,
		`{"atr":"3B00","protocol":"T=1","uid":"04","files":[]}`:            true,
	} {
		c, err := Parse([]byte(replay))
		if err != nil || c.Contactless() != want {
			t.Errorf("%s: got %v, %v", replay, c, err)
		}
	}
	c, _ := Parse([]byte(classic))
	if k, ok := c.Key("site"); !ok || hex.EncodeToString(k) != "a0a1a2a3a4a5" {
		t.Errorf("key of the site: %x, %v", k, ok)
	}
	if _, ok := c.Key("other"); ok {
		t.Error("a key that the replay does not bring along")
	}
}

// What power does to a storage card: no sector is open, no type selected.
func TestStorageReset(t *testing.T) {
	for replay, prepare := range map[string][]string{
		classic: {"FF82000006A0A1A2A3A4A5", "FF860000050100046000", "FFB0000410"},
		sle4442: {"FFA400000106", "FFB0000010"},
	} {
		c, err := Parse([]byte(replay))
		if err != nil {
			t.Fatal(err)
		}
		last := []byte(nil)
		for _, p := range prepare {
			cmd, err := hex.DecodeString(p)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.APDU(cmd); !bytes.HasSuffix(got, []byte{0x90, 0x00}) {
				t.Fatalf("%s: %X", p, got)
			}
			last = cmd
		}
		c.Reset()
		if got := c.APDU(last); len(got) != 2 {
			t.Errorf("read after reset: %X", got)
		}
	}
}

func TestStorageReplayRefuses(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"long UID", `"uid":"0102030405060708090A0B"`, "uid has at most"},
		{"exchange and image", `"exchange":[],"uid":"01"`, "either exchange or files"},
		{"sector 40", `"mifare":{"sectors":[{"sector":40}]}`, "sectors[0]: sector is"},
		{"sector twice", `"mifare":{"sectors":[{"sector":1},{"sector":1}]}`, "sectors[1]: sector 1 is given twice"},
		{"short key", `"mifare":{"sectors":[{"sector":1,"keyA":"00"}]}`, "6 bytes"},
		{"too much data", `"mifare":{"sectors":[{"sector":1,"data":"` + strings.Repeat("00", 65) + `"}]}`, "more data"},
		{"unknown type", `"memory":{"type":"sle9999","data":""}`, "type is"},
		{"too long", `"memory":{"type":"sle4442","data":"` + strings.Repeat("00", 257) + `"}`, "more data"},
		{"unknown dialect", `"memory":{"type":"sle4442","dialect":"x","data":""}`, "dialect is"},
		{"site key", `"files":[],"keys":{"a":"00"}`, `"a" is not 6 bytes`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(`{"atr":"3B00","protocol":"T=1",` + tt.body + `}`)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is written reads back the same.
func TestReplayRoundTrip(t *testing.T) {
	for _, replay := range []string{classic, sle4442, sle4428, twoApplications("T=0", `,"extended":false`), `{"atr":"3B00","protocol":"T=1","exchange":[]}`} {
		in, err := Decode([]byte(replay))
		if err != nil {
			t.Fatal(err)
		}
		once, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("%v in %s", err, once)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s became %s, %v", once, twice, err)
		}
		if _, err := New(again); err != nil {
			t.Error(err)
		}
	}
}

// A storage card answers every input with at least a status word.
func FuzzStorage(f *testing.F) {
	for _, s := range []string{"FF82000006A0A1A2A3A4A5", "FF860000050100046000", "FFB0000410", "FFA400000106", "FFCA000000", "FFB0FFFF00"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, replay := range []string{classic, sle4442, sle4428} {
			c, err := Parse([]byte(replay))
			if err != nil {
				t.Fatal(err)
			}
			for _, cmd := range [][]byte{first, second, first} {
				if r := c.APDU(cmd); len(r) < 2 || len(r) > 258 {
					t.Fatalf("%d bytes", len(r))
				}
			}
		}
	})
}
