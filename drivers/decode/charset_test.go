package decode

import "testing"

// Bytes become text; what has no meaning is shown as such and said.
func TestCharsets(t *testing.T) {
	runStages(t, []stageCase{
		{"ascii", "[text: ascii]", ascii7("A 1~"), "A 1~", ""},
		{"ascii with a high byte", "[text: ascii]", "41ff", "", unreadable},
		{"ascii with a control byte", "[text: ascii]", "4100", "", unreadable},
		{"utf-8", "[text: utf-8]", ascii7("é卡"), "é卡", ""},
		{"utf-8 broken", "[text: utf-8]", "41c3", "A\uFFFD", lossy},
		{"utf-16le", "[text: utf-16le]", "4100e953", "A叩", ""},
		{"utf-16le, half a pair", "[text: utf-16le]", "00d84100", "\uFFFDA", lossy},
		{"utf-16be", "[text: utf-16be]", "0041", "A", ""},
		{"iso-8859-1", "[text: iso-8859-1]", "e4a4", "ä¤", ""},
		{"iso-8859-15", "[text: iso-8859-15]", "e4a4", "ä€", ""},
		{"windows-1252", "[text: windows-1252]", "80", "€", ""},
		{"gb18030, two bytes (GBK)", "[text: gb18030]", "b2e2cad4", "测试", ""},
		{"gb18030, rare GBK character", "[text: gb18030]", "96e58d43", "栧岰", ""},
		{"gb18030, four bytes", "[text: gb18030]", "9534b235", "𠮷", ""},
		{"gb18030, middle dot of names", "[text: gb18030]", "b0a2a1a4b2bc", "阿·布", ""},
		{"gb18030, user-defined", "[text: gb18030]", "b2e2aaa1", "测\uFFFD", lossy},
		{"gb18030, cut character", "[text: gb18030]", "b2e2ca", "测\uFFFD", lossy},
		{"big5", "[text: big5]", "a4fdb4fab8d5", "王測試", ""},
		{"big5, ETEN character", "[text: big5]", "f9d6", "碁", ""},
		{"big5, user-defined FA40 is not Hong Kong's", "[text: big5]", "a4fdfa40", "王\uFFFD", lossy},
		{"big5, user-defined 8E40", "[text: big5]", "8e40", "\uFFFD", lossy},
		{"big5, user-defined C6A1", "[text: big5]", "c6a1", "\uFFFD", lossy},
		{"big5, cut character", "[text: big5]", "a4fdb4", "王\uFFFD", lossy},
		{"big5, broken trail byte is not swallowed", "[text: big5]", "b430", "\uFFFD0", lossy},
		{"big5, a byte that leads nothing swallows nothing", "[text: big5]", "ff41", "\uFFFDA", lossy},
		{"big5, padded with wide spaces", "[trim: [nul, space], text: big5, trim: space]", "a4fdb4faa140a1402020", "王測", ""},
		{"gb18030, padded with wide spaces", "[text: gb18030, trim: space]", "b2e2a1a1", "测", ""},
		{"tis-620", "[text: tis-620]", "b7b4cacdba", "ทดสอบ", ""},
		{"tis-620, undefined", "[text: tis-620]", "b7db", "ท\uFFFD", lossy},
		{"shift_jis", "[text: shift_jis]", "8e8e8cb1", "試験", ""},
		{"control characters never pass", "[text: iso-8859-1]", "411b5b", "A\uFFFD[", lossy},

		{"iso-8859-2", "[text: iso-8859-2]", "b1e6", "ąć", ""},
		{"iso-8859-5", "[text: iso-8859-5]", "bcd8d5e2", "Миет", ""},
		{"utf-16, big-endian mark", "[text: utf-16]", "feff0041", "A", ""},
		{"utf-16, little-endian mark", "[text: utf-16]", "fffe4100", "A", ""},
		{"utf-16, no mark is big-endian", "[text: utf-16]", "0041", "A", ""},
		{"iso-646-de", "[text: iso-646-de]", ascii7("[\\]{|}~@"), "ÄÖÜäöüß§", ""},
		{"iso-646-de, eighth bit", "[text: iso-646-de]", "41c4", "A\uFFFD", lossy},
		{"iso-646-dk", "[text: iso-646-dk]", ascii7("[\\]{|}~"), "ÆØÅæøå~", ""},
	})
}
