package decode

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"math/big"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Stages that undo what carries bytes through text, and compression.

// Bounds of one value. Documents on cards are a few kilobytes, a QR code holds 7089
// digits at most.
const (
	maxValue    = 1 << 20
	maxInflated = 256 << 10
	maxDecimal  = 8192 // digits
)

// decodeBytes reads text that stands for bytes.
type decodeBytes struct{ form string }

var byteForms = []string{"base64", "base64url", "base45", "digit-pairs", "decimal", "hex"}

func (*decodeBytes) Shape() Shape                          { return textOf(byteForms...) }
func (x *decodeBytes) DecodeNode(d *Decoder, n *yaml.Node) { x.form = d.Choice(n, byteForms...) }
func (*decodeBytes) kinds() (in, out Kind)                 { return KindText, KindBytes }
func (x *decodeBytes) apply(e *evaluation, v Value) (Value, error) {
	var b []byte
	var ok bool
	switch x.form {
	case "base64":
		b, ok = decodeBase64(v.b, base64.RawStdEncoding)
	case "base64url":
		b, ok = decodeBase64(v.b, base64.RawURLEncoding)
	case "base45":
		b, ok = decodeBase45(v.b)
	case "digit-pairs":
		b, ok = decodePairs(v.b)
	case "decimal":
		b, ok = decodeDecimal(v.b)
	default:
		return (&unhex{}).apply(e, v)
	}
	if !ok {
		return Value{}, errUnreadable
	}
	return BytesValue(b), nil
}

// decodeBase64 decodes RFC 4648 base 64, with or without its padding.
func decodeBase64(s []byte, enc *base64.Encoding) ([]byte, bool) {
	if padded := len(s)%4 == 0; padded {
		s = bytes.TrimSuffix(bytes.TrimSuffix(s, []byte("=")), []byte("="))
	}
	b, err := enc.AppendDecode(nil, s)
	return b, err == nil && !bytes.ContainsAny(s, "\r\n")
}

// decodeBase45 decodes RFC 9285: three characters are two bytes, a last two are one.
func decodeBase45(s []byte) ([]byte, bool) {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	if len(s)%3 == 1 {
		return nil, false
	}
	out := make([]byte, 0, len(s)/3*2+1)
	for len(s) > 0 {
		n, u, weight := min(3, len(s)), 0, 1
		for _, c := range s[:n] {
			digit := bytes.IndexByte([]byte(alphabet), c)
			if digit < 0 {
				return nil, false
			}
			u, weight = u+digit*weight, weight*45
		}
		s = s[n:]
		switch {
		case n == 3 && u <= 0xFFFF:
			out = append(out, byte(u>>8), byte(u))
		case n == 2 && u <= 0xFF:
			out = append(out, byte(u))
		default:
			return nil, false
		}
	}
	return out, true
}

// decodePairs decodes the numeric mode of SMART Health Cards: each pair of digits
// is an ASCII character's code less 45 (Encoding Chunks as QR Codes).
func decodePairs(s []byte) ([]byte, bool) {
	if len(s)%2 != 0 || !allDigits(s) {
		return nil, false
	}
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); i += 2 {
		c := (s[i]-'0')*10 + s[i+1] - '0' + 45
		if c > 'z' {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

// decodeDecimal reads a large whole number as big-endian bytes.
func decodeDecimal(s []byte) ([]byte, bool) {
	if len(s) > maxDecimal || !allDigits(s) {
		return nil, false
	}
	n, ok := new(big.Int).SetString(string(s), 10)
	if !ok {
		return nil, false
	}
	return n.Bytes(), true
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// inflate undoes DEFLATE (RFC 1951), bare or as gzip (RFC 1952) or zlib (RFC 1950).
// One member is read; what follows it is file padding.
type inflate struct{ form string }

var inflateForms = []string{"gzip", "zlib", "raw", "auto"}

func (*inflate) Shape() Shape                          { return textOf(inflateForms...) }
func (x *inflate) DecodeNode(d *Decoder, n *yaml.Node) { x.form = d.Choice(n, inflateForms...) }
func (*inflate) kinds() (in, out Kind)                 { return KindBytes, KindBytes }
func (x *inflate) apply(_ *evaluation, v Value) (Value, error) {
	form := x.form
	if form == "auto" {
		form = deflateForm(v.b)
	}
	var r io.Reader
	var err error
	switch in := bytes.NewReader(v.b); form {
	case "gzip":
		zr := gzipReaders.Get().(*gzip.Reader)
		defer gzipReaders.Put(zr)
		err = zr.Reset(in)
		zr.Multistream(false)
		r = zr
	case "zlib":
		r, err = zlib.NewReader(in)
	default:
		r = flate.NewReader(in)
	}
	if err != nil {
		return Value{}, errUnreadable
	}
	out, ok := readBounded(r)
	if !ok {
		return Value{}, errUnreadable
	}
	return BytesValue(out), nil
}

// gzipReaders keeps readers for the next card: a new one takes 40 KB.
var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readBounded reads all of what a decompressor gives; false when it is damaged or too
// much.
func readBounded(r io.Reader) ([]byte, bool) {
	out, err := io.ReadAll(io.LimitReader(r, maxInflated+1))
	return out, err == nil && len(out) <= maxInflated
}

// deflateForm tells the forms apart by their headers; zlib's is a check of its own.
func deflateForm(b []byte) string {
	switch {
	case len(b) > 2 && b[0] == 0x1F && b[1] == 0x8B:
		return "gzip"
	case len(b) > 2 && b[0]&0x0F == 8 && (int(b[0])<<8|int(b[1]))%31 == 0:
		return "zlib"
	}
	return "raw"
}
