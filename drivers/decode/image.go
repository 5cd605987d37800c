package decode

import (
	"bytes"
	"encoding/base64"

	"go.yaml.in/yaml/v3"
)

// image passes a picture on as base64 after looking at its first bytes. What
// follows the end of a JPEG, a JPEG 2000 codestream or a PNG is file padding and cut.
type image struct{ form string }

// The signatures of the formats: ISO/IEC 10918-1 (JPEG), ISO/IEC 15444-1 annexes I
// and A (JPEG 2000 file and bare codestream), TIFF 6.0, ISO/IEC 15948 (PNG). End is
// what the data ends with, if the format says so.
var imageForms = []struct {
	form   string
	start  []string
	end    string
	behind int // bytes that follow end
}{
	{"jpeg", []string{"\xFF\xD8\xFF"}, "\xFF\xD9", 0},
	{"jp2", []string{"\x00\x00\x00\x0CjP  \r\n\x87\n", "\xFF\x4F\xFF\x51"}, "\xFF\xD9", 0},
	{"tiff", []string{"II*\x00", "MM\x00*"}, "", 0},
	{"png", []string{"\x89PNG\r\n\x1A\n"}, "IEND", 4},
}

func imageNames() []string {
	names := make([]string, len(imageForms))
	for i, f := range imageForms {
		names[i] = f.form
	}
	return names
}

func (*image) Shape() Shape                          { return textOf(imageNames()...) }
func (i *image) DecodeNode(d *Decoder, n *yaml.Node) { i.form = d.Choice(n, imageNames()...) }
func (*image) kinds() (in, out Kind)                 { return KindBytes, KindText }
func (i *image) apply(_ *evaluation, v Value) (Value, error) {
	if len(v.b) > maxValue {
		return Value{}, errUnreadable
	}
	for _, f := range imageForms {
		if f.form != i.form {
			continue
		}
		for _, start := range f.start {
			if !bytes.HasPrefix(v.b, []byte(start)) {
				continue
			}
			end := bytes.LastIndex(v.b, []byte(f.end)) + len(f.end) + f.behind
			if f.end == "" {
				end = len(v.b)
			}
			if end < len(start)+len(f.end) || end > len(v.b) {
				return Value{}, errUnreadable
			}
			return textValue(base64.StdEncoding.AppendEncode(nil, v.b[:end])), nil
		}
	}
	return Value{}, errUnreadable
}
