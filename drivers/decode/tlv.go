package decode

import (
	"encoding/binary"
	"encoding/hex"
	"strings"

	"go.yaml.in/yaml/v3"
)

// TLVForm is how tag and length are written.
type TLVForm string

const (
	TLVBER     TLVForm = "ber"     // ISO/IEC 8825-1, definite length, tags up to 4 bytes
	TLVSimple  TLVForm = "simple"  // ISO/IEC 7816-4 SIMPLE-TLV: 1 byte tag, 1 byte length or FF + be16
	TLVBelgian TLVForm = "belgian" // 1 byte tag; length bytes add up while they are FF
	TLVLE16    TLVForm = "le16"    // le16 tag, le16 length
	TLVBE16    TLVForm = "be16"    // be16 tag, be16 length
)

// Head reads one header: tag, header length, value length; false when the
// header is incomplete or nonsense. The value may still be cut short.
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
// between BER objects is skipped. It returns errAbsent when there is no such
// object before the end or nonsense, errUnreadable when it is cut short.
func (f TLVForm) Find(b []byte, tag uint32) ([]byte, error) {
	for len(b) > 0 {
		if f == TLVBER && (b[0] == 0x00 || b[0] == 0xFF) {
			b = b[1:]
			continue
		}
		t, hl, vl, ok := f.Head(b)
		switch short := vl > len(b)-hl; {
		case ok && t == tag && short:
			return nil, errUnreadable
		case !ok || short:
			return nil, errAbsent
		case t == tag:
			return b[hl : hl+vl], nil
		}
		b = b[hl+vl:]
	}
	return nil, errAbsent
}

// tlvStage takes one object's value: `tlv: {form: ber, path: "65/83"}`.
type tlvStage struct {
	Form string `yaml:"form,required"`
	Path string `yaml:"path,required"` // tags in hex, outermost first
	tags []uint32
}

func (t *tlvStage) DecodeNode(d *Decoder, n *yaml.Node) {
	type plain tlvStage
	d.Decode(n, (*plain)(t))
	switch TLVForm(t.Form) {
	case TLVBER, TLVSimple, TLVBelgian, TLVLE16, TLVBE16:
	default:
		d.Unknown(at(n, t.Form), "tlv form", []string{"ber", "simple", "belgian", "le16", "be16"})
	}
	for p := range strings.SplitSeq(t.Path, "/") {
		b, err := hex.DecodeString(p)
		if err != nil || len(b) == 0 || len(b) > 4 {
			d.Fail(n, "path is tags in hex, such as 65/83")
			return
		}
		var tag uint32
		for _, c := range b {
			tag = tag<<8 | uint32(c)
		}
		t.tags = append(t.tags, tag)
	}
}

func (*tlvStage) kinds() (in, out Kind) { return KindBytes, KindBytes }

func (t *tlvStage) apply(_ *evaluation, v Value) (Value, error) {
	b := v.b
	for _, tag := range t.tags {
		var err error
		if b, err = TLVForm(t.Form).Find(b, tag); err != nil {
			return Value{}, err
		}
	}
	return BytesValue(b), nil
}
