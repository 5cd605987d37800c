package decode

import "testing"

// Every form of TLV, found, absent and damaged.
func TestTLV(t *testing.T) {
	runStages(t, []stageCase{
		{"tlv simple", "[tlv: {form: simple, path: \"09\"}, hex]", "08011109022233", "2233", ""},
		{"tlv simple, long length", "[tlv: {form: simple, path: \"09\"}, hex]", "09ff000122", "22", ""},
		{"tlv ber, nested, two-byte tag, padding", "[tlv: {form: ber, path: \"65/5F20\"}, hex]", "000065065f2003112233ffff", "112233", ""},
		{"tlv ber, long length", "[tlv: {form: ber, path: \"60\"}, hex]", "608101aa", "AA", ""},
		{"tlv ber, indefinite length", "[tlv: {form: ber, path: \"60\"}, hex]", "6080aa0000", "", ""},
		{"tlv belgian", "[tlv: {form: belgian, path: \"07\"}, hex]", "010022070133", "", ""},
		{"tlv belgian found", "[tlv: {form: belgian, path: \"07\"}, hex]", "01012207013307", "33", ""},
		{"tlv le16", "[tlv: {form: le16, path: \"0611\"}, hex]", "110602001122", "1122", ""},
		{"tlv be16", "[tlv: {form: be16, path: \"E101\"}, hex]", "e10100011f", "1F", ""},
		{"tlv not there", "[tlv: {form: simple, path: \"0A\"}, hex]", "080111", "", ""},
		{"tlv cut short", "[tlv: {form: simple, path: \"08\"}, hex]", "080411", "", unreadable},

		{"tlv, last of several", "[tlv: {form: simple, path: \"08\", take: last}]", "080111080122080133", "33", ""},
		{"tlv, second of several", "[tlv: {form: simple, path: \"08\", take: 1}]", "080111090144080122080133", "22", ""},
		{"tlv, no fourth", "[tlv: {form: simple, path: \"08\", take: 3}]", "080111080122080133", "", ""},
		{"tlv, nonsense behind the last", "[tlv: {form: simple, path: \"08\", take: last}]", "08011108ff", "11", ""},
		{"tlv, last one longer than the rest", "[tlv: {form: simple, path: \"08\", take: last}]", "0801110805", "", unreadable},
		{"tlv ascii-hex by position", "[tlv: {form: ascii-hex, index: 2}, text: ascii]", ascii7("04ABCD000BMARIO ROSSI"), "MARIO ROSSI", ""},
		{"tlv ascii-hex, empty field", "[tlv: {form: ascii-hex, index: 1}]", ascii7("04ABCD000BMARIO ROSSI"), "", ""},
		{"tlv ascii-hex, no such field", "[tlv: {form: ascii-hex, index: 3}]", ascii7("04ABCD000BMARIO ROSSI"), "", ""},
		{"tlv ascii-hex, cut short", "[tlv: {form: ascii-hex, index: 1}]", ascii7("02AB0BMARIO"), "", unreadable},
		{"tlv ascii-hex, no hex", "[tlv: {form: ascii-hex, index: 0}]", ascii7("X1A"), "", ""},
	})
}
