package card

import (
	"encoding/hex"
	"fmt"
)

// pad returns b filled up to n bytes.
func pad(b []byte, n int, fill byte) []byte {
	out := append([]byte(nil), b...)
	for len(out) < n {
		out = append(out, fill)
	}
	return out
}

func composeTaiwan() []vector {
	const sel = "00A4040010D1580000010000000000000000001100"
	basic := func(name []byte, fill byte, id, birth, sex string) string {
		b := append([]byte("000099990001"), pad(name, 20, fill)...)
		return hexed([]byte(string(b) + id + birth + sex + "1090101"))
	}
	t1 := func(atr, data string) replayFile {
		return replayFile{ATR: atr, Protocol: "T=1", Exchange: []exchangePair{{sel, "9000"}, {"00CA1100020000", data + "9000"}}}
	}
	const atr = "3BFA1800008131FE4550564A434F503453494493"
	name := []byte{0xA4, 0xFD, 0xB4, 0xFA, 0xB8, 0xD5} // 王測試
	return []vector{
		{"tw-nhi", t1(atr, basic(name, 0, "A200000003", "0750315", "F"))},
		// A card generation under T=0: the answers are announced with 61xx.
		{"tw-nhi-t0", replayFile{ATR: "3BFA1800008131FE45534C4A35324778787979FC", Protocol: "T=0", Exchange: []exchangePair{
			{sel, "9000"},
			{"00CA1100020000", "6139"},
			{"00C0000039", basic(name, 0, "A200000003", "0750315", "F") + "9000"},
		}}},
		// A maker nobody has seen: only the SELECT tells.
		{"tw-nhi-unknown-atr", t1("3B8001", basic(name, 0, "A200000003", "0750315", "F"))},
		// 造字: FA40 is a user-defined code, C9A1 a rare but standard one.
		{"tw-nhi-lossy-name", t1(atr, basic([]byte{0xA4, 0xFD, 0xFA, 0x40, 0xC9, 0xA1}, ' ', "A200000003", "0750315", "F"))},
		{"tw-nhi-born-2011", t1(atr, basic(name, 0, "A800000014", "1001231", "M"))},
		{"tw-nhi-short-year", t1(atr, basic(name, 0, "A200000003", " 750315", "F"))},
		// Wrong check digit, impossible day, unknown sex: values stay or go, each with its warning.
		{"tw-nhi-odd-values", t1(atr, basic(name, 0, "A200000004", "0750230", "Q"))},
		{"tw-nhi-empty-fields", t1(atr, basic(nil, 0, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "       ", " "))},
		// The answer breaks off inside the name: none of it is shown.
		{"tw-nhi-cut-answer", t1(atr, basic(name, 0, "A200000003", "0750315", "F")[:30])},
		{"tw-staff-card", replayFile{ATR: "3BF91800008131FE4550565F4A3244303831B6", Protocol: "T=1", Exchange: []exchangePair{{sel, "6A82"}}}},
		{"unknown-card", replayFile{ATR: "3B021450", Protocol: "T=0", Exchange: []exchangePair{{"00A4000000", "6E00"}}}},
	}
}

func composeChina() []vector {
	const aid = "7378312E73682EC9E7BBE1B1A3D5CF"
	record := func(tag byte, n int, fill byte, value []byte) string {
		return hexed(append([]byte{tag, byte(n)}, pad(value, n, fill)...))
	}
	bcd := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	cardFile := func(version string) fileImage {
		return fileImage{AID: aid, Path: "3F00/DF01/EF05", SFI: 5, Records: []string{
			record(1, 16, 0, bcd("99010131010100000000000000001234")), record(2, 1, 0, []byte("1")), record(3, 4, 0, []byte(version)),
			record(4, 12, 0, bcd("9101000000000000000000AB")), record(5, 4, 0, bcd("20150601")), record(6, 4, 0, bcd("20250531")),
			record(7, 9, 0, []byte("A00000018")),
		}}
	}
	// 测试甲, order as on 1.0 (sex third) or later (name extension third).
	holder := func(records ...string) fileImage {
		return fileImage{AID: aid, Path: "3F00/DF01/EF06", SFI: 6, Records: records}
	}
	number := record(8, 18, 0, []byte("990101190001010018"))
	name := record(9, 30, 0, []byte{0xB2, 0xE2, 0xCA, 0xD4, 0xBC, 0xD7})
	sex, ethnic := record(0x0A, 1, 0, []byte("1")), record(0x0B, 1, 0, bcd("01"))
	place, birth := record(0x0C, 3, 0, bcd("990101")), record(0x0D, 4, 0, bcd("19000101"))
	v1 := []fileImage{cardFile("1.00"), holder(number, name, sex, ethnic, place, birth)}

	// A name that fills all 30 bytes and breaks a character in two: 古 then thirteen 测 and 𠮷
	// (four bytes in GB 18030: 9535 B633), the last half of it in the extension.
	long := []byte{0xB9, 0xC5}
	for range 13 {
		long = append(long, 0xB2, 0xE2)
	}
	long = append(long, 0x95, 0x34, 0xB2, 0x35)
	v2 := []fileImage{cardFile("2.00"), holder(number, record(9, 30, 0, long[:30]), record(0x4E, 20, 0, append(long[30:], 0xCA, 0xD4)), sex, ethnic, place, birth)}

	spaces := []fileImage{cardFile("2.00"), holder(record(8, 18, ' ', []byte("11010519491231002X")),
		record(9, 30, ' ', []byte{0xB2, 0xE2, 0xCA, 0xD4}), record(0x4E, 20, ' ', nil), record(0x0A, 1, 0, []byte("9")), record(0x0D, 4, 0, bcd("19491231")))}
	lossy := []fileImage{cardFile("2.00"), holder(number, record(9, 30, 0, []byte{0xB2, 0xE2, 0xAA, 0xA1}), sex, birth)} // AAA1: user-defined
	denied := fileImage{AID: aid, Path: "3F00/DF01/EF06", SFI: 6, SW: "6982"}

	// A card that knows neither EF selection nor the current file, only SFI.
	sfiOnly := []exchangePair{{"00A404000F" + aid, "9000"}}
	for _, f := range v1 {
		for _, r := range f.Records {
			sfiOnly = append(sfiOnly, exchangePair{fmt.Sprintf("00B2%s%02X%02X", r[:2], f.SFI<<3, len(r)/2), r + "9000"})
		}
	}
	// 3.0 as recorded: EF05 open, EF06 refuses.
	v3 := []exchangePair{{"00A404000F" + aid, "6114"}, {"00C0000014", "6F128410" + aid + "00" + "9000"}, {"00A4020002EF05", "9000"}, {"00A4020002EF06", "9000"}, {"00B2080014", "6982"}}
	for _, r := range cardFile("3.00").Records {
		reply := r + "9000"
		if r[:2] == "05" || r[:2] == "06" {
			reply = "6982"
		}
		v3 = append(v3, exchangePair{fmt.Sprintf("00B2%s00%02X", r[:2], len(r)/2), reply})
	}
	const atr = "3B6D000000814D22086600000000000000"
	return []vector{
		{"cn-ssc-1.0", replayFile{ATR: atr, Protocol: "T=0", Files: v1}},
		{"cn-ssc-1.0-t1", replayFile{ATR: atr, Protocol: "T=1", Files: v1}},
		{"cn-ssc-2.0-long-name", replayFile{ATR: atr, Protocol: "T=0", Files: v2}},
		{"cn-ssc-space-padding", replayFile{ATR: atr, Protocol: "T=1", Files: spaces}},
		{"cn-ssc-lossy-name", replayFile{ATR: atr, Protocol: "T=0", Files: lossy}},
		{"cn-ssc-3.0-partial", replayFile{ATR: atr, Protocol: "T=1", Files: []fileImage{cardFile("3.00"), denied}}},
		{"cn-ssc-3.0-partial-exchange", replayFile{ATR: atr, Protocol: "T=0", Exchange: v3}},
		{"cn-ssc-no-holder-file", replayFile{ATR: atr, Protocol: "T=1", Files: []fileImage{cardFile("1.00")}}},
		{"cn-ssc-sfi-only", replayFile{ATR: atr, Protocol: "T=1", Exchange: sfiOnly}},
	}
}
