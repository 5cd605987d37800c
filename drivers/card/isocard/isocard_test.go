package isocard

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// twoApplications: two applications, a DF tree, a transparent file of 300 bytes, a record
// file and a locked one.
func twoApplications(protocol, more string) string {
	long := strings.Repeat("00112233445566778899", 30) // 300 bytes
	return `{"atr":"3B00","protocol":"` + protocol + `"` + more + `,"files":[
	{"aid":"A0000001","path":"3F00/DF01/EF01","sfi":1,"data":"` + long + `"},
	{"aid":"A0000001","path":"3F00/DF01/EF05","sfi":5,"records":["0102AABB","0901CC","4E00"]},
	{"aid":"A0000001","path":"3F00/DF01/EF06","sfi":6,"sw":"6982"},
	{"aid":"A0000002"},
	{"path":"3F00/2F02","sfi":2,"data":"5A0155"},
	{"path":"3F00/DF02/0001","data":""}]}`
}

// Each step is one command and its answer.
func TestFileSystemCard(t *testing.T) {
	type step struct{ command, want string }
	first300 := strings.Repeat("00112233445566778899", 30)
	for _, tt := range []struct {
		name, protocol, more string
		steps                []step
	}{
		{"select by full AID without FCI", "T=1", "", []step{{"00A4040C04A0000001", "9000"}}},
		{"select by AID, FCI asked for", "T=1", "", []step{{"00A4040004A000000100", "6F068404A00000019000"}}},
		{"select by AID, FCI not asked for", "T=1", "", []step{{"00A4040004A0000001", "9000"}}},
		{"select by AID, FCP", "T=1", "", []step{{"00A4040404A000000100", "62068404A00000019000"}}},
		{"select by AID, FCI cut to Le", "T=1", "", []step{{"00A4040004A000000102", "6F069000"}}},
		{"partial AID walks through the applications", "T=1", "", []step{
			{"00A4040003A0000000", "6F068404A00000019000"}, {"00A4040203A0000000", "6F068404A00000029000"}, {"00A4040203A0000000", "6A82"},
			{"00A4040303A0000000", "6F068404A00000019000"}, {"00A4040103A0000000", "6F068404A00000029000"}}},
		{"unknown AID", "T=1", "", []step{{"00A4040003B00000", "6A82"}}},
		{"T=0 announces the FCI", "T=0", "", []step{{"00A4040004A0000001", "6108"}, {"00C0000008", "6F068404A00000019000"}, {"00C0000008", "6985"}}},
		{"T=0 GET RESPONSE in two parts", "T=0", "", []step{{"00A4040004A0000001", "6108"}, {"00C0000003", "6F06846105"}, {"00C0000005", "04A00000019000"}}},
		{"T=0 GET RESPONSE asks too much", "T=0", "", []step{{"00A4040004A0000001", "6108"}, {"00C0000010", "6C08"}, {"00C0000008", "6F068404A00000019000"}}},
		{"T=0 another command forgets the response", "T=0", "", []step{{"00A4040004A0000001", "6108"}, {"00B0810001", "009000"}, {"00C0000008", "6985"}}},
		{"file by FID below the MF", "T=1", "", []step{{"00A4000C022F02", "9000"}, {"00B0000000", "5A01559000"}}},
		{"EF by FID with P1 02", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00A4020002EF0100", "6F088002012C8302EF019000"}}},
		{"DF then EF by FID", "T=1", "", []step{{"00A4000C02DF01", "9000"}, {"00A4000C02EF01", "9000"}, {"00B0000002", "00119000"}}},
		{"child DF with P1 01, parent with P1 03", "T=1", "", []step{{"00A4010C02DF01", "9000"}, {"00A4030C", "9000"}, {"00A4000C022F02", "9000"}, {"00A4030C", "6A82"}}},
		{"EF with P1 01 is no DF", "T=1", "", []step{{"00A4010C022F02", "6A82"}}},
		{"path from MF, without and with 3F00", "T=1", "", []step{{"00A4080C04DF01EF01", "9000"}, {"00A4080C063F00DF01EF01", "9000"}, {"00A4080C04DF01EFFF", "6A82"}, {"00A4080C03DF01EF", "6A80"}}},
		{"path from current DF", "T=1", "", []step{{"00A4000C02DF01", "9000"}, {"00A4090C02EF01", "9000"}}},
		{"MF again", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00A4000C023F00", "9000"}, {"00B0820003", "5A01559000"}}},
		{"bad P1 of SELECT", "T=1", "", []step{{"00A4050C02DF01", "6A86"}}},

		{"read by SFI, then the file is current", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B0810002", "00119000"}, {"00B0000202", "22339000"}}},
		{"no current file", "T=1", "", []step{{"00B0000002", "6986"}}},
		{"SFI not there", "T=1", "", []step{{"00B0870002", "6A82"}}},
		{"SFI 31 and reserved bits", "T=1", "", []step{{"00B09F0002", "6A86"}, {"00B0A10002", "6A86"}}},
		{"end of file: T=1 says 6282 unless all was asked for", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B08100FF", first300[:510] + "9000"}, {"00B000FFFF", first300[510:] + "6282"}, {"00B0012000", first300[576:] + "9000"}, {"00B0012C01", "6B00"}}},
		{"end of file: T=0 names the length", "T=0", "", []step{{"00A4040C04A0000001", "9000"}, {"00B08100FF", first300[:510] + "9000"}, {"00B000FFFF", "6C2D"}, {"00B000FF2D", first300[510:] + "9000"}}},
		{"extended Le reads all", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B08100000000", first300 + "9000"}, {"00B08100000200", first300 + "6282"}}},
		{"extended Le on a card without it", "T=1", `,"extended":false`, []step{{"00A4040C04A0000001", "9000"}, {"00B08100000000", "6700"}}},
		{"extended Le under T=0", "T=0", "", []step{{"00B08100000000", "6700"}}},
		{"empty file", "T=1", "", []step{{"00A4080C04DF020001", "9000"}, {"00B0000000", "6282"}, {"00B0000100", "6B00"}}},
		{"locked file", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B0860000", "6982"}, {"00A4020C02EF06", "9000"}, {"00B2010400", "6982"}}},
		{"READ BINARY without Le", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B08100", "6700"}}},

		{"record by number with SFI", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2012C04", "0102AABB9000"}, {"00B2000404", "0102AABB9000"}}},
		{"record by tag with SFI", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2092803", "0901CC9000"}}},
		{"record by tag in the current file", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00A4020C02EF05", "9000"}, {"00B2090003", "0901CC9000"}, {"00B24E0000", "4E009000"}, {"00B20A0003", "6A83"}}},
		{"record, Le too large", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2092810", "0901CC6282"}}},
		{"record, Le too large under T=0", "T=0", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2092810", "6C03"}}},
		{"record that is not there", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2042C00", "6A83"}, {"00B2002C00", "6A83"}}},
		{"record of a transparent file, bytes of a record file", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2010C00", "6981"}, {"00B0850000", "6981"}}},
		{"record with other P2", "T=1", "", []step{{"00A4040C04A0000001", "9000"}, {"00B2012D00", "6A86"}}},

		{"nothing else works", "T=1", "", []step{{"00200001083132333400000000", "6D00"}, {"00D6000001FF", "6D00"}, {"80B0000000", "6E00"}, {"00B0", "6700"}, {"00A404000AA0", "6700"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse([]byte(twoApplications(tt.protocol, tt.more)))
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

func TestReset(t *testing.T) {
	c, err := Parse([]byte(twoApplications("T=1", "")))
	if err != nil {
		t.Fatal(err)
	}
	c.APDU([]byte{0x00, 0xB0, 0x82, 0, 1})
	c.Reset()
	if got := hex.EncodeToString(c.APDU([]byte{0x00, 0xB0, 0, 0, 1})); got != "6986" {
		t.Errorf("a file is selected after reset: %s", got)
	}
}

// A repeated command takes its next occurrence, then the last; what was not
// recorded is 6A82.
func TestExchange(t *testing.T) {
	c, err := Parse([]byte(`{"atr":"3B00","protocol":"T=0","exchange":[{"c":"00B0000001","r":"019000"},{"c":"00 B0 00 00 02","r":"9000"},{"c":"00B0000001","r":"029000"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !c.T0() || hex.EncodeToString(c.ATR()) != "3b00" {
		t.Error("ATR or protocol lost")
	}
	for range 2 {
		for i, want := range []string{"019000", "029000", "029000"} {
			if got := hex.EncodeToString(c.APDU([]byte{0, 0xB0, 0, 0, 1})); got != want {
				t.Errorf("time %d: got %s, want %s", i, got, want)
			}
		}
		if got := hex.EncodeToString(c.APDU([]byte{0, 0xB0, 0, 0, 3})); got != "6a82" {
			t.Errorf("unknown command: %s", got)
		}
		c.Reset()
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, replay, want string }{
		{"nothing", ``, "not valid JSON"},
		{"unknown key", `{"atr":"3B00","protocol":"T=1","file":[]}`, `unknown field "file"`},
		{"no protocol", `{"atr":"3B00","files":[]}`, "protocol must be"},
		{"neither form", `{"atr":"3B00","protocol":"T=1"}`, "either exchange or files"},
		{"both forms", `{"atr":"3B00","protocol":"T=1","files":[],"exchange":[]}`, "either exchange or files"},
		{"odd hex", `{"atr":"3B0","protocol":"T=1","files":[]}`, "odd length"},
		{"hex as number", `{"atr":3,"protocol":"T=1","files":[]}`, "hex must be a JSON string"},
		{"wrong type", `{"atr":"3B00","protocol":1,"files":[]}`, `wrong type for key "protocol"`},
		{"short command", `{"atr":"3B00","protocol":"T=1","exchange":[{"c":"00B0","r":"9000"}]}`, "exchange[0]"},
		{"short response", `{"atr":"3B00","protocol":"T=1","exchange":[{"c":"00B0000000","r":"90"}]}`, "exchange[0]"},
		{"file nowhere", `{"atr":"3B00","protocol":"T=1","files":[{"data":"00"}]}`, "files[0]: needs an aid"},
		{"bad path", `{"atr":"3B00","protocol":"T=1","files":[{"path":"3F00/1","data":"00"}]}`, "files[0]: path"},
		{"bad sfi", `{"atr":"3B00","protocol":"T=1","files":[{"path":"3F00","sfi":31}]}`, "files[0]: sfi"},
		{"data and records", `{"atr":"3B00","protocol":"T=1","files":[{"path":"3F00","data":"","records":[]}]}`, "data and records"},
		{"bad sw", `{"atr":"3B00","protocol":"T=1","files":[{"path":"3F00","sw":"69"}]}`, "sw is two bytes"},
		{"more text", `{"atr":"3B00","protocol":"T=1","files":[]} {}`, "text after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.replay))
			if !errors.Is(err, ErrReplay) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Errors about a replay file never show what is on the card.
func TestParseErrorsHideContent(t *testing.T) {
	for _, replay := range []string{
		`{"atr":"3B00","protocol":"T=1","exchange":[{"c":"00B0000000","r":"53454352455QQQ"}]}`,
		`{"atr":"3B00","protocol":"SECRET","files":[]}`,
		`{"atr":"3B00","protocol":"T=1","files":[{"path":"SECRET","data":"00"}]}`,
		`{"atr":"3B00","protocol":"T=1","files":[{"path":"3F00","data":5345435245}]}`,
	} {
		_, err := Parse([]byte(replay))
		if err == nil || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "5345435245") {
			t.Errorf("error shows content or is missing: %v", err)
		}
	}
}

// A card answers every input with at least a status word, and a T=0 card never
// more than 256 bytes.
func FuzzAPDU(f *testing.F) {
	for _, s := range []string{"00A4040C04A0000001", "00B08100000000", "00C0000000", "00B2010400", "00A4080C063F00DF01EF01", "00"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, protocol := range []string{"T=0", "T=1"} {
			c, err := Parse([]byte(twoApplications(protocol, "")))
			if err != nil {
				t.Fatal(err)
			}
			for _, cmd := range [][]byte{{0, 0xA4, 4, 0x0C, 4, 0xA0, 0, 0, 1}, first, second} {
				if r := c.APDU(cmd); len(r) < 2 || c.T0() && len(r) > 258 {
					t.Fatalf("%d bytes", len(r))
				}
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(twoApplications("T=0", "")))
	names, err := filepath.Glob("../testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && !strings.HasSuffix(n, ".read.json") {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := Parse(b); err == nil {
			c.APDU([]byte{0, 0xA4, 4, 0, 1, 0xA0})
			c.APDU([]byte{0, 0xB0, 0x81, 0, 0})
		}
	})
}
