package decode

import "testing"

// Stages that cut and turn bytes.
func TestBytes(t *testing.T) {
	runStages(t, []stageCase{
		{"hex", "[hex]", "0a0b", "0A0B", ""},
		{"bcd", "[bcd]", "1234", "1234", ""},
		{"bcd filled with F", "[bcd]", "12345fff", "12345", ""},
		{"bcd all F is absent", "[bcd]", "ffffffff", "", ""},
		{"bcd with a letter", "[bcd]", "12a4", "", unreadable},
		{"uint be", "[uint: be]", "0102", "258", ""},
		{"uint le", "[uint: le]", "0102", "513", ""},
		{"uint too long", "[uint: le]", "010203040506070809", "", unreadable},
		{"trim nul and space", "[trim: [nul, space], hex]", "00204120004220", "41200042", ""},
		{"trim ff", "[trim: ff, hex]", "ff41ff", "41", ""},
		{"trim leading zeros", "[text: ascii, trim: zero]", ascii7("0070"), "70", ""},
		{"trim everything is absent", "[trim: [nul], hex]", "0000", "", ""},
		{"slice", "[slice: \"1:3\", hex]", "00112233", "1122", ""},
		{"slice behind the end", "[slice: \"9:\", hex]", "00", "", ""},
		{"pointer", "[pointer: 0, hex]", "00040005aabb", "AABB", ""},
		{"pointer FFFF", "[pointer: 0, hex]", "ffffffffaabb", "", ""},
		{"pointer start equals end", "[pointer: 0, hex]", "00040004aabb", "", ""},
		{"pointer to outside", "[pointer: 0, hex]", "00040009aabb", "", unreadable},
		{"pointer pair missing", "[pointer: 1, hex]", "00040005aabb", "", ""},

		{"until", "[until: 00]", "4142004300", "4142", ""},
		{"until, two bytes", "[until: FFD9]", "41ffffd942", "41ff", ""},
		{"until, not there", "[until: 00]", "4142", "4142", ""},
		{"until at the start is absent", "[until: 41]", "4142", "", ""},
		{"until in text never leaves half a character", "[text: utf-8, until: BC]", ascii7("aü"), "a", ""},
		{"slice of text counts characters", `[text: utf-8, slice: "1:3"]`, ascii7("äöüß"), "öü", ""},
		{"part", "[part: {by: FF, index: 1}]", "56ff4142ff43", "4142", ""},
		{"part, first and last", "[part: {by: FF, index: 2}]", "56ff4142ff43", "43", ""},
		{"part, empty", "[part: {by: FF, index: 1}]", "56ffff43", "", ""},
		{"part, no such", "[part: {by: FF, index: 3}]", "56ff4142ff43", "", ""},
		{"bcd, X in a nibble", "[bcd: {nibbles: {A: X}}]", "11010519491231002a", "11010519491231002X", ""},
		{"bcd, a nibble without meaning", "[bcd: {nibbles: {A: X}}]", "112b", "", unreadable},
		{"bcd, F inside", "[bcd]", "12f4", "", unreadable},
		{"bcd, filled in front", "[bcd]", "ff12", "12", ""},
		{"bcd, low nibble first", "[bcd: {first: low}]", "21f3", "123", ""},
		{"swap nibbles", "[swap: nibbles]", "12ab", "21ba", ""},
		{"swap bytes", "[swap: bytes]", "04a1b2c3", "c3b2a104", ""},
		{"card number as little-endian decimal", "[uint: le, pad: {left: \"0\", to: 10}]", "04a1b2c3", "3283263748", ""},
		{"card number as big-endian decimal", "[uint: be, pad: {left: \"0\", to: 10}]", "04a1b2c3", "0077705923", ""},
		// A memory card of a hospital in Hunan: cards-of-its-own encoding.
		{"not of swapped nibbles", "[swap: nibbles, not, text: ascii]", "ecdcccbcac9c8c7c", "12345678", ""},
		{"xor", "[xor: 5A]", "005a", "5a00", ""},
		{"xor, the key repeats", "[xor: \"0102\"]", "000000", "010201", ""},
		{"bits, a nibble", "[bits: {at: 4, count: 4}]", "a5", "05", ""},
		{"bits across bytes", "[bits: {at: 4, count: 8}]", "a5b6", "5b", ""},
		{"bits, odd count, right-aligned", "[bits: {at: 1, count: 9}]", "4080", "0102", ""},
		{"bits, whole", "[bits: {at: 0, count: 16}]", "a5b6", "a5b6", ""},
		{"bits behind the end", "[bits: {at: 16, count: 4}]", "a5b6", "", ""},
		{"bits half behind the end", "[bits: {at: 12, count: 8}]", "a5b6", "", unreadable},
	})
}
