package decode

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// TLVForm is how tag and length are written.
type TLVForm string

// The forms of TLV.
const (
	TLVBER     TLVForm = "ber"     // ISO/IEC 8825-1, definite length, tags up to 4 bytes
	TLVSimple  TLVForm = "simple"  // ISO/IEC 7816-4 SIMPLE-TLV: 1 byte tag, 1 byte length or FF + be16
	TLVBelgian TLVForm = "belgian" // 1 byte tag; length bytes add up while they are FF
	TLVLE16    TLVForm = "le16"    // le16 tag, le16 length
	TLVBE16    TLVForm = "be16"    // be16 tag, be16 length
	// TLVASCIIHex has no tags: two ASCII hex digits of length, then the value;
	// objects go by their position.
	TLVASCIIHex TLVForm = "ascii-hex"
)

// Head reads one header: tag, header length, value length; false when the
// header is incomplete or nonsense. The value may still be cut short. The tag of
// TLVASCIIHex is 0.
func (f TLVForm) Head(b []byte) (tag uint32, hl, vl int, ok bool) {
	switch f {
	case TLVLE16, TLVBE16:
		if len(b) < 4 {
			return 0, 0, 0, false
		}
		if f == TLVLE16 {
			return uint32(binary.LittleEndian.Uint16(b)), 4, int(binary.LittleEndian.Uint16(b[2:])), true
		}
		return uint32(binary.BigEndian.Uint16(b)), 4, int(binary.BigEndian.Uint16(b[2:])), true
	case TLVASCIIHex:
		if len(b) < 2 {
			return 0, 0, 0, false
		}
		n, err := strconv.ParseUint(string(b[:2]), 16, 8)
		return 0, 2, int(n), err == nil
	case TLVBelgian:
		for hl = 1; hl < len(b); hl++ {
			vl += int(b[hl])
			if b[hl] != 0xFF {
				return uint32(b[0]), hl + 1, vl, true
			}
		}
		return 0, 0, 0, false
	case TLVSimple:
		switch {
		case len(b) >= 2 && b[1] != 0xFF:
			return uint32(b[0]), 2, int(b[1]), true
		case len(b) >= 4:
			return uint32(b[0]), 4, int(binary.BigEndian.Uint16(b[2:])), true
		}
		return 0, 0, 0, false
	}
	return berHead(b)
}

func berHead(b []byte) (tag uint32, hl, vl int, ok bool) {
	if len(b) < 2 {
		return 0, 0, 0, false
	}
	tag, hl = uint32(b[0]), 1
	for more := b[0]&0x1F == 0x1F; more; hl++ {
		if hl >= len(b) || hl == 4 {
			return 0, 0, 0, false
		}
		tag, more = tag<<8|uint32(b[hl]), b[hl]&0x80 != 0
	}
	if hl >= len(b) {
		return 0, 0, 0, false
	}
	n := int(b[hl])
	hl++
	if n < 0x80 {
		return tag, hl, n, true
	}
	n &= 0x7F
	if n == 0 || n > 3 || hl+n > len(b) {
		return 0, 0, 0, false
	}
	for range n {
		vl, hl = vl<<8|int(b[hl]), hl+1
	}
	return tag, hl, vl, true
}

// Find returns the value of the first object with the tag. Padding (00 or FF)
// between BER objects is skipped. It returns an error when there is no such object
// before the end or nonsense, or when it is cut short.
func (f TLVForm) Find(b []byte, tag uint32) ([]byte, error) {
	return f.nth(b, func(t uint32) bool { return t == tag }, 0)
}

// nth returns the value of the n-th matching object, from 0; of the last one with
// n -1. It returns errAbsent when there is none before the end or nonsense,
// errUnreadable when it is cut short.
func (f TLVForm) nth(b []byte, matches func(tag uint32) bool, n int) ([]byte, error) {
	last, err := []byte(nil), errAbsent
	for len(b) > 0 {
		if f == TLVBER && (b[0] == 0x00 || b[0] == 0xFF) {
			b = b[1:]
			continue
		}
		t, hl, vl, ok := f.Head(b)
		short := vl > len(b)-hl
		if !ok || short {
			if ok && n <= 0 && matches(t) {
				return nil, errUnreadable
			}
			break
		}
		if matches(t) {
			last, err = b[hl:hl+vl:hl+vl], nil
			if n == 0 {
				return last, nil
			}
			n = max(n-1, -1)
			if n >= 0 {
				last, err = nil, errAbsent
			}
		}
		b = b[hl+vl:]
	}
	return last, err
}

// tlv takes one object's value.
type tlv struct {
	Form  string     `yaml:"form,required" doc:"how tag and length are written: ber (ISO/IEC 8825-1), simple (ISO/IEC 7816-4), belgian (length bytes add up while they are FF), le16 and be16 (two bytes each), ascii-hex (no tag, two ASCII hex digits of length)"`
	Path  string     `yaml:"path" doc:"tags in hex, outermost first, such as 65/83"`
	Take  occurrence `yaml:"take" doc:"which of several with the last tag: first (default), last, or a number from 0"`
	Index *int       `yaml:"index" doc:"with ascii-hex in place of path: position of the object, from 0"`
	tags  []uint32
}

// occurrence is first, last or a number; -1 is the last.
type occurrence struct{ n int }

func (*occurrence) Shape() Shape {
	return eitherOf(textOf("first", "last"), Shape{Type: ShapeNumber})
}

func (o *occurrence) DecodeNode(d *Decoder, n *yaml.Node) {
	if n.Tag == "!!int" {
		o.n = d.Integer(n)
	} else if d.Choice(n, "first", "last") == "last" {
		o.n = -1
	}
}

var tlvForms = []string{string(TLVBER), string(TLVSimple), string(TLVBelgian), string(TLVLE16), string(TLVBE16), string(TLVASCIIHex)}

func (t *tlv) DecodeNode(d *Decoder, n *yaml.Node) {
	if !keysIn(d, n, t) {
		return
	}
	if !slices.Contains(tlvForms, t.Form) {
		d.Unknown(at(n, t.Form), "tlv form", tlvForms)
	}
	if byPosition := TLVForm(t.Form) == TLVASCIIHex; byPosition != (t.Index != nil) || byPosition != (t.Path == "") {
		d.Fail(n, "form ascii-hex goes with index, every other form with path")
		return
	}
	if t.Index != nil {
		return
	}
	for p := range strings.SplitSeq(t.Path, "/") {
		u, err := strconv.ParseUint(p, 16, 32)
		if err != nil || len(p)%2 != 0 {
			d.Fail(n, "path is tags in hex, such as 65/83")
			return
		}
		t.tags = append(t.tags, uint32(u))
	}
	if len(t.tags) > 16 {
		d.Fail(n, "path is at most 16 tags")
	}
}

func (*tlv) kinds() (in, out Kind) { return KindBytes, KindBytes }

func (t *tlv) apply(_ *evaluation, v Value) (Value, error) {
	form, b := TLVForm(t.Form), v.b
	if t.Index != nil {
		b, err := form.nth(b, func(uint32) bool { return true }, *t.Index)
		return BytesValue(b), err
	}
	for i, tag := range t.tags {
		n := 0
		if i == len(t.tags)-1 {
			n = t.Take.n
		}
		var err error
		if b, err = form.nth(b, func(t uint32) bool { return t == tag }, n); err != nil {
			return Value{}, err
		}
	}
	return BytesValue(b), nil
}
