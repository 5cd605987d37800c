package decode

import (
	"strings"
	"testing"
)

// XML, JSON and CBOR by path.
func TestDocuments(t *testing.T) {
	runStages(t, []stageCase{
		{"xml", "[xml, path: a/b]", ascii7("<r><a><c>1</c><b> x </b></a></r>"), "x", ""},
		{"xml, namespaces", "[xml, path: a/b]", ascii7(`<p:r xmlns:p="u"><p:a><p:b>x</p:b></p:a></p:r>`), "x", ""},
		{"xml, same name elsewhere", "[xml, path: a/b]", ascii7("<r><b>0</b><c><a><b>1</b></a></c><a><d><b>2</b></d></a><a><b>3</b></a></r>"), "3", ""},
		{"xml, alternatives", "[xml, path: a|z/b]", ascii7("<r><z><b>x</b></z></r>"), "x", ""},
		{"xml, not there", "[xml, path: a/b]", ascii7("<r><a/></r>"), "", ""},
		{"xml, empty element", "[xml, path: a]", ascii7("<r><a/></r>"), "", ""},
		{"xml, entities of the standard", "[xml, path: a]", ascii7("<r><a>&lt;&amp;&#228;</a></r>"), "<&ä", ""},
		{"xml, ISO-8859-15", "[xml, path: a]", ascii7(`<?xml version="1.0" encoding="ISO-8859-15"?><r><a>`) + "a4" + ascii7("</a></r>"), "€", ""},
		{"xml, unknown encoding", "[xml, path: a]", ascii7(`<?xml version="1.0" encoding="EBCDIC"?><r><a>x</a></r>`), "", unreadable},
		{"xml, document type", "[xml, path: a]", ascii7(`<!DOCTYPE r [<!ENTITY e "x">]><r><a>&e;</a></r>`), "", unreadable},
		{"xml, own entity", "[xml, path: a]", ascii7("<r><a>&e;</a></r>"), "", unreadable},
		{"xml, cut short", "[xml, path: a]", ascii7("<r><b>"), "", unreadable},
		{"xml, too deep", "[xml, path: a]", ascii7(strings.Repeat("<r>", maxDepth+1)), "", unreadable},

		{"xml, attribute", "[xml, path: \"@uid\"]", ascii7(`<PrintLetterBarcodeData uid="1" xmlns="u" name="x"/>`), "1", ""},
		{"xml, tags that do not fit", "[xml, path: a]", ascii7("<r><a></r></a>"), "", unreadable},
		{"xml, line end in an address", "[xml, path: a]", ascii7("<r><a>x\r\ny</a></r>"), "x y", ""},
		{"xml, two roots", "[xml, path: a]", ascii7("<r/><r/>"), "", unreadable},
		{"json", "[json, path: a/b]", ascii7(`{"a":{"b":"x"}}`), "x", ""},
		{"json, list", "[json, path: a/1/b]", ascii7(`{"a":[{"b":"x"},{"b":"y"}]}`), "y", ""},
		{"json, number as written", "[json, path: a]", ascii7(`{"a":12345678901234567890.10}`), "12345678901234567890.10", ""},
		{"json, truth", "[json, path: a]", ascii7(`{"a":true}`), "true", ""},
		{"json, null", "[json, path: a]", ascii7(`{"a":null}`), "", ""},
		{"json, alternatives", "[json, path: district_name|dist name]", ascii7(`{"dist name":"x"}`), "x", ""},
		{"json, an empty text is absent, so the alternative counts", "[json, path: hid|phr]", ascii7(`{"hid":"","phr":"x"}`), "x", ""},
		{"json, empty list entries keep their numbers", "[json, path: a/2]", ascii7(`{"a":["",null,"x"]}`), "x", ""},
		{"json, something behind", "[json, path: a]", ascii7(`{"a":"x"} x`), "", unreadable},
		{"json, cut short", "[json, path: a]", ascii7(`{"a":"x`), "", unreadable},
		{"json, control character", "[json, path: a]", ascii7(`{"a":"x\u0007"}`), "x\uFFFD", lossy},
		{"json, too deep", "[json, path: a]", ascii7(strings.Repeat("[", 40) + strings.Repeat("]", 40)), "", unreadable},
		{"json from text", "[text: utf-8, json, path: a]", ascii7(`{"a":"é"}`), "é", ""},
		{"json, an object is no text", "[json, path: a]", ascii7(`{"a":{"b":"x"}}`), "", ""},
		// RFC 8949, appendix A
		{"cbor, integer keys", "[cbor, path: \"1\"]", "a201020304", "2", ""},
		{"cbor, negative key", "[cbor, path: \"-260/1\"]", "a1390103a10161" + ascii7("x"), "x", ""},
		{"cbor, list", "[cbor, path: b/1]", "a26161016162820203", "3", ""},
		{"cbor, byte string", "[cbor, path: a]", "a1616142abcd", "ABCD", ""},
		{"cbor, truth", "[cbor, path: a]", "a16161f5", "true", ""},
		{"cbor, float", "[cbor, path: a]", "a16161fb3ff199999999999a", "1.1", ""},
		{"cbor, tag looked through", "[cbor, path: a]", "a16161d9d9f7181e", "30", ""},
		{"cbor, epoch time", "[cbor, path: a]", "a16161c1181e", "1970-01-01T00:00:30Z", ""},
		{"cbor, big number", "[cbor, path: a]", "a16161c249010000000000000000", "18446744073709551616", ""},
		{"cbor, null", "[cbor, path: a]", "a16161f6", "", ""},
		{"cbor, same key twice", "[cbor, path: a]", "a2616101616102", "", unreadable},
		{"cbor, two keys that are written alike", "[cbor, path: \"1\"]", "a201616161316162", "", unreadable},
		{"cbor, something behind", "[cbor, path: a]", "a1616101ff", "", unreadable},
		{"cbor, length beyond the end", "[cbor, path: a]", "9bffffffffffffffff00", "", unreadable},
		{"cbor, too deep", "[cbor, path: a]", strings.Repeat("81", 40) + "00", "", unreadable},
		{"cbor, invalid UTF-8", "[cbor, path: a]", "a1616161ff", "", unreadable},
	})
}
