package decode

import (
	"bytes"
	"encoding/asn1"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// der takes the value of an attribute: what follows its OID in a SEQUENCE {OID, SET
// {value}} or SEQUENCE {OID, value}, wherever that stands (X.501 attributes, X.520
// names). Of a constructed value it takes the first primitive inside.
type der struct {
	OID string `yaml:"oid,required" doc:"object identifier in dots, such as 2.5.4.42"`
	raw []byte // its content octets
}

func (x *der) DecodeNode(d *Decoder, n *yaml.Node) {
	if !keysIn(d, n, x) {
		return
	}
	var oid asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(x.OID, ".") {
		u, err := strconv.ParseUint(arc, 10, 31)
		if err != nil {
			oid = nil
			break
		}
		oid = append(oid, int(u))
	}
	b, err := asn1.Marshal(oid)
	if err != nil || len(oid) < 2 || len(b) > 127 {
		d.Fail(n, "oid is an object identifier such as 2.5.4.42")
		return
	}
	x.raw = b[2:]
}

func (*der) kinds() (in, out Kind) { return KindBytes, KindBytes }

func (x *der) apply(_ *evaluation, v Value) (Value, error) {
	if b, ok := x.find(v.b, maxDERDepth); ok {
		return BytesValue(b), nil
	}
	return Value{}, errAbsent
}

// maxDERDepth bounds nesting. Every byte is looked at once per level at most.
const maxDERDepth = 16

const tagOID = 0x06

// find looks for the attribute among the objects in b and inside them.
func (x *der) find(b []byte, depth int) ([]byte, bool) {
	if depth == 0 {
		return nil, false
	}
	for found := false; len(b) > 1; {
		tag, hl, vl, ok := berHead(b)
		if !ok || vl > len(b)-hl {
			return nil, false
		}
		content := b[hl : hl+vl : hl+vl]
		if found {
			return primitive(b[:hl+vl], depth)
		}
		found = tag == tagOID && bytes.Equal(content, x.raw)
		if constructed(b[0]) {
			if inner, ok := x.find(content, depth-1); ok {
				return inner, true
			}
		}
		b = b[hl+vl:]
	}
	return nil, false
}

// primitive returns the content of an object, or of the first primitive in it.
func primitive(b []byte, depth int) ([]byte, bool) {
	for ; depth > 0; depth-- {
		_, hl, vl, ok := berHead(b)
		if !ok || vl > len(b)-hl {
			return nil, false
		}
		content := b[hl : hl+vl : hl+vl]
		if !constructed(b[0]) {
			return content, true
		}
		b = content
	}
	return nil, false
}

func constructed(identifier byte) bool { return identifier&0x20 != 0 }
