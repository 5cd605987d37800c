package decode

import (
	"fmt"
	"testing"
)

// Attributes as the Austrian e-card has them, and as an X.509 name has them.
func TestDER(t *testing.T) {
	const given, surname = "06035504" + "2a", "06035504" + "04"
	// SEQUENCE { SEQUENCE { OID, SET { UTF8String } }, SEQUENCE { OID, UTF8String } }
	card := "301d" + "300e" + given + "3107" + "0c05" + ascii7("MAXI ") + "300b" + surname + "0c04" + ascii7("MUST")
	runStages(t, []stageCase{
		{"in a SET", "[der: {oid: 2.5.4.42}, text: utf-8, trim: space]", card, "MAXI", ""},
		{"bare", "[der: {oid: 2.5.4.4}, text: utf-8]", card, "MUST", ""},
		{"not there", "[der: {oid: 2.5.4.3}]", card, "", ""},
		{"OID with nothing behind it", "[der: {oid: 2.5.4.42}]", "3005" + given, "", ""},
		{"empty SET behind it", "[der: {oid: 2.5.4.42}]", "3007" + given + "3100", "", ""},
		{"cut short", "[der: {oid: 2.5.4.42}]", card[:20], "", ""},
		{"OID of a value is no attribute", "[der: {oid: 2.5.4.42}]", "0603550403", "", ""},
		{"large arcs", "[der: {oid: 1.3.6.1.5.5.7.9.1}]", "300d" + "06082b06010505070901" + "180141", "41", ""},
		{"no OID of fewer arcs that begins alike", "[der: {oid: 2.5.4}]", card, "", ""},
		{"too deep", "[der: {oid: 2.5.4.42}]", nested(40, card), "", ""},
		{"deep enough", "[der: {oid: 2.5.4.4}, text: utf-8]", nested(8, card), "MUST", ""},
		{"indefinite length", "[der: {oid: 2.5.4.42}]", "3080" + card + "0000", "", ""},
	})
}

// nested puts an object into n SEQUENCEs with three-byte lengths.
func nested(n int, object string) string {
	for range n {
		object = fmt.Sprintf("3083%06x%s", len(object)/2, object)
	}
	return object
}
