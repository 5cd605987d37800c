package decode

import "testing"

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
}
