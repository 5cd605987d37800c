package decode

import "testing"

// Stages that turn text into text.
func TestText(t *testing.T) {
	runStages(t, []stageCase{
		{"split", "[text: ascii, split: {by: \"#\", part: 1}]", ascii7("a# b #c"), "b", ""},
		{"split, empty part", "[text: ascii, split: {by: \"#\", part: 1}]", ascii7("a##c"), "", ""},
		{"split, no such part", "[text: ascii, split: {by: \"#\", part: 9}]", ascii7("a#b"), "", ""},
		{"match", "[text: ascii, match: \"^X([0-9]+)$\"]", ascii7("X12"), "12", ""},
		{"match, none", "[text: ascii, match: \"^X([0-9]+)$\"]", ascii7("Y12"), "", ""},
	})
	textCases(t, []stageCase{
		{"split from the end", `split: {by: " ", part: -1}`, "a b c", "c", ""},
		{"split before the front", `split: {by: " ", part: -4}`, "a b c", "", ""},
		{"split with the right number of parts", `split: {by: "|", part: 1, parts: {min: 2, max: 3}}`, "a|b", "b", ""},
		{"split with too few parts", `split: {by: "|", part: 0, parts: {min: 3}}`, "a|b", "", unreadable},
		{"split with too many parts", `split: {by: "|", part: 0, parts: {max: 1}}`, "a|b", "", unreadable},
		{"remove", `remove: " -."`, "756.1234 5678-97", "7561234567897", ""},
		{"remove everything", `remove: "a"`, "aa", "", ""},
		{"remove letters with accents", `remove: "é"`, "aéb", "ab", ""},
		{"collapse", "collapse", "  a \u3000 b  ", "a b", ""},
		{"upper", "upper", "aé", "AÉ", ""},
		{"lower", "lower", "AÉ", "aé", ""},
		{"nfc", "nfc", "e\u0301", "é", ""},
		{"width", "width", "ＡＢ１２（ｘ）\u3000ｶ", "AB12(x) ｶ", ""},
		{"pad left", `pad: {left: "0", to: 5}`, "12", "00012", ""},
		{"pad right", `pad: {right: "<", to: 3}`, "é", "é<<", ""},
		{"pad what is long enough", `pad: {left: "0", to: 2}`, "123", "123", ""},
		{"replace", `replace: {from: "<", to: " "}`, "A<B<C", "A B C", ""},
		{"replace by nothing", `replace: {from: "--", to: ""}`, "A--B", "AB", ""},
		{"unhex", "unhex", "41 ac", "41ac", ""},
		{"unhex, odd", "unhex", "41a", "", unreadable},
		{"unhex, no hex", "unhex", "4g", "", unreadable},
		{"match inside", `match: "ID([0-9]+)"`, "xID12y", "12", ""},
		{"match, empty group", `match: "x([0-9]*)"`, "x", "", ""},
	})
}
