package card

import (
	"strings"
	"testing"
)

// Which commands each step sends, and what it keeps. The profile's field
// `number` shows the capture id-bytes in hex.
func TestSteps(t *testing.T) {
	const sel = "00A4040005A000000001"
	for _, tt := range []struct {
		name  string
		head  string // allow, define, transport
		steps string
		lines [][2]string
		want  string // hex in id-bytes
	}{
		{"select-file by FID", "", `
  - select-file: {fid: EF05, p1: 02, p2: 0C, as: id-bytes}`,
			[][2]string{{"00A4020C02EF05", "9000"}}, ""},
		{"select-file by path from MF, with Le", "", `
  - select-file: {path: DF014031, le: 256, as: id-bytes}`,
			[][2]string{{"00A4080004DF01403100", "6F029000"}}, "6F02"},
		{"select-file by path from the DF", "", `
  - select-file: {path: "4031", p1: 09, as: id-bytes}`,
			[][2]string{{"00A40900024031", "9000"}}, ""},
		{"get-data", "", `
  - get-data: {tag: 9F7F, as: id-bytes}`,
			[][2]string{{"00CA9F7F00", "01029000"}}, "0102"},
		{"get-data with length", "", `
  - get-data: {tag: 0101, length: 2, as: id-bytes}`,
			[][2]string{{"00CA010102", "01029000"}}, "0102"},
		{"read-record by number, then by tag", "", `
  - read-record: {sfi: 05, number: 3, length: 4, as: id-bytes}
  - read-record: {tag: 4E, append: id-bytes}`,
			[][2]string{{"00B2032C04", "019000"}, {"00B24E0000", "029000"}}, "0102"},
		{"data with 6282 is an answer, without it is none", "", `
  - read-record: {number: 1, as: id-bytes}
  - read-record: {number: 2, as: id-bytes, optional: ["6282"]}`,
			[][2]string{{"00B2010400", "016282"}, {"00B2020400", "6282"}}, "01"},
		{"apdu with a card's own idea of success", "allow: [C832]\n", `
  - apdu: {command: "C8 32 0000 05 0800000400", expect: ["91xx", "94xx"], as: id-bytes}`,
			[][2]string{{"C832000005" + "0800000400", "9108"}}, ""},
		{"61xx left alone", "allow: [C832]\ntransport: {get-response: {off: true}}\n", `
  - apdu: {command: "C832000005 0800000400", as: id-bytes}`,
			[][2]string{{"C832000005" + "0800000400", "6105"}}, ""},
		{"UID of a contactless card", "allow: [FFCA]\n", `
  - apdu: {command: FFCA000000, as: id-bytes}`,
			[][2]string{{"FFCA000000", "040102039000"}}, "04010203"},
		{"parameters in every form", "allow: [80CC]\ndefine:\n  m: {params: [n], steps: [apdu: {command: \"80CC ${n:u8} ${n:bcd} 04 ${n:be16} ${n:le16}\"}]}\n", `
  - m: {n: 25, as: id-bytes}`,
			[][2]string{{"80CC192504" + "00191900", "019000"}}, "01"},
		{"a macro of three commands per block", "allow: [C832, CC00, CC06]\ndefine:\n  block:\n    params: [file, off, len]\n    steps:\n" +
			"      - apdu: {command: \"C832000005 080000 ${len:le16}\", expect: [\"91xx\"]}\n      - apdu: {command: \"CC00000008 ${file:le16} 0100 ${off:le16} ${len:le16}\", expect: [\"94xx\"]}\n      - apdu: {command: \"CC060000 ${len:u8}\"}\n", `
  - block: {file: 1, off: 0x0111, len: 13, as: id-bytes}`,
			[][2]string{{"C832000005" + "0800000D00", "9108"}, {"CC00000008" + "0100010011010D00", "940D"}, {"CC0600000D", "019000"}}, "01"},
		{"for-each over a list", "", `
  - for-each: {var: i, in: [1, 0x0F], steps: [read-record: {number: "${i}", append: id-bytes}]}`,
			[][2]string{{"00B2010400", "019000"}, {"00B20F0400", "029000"}}, "0102"},
		{"for-each over a range", "", `
  - for-each: {var: off, from: 0, to: 8, step: 4, steps: [read-binary: {offset: "${off}", length: 4, chunk: 4, append: id-bytes}]}`,
			[][2]string{{"00B0000004", "019000"}, {"00B0000103", "6282"}, {"00B0000404", "029000"}, {"00B0000503", "6282"}, {"00B0000804", "039000"}, {"00B0000903", "6282"}}, "010203"},
		{"select-aid tries lengths while the card minds them", "", `
  - select-aid: {aid: A0, le: [none, 256, 255], as: id-bytes}`,
			[][2]string{{"00A4040001A0", "6700"}, {"00A4040001A000", "6700"}, {"00A4040001A0FF", "019000"}}, "01"},
		{"other refusals of select end the lengths", "", `
  - select-aid: {aid: A0, le: [none, 256], as: id-bytes, optional: ["6A82"]}`,
			[][2]string{{"00A4040001A0", "6A82"}}, ""},
		{"select with a remark", "", `
  - select-file: {fid: 0001, p2: 04, expect: ["62xx"], le: 256, as: id-bytes}`,
			[][2]string{{"00A4000402000100", "62036283"}}, "6203"},
		{"records up to the last", "", `
  - read-record: {sfi: 05, from: 1, to: end, append: id-bytes, as: rec}`,
			[][2]string{{"00B2012C00", "019000"}, {"00B2022C00", "029000"}, {"00B2032C00", "6A83"}}, "0102"},
		{"records of a range, fewer than asked for", "", `
  - read-record: {from: 2, to: 5, length: 1, as: rec, append: id-bytes}`,
			[][2]string{{"00B2020401", "019000"}, {"00B2030401", "6A82"}}, "01"},
		{"no record at all", "", `
  - read-record: {from: 1, to: end, as: rec, append: id-bytes}`,
			[][2]string{{"00B2010400", "6A83"}}, ""},
		{"records in a file that is not there", "", `
  - read-record: {sfi: 01, from: 1, to: end, as: rec, append: id-bytes, optional: ["6A82"]}`,
			[][2]string{{"00B2010C00", "6A82"}}, ""},
		{"get-data with data has no Le", "", `
  - get-data: {tag: 1100, data: "0000", as: id-bytes}`,
			[][2]string{{"00CA1100020000", "019000"}}, "01"},
		{"get-data with class, data and length", "allow: [80CA]\n", `
  - get-data: {tag: 9F7F, class: 80, data: "01", length: 5, as: id-bytes}`,
			[][2]string{{"80CA9F7F010105", "019000"}}, "01"},
		{"read to what FCP says", "", `
  - select-file: {fid: 0001, p2: 04, le: 256}
  - read-binary: {length: {header: fcp}, as: id-bytes}`,
			[][2]string{{"00A4000402000100", "62068002000383009000"}, {"00B0000003", "0102039000"}}, "010203"},
		{"FCI with the size in tag 81, from an offset, bounded", "", `
  - select-file: {fid: 0001, le: 256}
  - read-binary: {offset: 1, length: {header: fcp, max: 2}, as: id-bytes}`,
			[][2]string{{"00A4000002000100", "6F048102000A9000"}, {"00B0000102", "01029000"}}, "0102"},
		{"no FCP: to the end", "", `
  - read-binary: {length: {header: fcp}, as: id-bytes}`,
			[][2]string{{"00B00000FF", "016282"}}, "01"},
		{"header ascii-hex, with more behind", "", `
  - read-binary: {length: {header: ascii-hex, digits: 4, add: 1}, chunk: 5, as: id-bytes}`,
			[][2]string{{"00B0000005", "30303032AA9000"}, {"00B0000502", "BBCC9000"}}, "30303032AABBCC"},
		{"header ascii-hex that is none: to the end", "", `
  - read-binary: {length: {header: ascii-hex, digits: 2}, chunk: 2, as: id-bytes}`,
			[][2]string{{"00B0000002", "7A7A9000"}, {"00B0000202", "AA6282"}}, "7A7AAA"},
		{"a header that lies is bounded by max", "", `
  - read-binary: {length: {header: be16, max: 4}, chunk: 2, as: id-bytes}`,
			[][2]string{{"00B0000002", "FFF09000"}, {"00B0000202", "01029000"}}, "FFF00102"},
		{"a card's own end of file", "", `
  - read-binary: {length: eof, chunk: 1, eof: ["6985"], as: id-bytes}`,
			[][2]string{{"00B0000001", "019000"}, {"00B0000101", "6985"}}, "01"},
		{"but not before the first block", "", `
  - read-binary: {length: eof, chunk: 1, eof: ["6985"], as: id-bytes, optional: ["6985"]}`,
			[][2]string{{"00B0000001", "6985"}}, ""},
		{"one capture per value of a loop", "", `
  - for-each: {var: n, in: [1, 0x0A], steps: [read-record: {number: "${n}", as: "rec-${n}"}]}
  - read-record: {number: 3, as: id-bytes, when: {from: rec-10, equals: "02"}}
  - read-record: {number: 4, as: id-bytes, when: {from: rec-1, equals: "02"}}`,
			[][2]string{{"00B2010400", "019000"}, {"00B20A0400", "029000"}, {"00B2030400", "039000"}}, "03"},
		{"when on the count of records", "", `
  - read-record: {from: 1, to: 2, as: rec}
  - read-record: {number: 7, as: id-bytes, when: {from: rec-count, equals: "2"}}`,
			[][2]string{{"00B2010400", "019000"}, {"00B2020400", "029000"}, {"00B2070400", "039000"}}, "03"},
		{"when inside a macro and on try", "define:\n  m: {params: [n], steps: [read-record: {number: \"${n}\", when: {from: head, present: true}}]}\n", `
  - m: {n: 1}
  - read-record: {number: 2, as: head}
  - m: {n: 3, as: id-bytes}
  - try: {steps: [read-record: {number: 4}], when: {from: head, present: false}}`,
			[][2]string{{"00B2020400", "019000"}, {"00B2030400", "059000"}}, "05"},
		{"optional names its refusals", "", `
  - read-record: {number: 1, as: id-bytes, optional: ["6A8x"]}`,
			[][2]string{{"00B2010400", "6A83"}}, ""},
		{"try, then else", "", `
  - try: {steps: [select-file: {fid: 0001}], on: ["6A82"], else: [select-file: {fid: 0002}, read-record: {number: 1, as: id-bytes}]}`,
			[][2]string{{"00A40000020001", "6A82"}, {"00A40000020002", "9000"}, {"00B2010400", "019000"}}, "01"},
		{"a step for a field that is withheld is not sent", "", `
  - read-record: {number: 1, as: id-bytes, only-for: hidden}`,
			nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := engineOf(t, strings.NewReplacer("steps:\n  - read-binary: {sfi: 01, length: 8, as: id-bytes}", tt.head+"steps:"+tt.steps,
				"do: [text: ascii]", "do: [hex]", "constants:", "  hidden: {from: id-bytes, do: [hex], sensitivity: sensitive}\nconstants:").Replace(minimal))
			ch := &script{t: t, lines: append([][2]string{{sel, "9000"}}, tt.lines...)}
			read, err := e.Read(t.Context(), ch, Info{Protocol: T1})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if read.Patient != nil {
				got = read.Patient.Identifier[0].Value
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if ch.next != len(ch.lines) {
				t.Errorf("%d of %d commands sent", ch.next, len(ch.lines))
			}
		})
	}
}

// What try leaves behind when it catches a refusal.
func TestTryMarks(t *testing.T) {
	e := engineOf(t, strings.Replace(minimal, "steps:\n", `steps:
  - try: {steps: [select-file: {fid: 0001}], on: ["69xx"], partial: true, warn: {code: needs_authentication, field: number}, note: {lock: closed}}
`, 1))
	for sw, caught := range map[string]bool{"6982": true, "6A82": false} {
		ch := &script{t: t, lines: [][2]string{{"00A4040005A000000001", "9000"}, {"00A40000020001", sw}, {"00B0810008", "31323334353637389000"}}}
		if !caught {
			ch.lines = ch.lines[:2]
		}
		read, err := e.Read(t.Context(), ch, Info{Protocol: T1})
		if (err == nil) != caught {
			t.Errorf("%s: %v", sw, err)
		}
		if caught && (!read.Partial || read.Extras["lock"] != "closed" || len(read.Warnings) != 1 || read.Warnings[0].Code != "needs_authentication") {
			t.Errorf("%s: %v, %v, %v", sw, read.Partial, read.Extras, read.Warnings)
		}
	}
}
