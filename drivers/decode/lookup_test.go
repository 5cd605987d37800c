package decode

import (
	"strings"
	"testing"
)

// Codes, words for sex, check digits.
func TestLookups(t *testing.T) {
	runStages(t, []stageCase{
		{"map", "[text: ascii, map: {to: {\"1\": male}}]", "31", "male", ""},
		{"map, unknown code", "[text: ascii, map: {to: {\"1\": male}}]", "33", "", "unknown_code"},
		{"map, keep", "[text: ascii, map: {to: {\"1\": male}, other: keep}]", "33", "3", ""},
		{"map, absent", "[text: ascii, map: {to: {\"1\": male}, other: absent}]", "33", "", ""},
		{"check passes", "[text: ascii, check: cn-id]", ascii7("990101190001010018"), "990101190001010018", ""},
		{"check fails, value stays", "[text: ascii, check: cn-id]", ascii7("990101190001010019"), "990101190001010019", "check_digit"},

		{"map, range", `[text: ascii, map: {ranges: [{from: "101", to: "199", value: Manama}, {from: "200", to: "299", value: Muharraq}]}]`, ascii7("200"), "Muharraq", ""},
		{"map, range, leading zeros are no other number", `[text: ascii, map: {ranges: [{from: "101", to: "199", value: x}]}]`, ascii7("0150"), "x", ""},
		{"map, outside the ranges", `[text: ascii, map: {ranges: [{from: "101", to: "199", value: x}], default: y}]`, ascii7("5"), "y", ""},
		{"map, code before range", `[text: ascii, map: {to: {"150": z}, ranges: [{from: "101", to: "199", value: x}]}]`, ascii7("150"), "z", ""},
	})
	textCases(t, []stageCase{
		{"range that a number outgrows", `map: {ranges: [{from: "1", to: "9", value: x}], other: absent}`, "99999999999999999999", "", ""},
		{"gender M", "gender", "M", "male", ""},
		{"gender, lower case", "gender", "f", "female", ""},
		{"gender, ISO 5218", "gender", "2", "female", ""},
		{"gender, not known", "gender", "0", "unknown", ""},
		{"gender, Malay", "gender", "L", "male", ""},
		{"gender, Dutch", "gender", "V", "female", ""},
		{"gender, German", "gender", "D", "other", ""},
		{"gender, ICAO", "gender", "X", "other", ""},
		{"gender, Vietnamese", "gender", "Nữ", "female", ""},
		{"gender, Thai", "gender", "หญิง", "female", ""},
		{"gender, Chinese", "gender", "男", "male", ""},
		{"gender, Serbian", "gender", "Ж", "female", ""},
		{"gender, padded", "gender", " M ", "male", ""},
		{"gender, blank", "gender", "  ", "", ""},
		{"gender, no guess", "gender", "H", "", "unknown_code"},
	})
}

// No word stands for two things.
func TestGenderWords(t *testing.T) {
	seen := map[string]string{}
	for code, words := range genderWords {
		for _, w := range words {
			if seen[w] != "" || w != strings.ToUpper(w) {
				t.Errorf("%q is %s and %s, or not in upper case", w, seen[w], code)
			}
			seen[w] = code
		}
	}
}

// A Krankenversichertenkarte of a made-up person: the XOR over its template is zero.
func TestKVKChecksum(t *testing.T) {
	template := func() []byte {
		b := []byte("\x60\x00\x80\x0AMusterkasse")
		b[3] = byte(len(b) - 4)
		b = append(b, "\x87\x06M\x7Dller\x88\x0802031950\x8E\x01\x00"...)
		b[1] = byte(len(b) - 2)
		for _, c := range b[:len(b)-1] {
			b[len(b)-1] ^= c
		}
		return b
	}
	good := template()
	swapped := template()
	swapped[6] ^= 1
	for _, tt := range []struct {
		name string
		in   []byte
		want bool
	}{
		{"right", good, true}, {"padded", append(template(), 0xFF, 0xFF), true}, {"one bit wrong", swapped, false},
		{"cut short", good[:len(good)-1], false}, {"another template", append([]byte{0x61}, good[1:]...), false}, {"nothing", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := kvkValid(tt.in); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	v, warnings := through(pipeline(t, "[check: kvk-xor, tlv: {form: ber, path: 60/87}, text: iso-646-de]"), BytesValue(good), Options{})
	if string(v.Bytes()) != "Müller" || len(warnings) != 0 {
		t.Errorf("got %q, %v", v.Bytes(), warnings)
	}
}
