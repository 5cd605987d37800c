package decode

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

// Compression, text that stands for bytes, pictures.
func TestEncodings(t *testing.T) {
	runStages(t, []stageCase{
		{"inflate", "[inflate: gzip, text: ascii]", gzipped("hello"), "hello", ""},
		{"inflate with padding", "[inflate: gzip, text: ascii]", gzipped("hello") + "00000000", "hello", ""},
		{"inflate of nonsense", "[inflate: gzip, text: ascii]", "00112233", "", unreadable},
		{"inflate cut short", "[inflate: gzip, text: ascii]", gzipped("hello")[:30], "", unreadable},
		{"inflate bomb", "[inflate: gzip, hex]", gzipped(strings.Repeat("A", maxInflated+1)), "", unreadable},
		{"image", "[image: jpeg]", "ffd8ffe0ffd9ffff", "/9j/4P/Z", ""},
		{"image of something else", "[image: jpeg]", "89504e47", "", unreadable},

		{"inflate zlib", "[inflate: zlib, text: ascii]", zlibbed("hello"), "hello", ""},
		{"inflate zlib, damaged", "[inflate: zlib, text: ascii]", zlibbed("hello")[:16] + "00", "", unreadable},
		{"inflate raw", "[inflate: raw, text: ascii]", deflated("hello"), "hello", ""},
		{"inflate auto, gzip", "[inflate: auto, text: ascii]", gzipped("hello"), "hello", ""},
		{"inflate auto, zlib", "[inflate: auto, text: ascii]", zlibbed("hello"), "hello", ""},
		{"inflate auto, raw", "[inflate: auto, text: ascii]", deflated("hello"), "hello", ""},
		{"inflate auto, nonsense", "[inflate: auto, text: ascii]", "ffffffff", "", unreadable},
		{"inflate raw bomb", "[inflate: raw]", deflated(strings.Repeat("A", maxInflated+1)), "", unreadable},
		{"image jp2 file", "[image: jp2]", "0000000c6a5020200d0a870a" + "ff4fff51" + "ffd9" + "0000", "AAAADGpQICANCocK/0//Uf/Z", ""},
		{"image jp2 codestream", "[image: jp2]", "ff4fff5100ffd9", "/0//UQD/2Q==", ""},
		{"image tiff", "[image: tiff]", "49492a0008", "SUkqAAg=", ""},
		{"image tiff, big-endian", "[image: tiff]", "4d4d002a08", "TU0AKgg=", ""},
		{"image png", "[image: png]", "89504e470d0a1a0a" + ascii7("IEND") + "ae426082" + "00", "iVBORw0KGgpJRU5ErkJggg==", ""},
		{"image png, cut short", "[image: png]", "89504e470d0a1a0a" + ascii7("IEND") + "ae", "", unreadable},
		{"image jpeg without end", "[image: jpeg]", "ffd8ffe000", "", unreadable},
	})
}

func TestDecodeBytes(t *testing.T) {
	textCases(t, []stageCase{
		{"base64", "decode: base64", "QUI=", "4142", ""},
		{"base64 without padding", "decode: base64", "QUI", "4142", ""},
		{"base64, foreign alphabet", "decode: base64", "-_-_", "", unreadable},
		{"base64url", "decode: base64url", "-_8", "fbff", ""},
		{"base64, bad length", "decode: base64", "QUJDR", "", unreadable},
		// RFC 9285, section 4.3 and 4.4
		{"base45 AB", "decode: base45", "BB8", ascii7("AB"), ""},
		{"base45 Hello!!", "decode: base45", "%69 VD92EX0", ascii7("Hello!!"), ""},
		{"base45 ietf!", "decode: base45", "QED8WEX0", ascii7("ietf!"), ""},
		{"base45, three too large", "decode: base45", "GGW", "", unreadable},
		{"base45, largest three", "decode: base45", "FGW", "ffff", ""},
		{"base45, one left over", "decode: base45", "BB8B", "", unreadable},
		{"base45, two too large", "decode: base45", "::", "", unreadable},
		{"base45, lower case", "decode: base45", "bb8", "", unreadable},
		{"digit pairs", "decode: digit-pairs", "5676290952", ascii7("eyJ6a"), ""},
		{"digit pairs, odd", "decode: digit-pairs", "567", "", unreadable},
		{"digit pairs, too large", "decode: digit-pairs", "78", "", unreadable},
		{"digit pairs, largest", "decode: digit-pairs", "77", ascii7("z"), ""},
		{"digit pairs, letters", "decode: digit-pairs", "5a", "", unreadable},
		{"decimal", "decode: decimal", "258", "0102", ""},
		{"decimal of 20 digits", "decode: decimal", "18446744073709551616", "010000000000000000", ""},
		{"decimal, sign", "decode: decimal", "-1", "", unreadable},
		{"decimal, zero", "decode: decimal", "0", "", ""},
		{"decimal, too long", "decode: decimal", strings.Repeat("9", maxDecimal+1), "", unreadable},
		{"hex", "decode: hex", "0aFF", "0aff", ""},
	})
}

func compressed(open func(w io.Writer) io.WriteCloser, s string) string {
	var b bytes.Buffer
	w := open(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return hex.EncodeToString(b.Bytes())
}

func gzipped(s string) string {
	return compressed(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, s)
}

func zlibbed(s string) string {
	return compressed(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, s)
}

func deflated(s string) string {
	return compressed(func(w io.Writer) io.WriteCloser {
		zw, err := flate.NewWriter(w, flate.BestCompression)
		if err != nil {
			panic(err)
		}
		return zw
	}, s)
}
