package card

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"cardferry/drivers/decode"
)

// berHeaders keeps the headers of BER objects that fill a range, padding aside, and
// says whether they do. Strict is for content of which nobody said that it is BER.
func (c *content) berHeaders(from, to, depth int, strict bool) bool {
	if depth > 8 {
		return false
	}
	type span struct{ at, value, end int }
	var objects []span
	for p := from; p < to; {
		if c.b[p] == 0 || c.b[p] == 0xFF {
			p++
			continue
		}
		_, hl, vl, ok := decode.TLVBER.Head(c.b[p:to])
		if !ok || vl > to-p-hl || strict && vl == 0 {
			return false
		}
		objects = append(objects, span{p, p + hl, p + hl + vl})
		p += hl + vl
	}
	if len(objects) == 0 || strict && depth == 0 && c.b[objects[0].at]&0xE0 < 0x60 && c.b[objects[0].at]&0xE0 != 0x40 {
		return false // an outermost application or context template, or an application object
	}
	for _, o := range objects {
		c.keepRange(o.at, o.value)
		switch tag := c.b[o.at]; {
		case tag&0x20 != 0:
			c.berHeaders(o.value, o.end, depth+1, strict)
		case tag == 0x06, tag == 0x4F: // object identifiers, application names
			c.keepRange(o.value, o.end)
		}
	}
	return true
}

// controlTags are the objects of an answer to SELECT that describe the file or the
// application and nobody's data (ISO/IEC 7816-4, table 12; EMV book 1).
var controlTags = []uint32{0x50, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x8A, 0x8C, 0x4F, 0x9F38, 0x5F2D, 0x9F11, 0x9F4D, 0x9F65, 0x9F6E}

// control keeps what describes a file or application in an answer to SELECT.
func (c *content) control(from, to, depth int) {
	for p := from; p < to && depth < 8; {
		tag, hl, vl, ok := decode.TLVBER.Head(c.b[p:to])
		if !ok || vl > to-p-hl {
			return
		}
		c.keepRange(p, p+hl)
		switch {
		case c.b[p]&0x20 != 0:
			c.control(p+hl, p+hl+vl, depth+1)
		case slices.Contains(controlTags, tag):
			c.keepRange(p+hl, p+hl+vl)
		}
		p += hl + vl
	}
}

// frame looks for structure that proves itself in content nobody described.
func (c *content) frame(from, to int) {
	b := c.b[from:to]
	switch {
	case len(b) < 4:
	case c.berHeaders(from, to, 0, true):
	case bytes.HasPrefix(b, []byte{0x1F, 0x8B, 0x08}):
		c.unzip(leaf{from: from, to: to, kind: zippedLeaf}, nil)
	case int(binary.BigEndian.Uint16(b)) == len(b)-2, int(binary.BigEndian.Uint16(b)) > 64 && onlyFiller(b[min(len(b), 2+int(binary.BigEndian.Uint16(b))):]) && int(binary.BigEndian.Uint16(b)) < len(b):
		c.keepRange(from, from+2)
		c.frame(from+2, to)
	case b[0] < ' ' && int(b[1]) == len(b)-2: // a record of one SIMPLE-TLV object
		c.keepRange(from, from+2)
	}
}

func onlyFiller(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 && c != ' ' && c != 0xFF })
}

// xmlLeaves are the texts and attribute values of an XML document; markup, names,
// namespaces and versions are structure.
func xmlLeaves(b []byte, from, to int) []leaf {
	var out []leaf
	for p := from; p < to; {
		if b[p] != '<' {
			end := to
			if i := bytes.IndexByte(b[p:to], '<'); i >= 0 {
				end = p + i
			}
			for start := p; start < end; { // entity references stay
				stop := end
				if i := bytes.IndexByte(b[start:end], '&'); i >= 0 {
					stop = start + i
				}
				if stop > start {
					out = append(out, leaf{from: start, to: stop, kind: textLeaf})
				}
				start = end
				if i := bytes.IndexByte(b[stop:end], ';'); stop < end && i >= 0 {
					start = stop + i + 1
				}
			}
			p = end
			continue
		}
		end := to
		if i := bytes.IndexByte(b[p:to], '>'); i >= 0 {
			end = p + i + 1
		}
		if p+1 < end && b[p+1] == '!' { // comments and CDATA: all text
			out = append(out, leaf{from: p + 2, to: max(p+2, end-1), kind: textLeaf})
		} else if p+1 < end && b[p+1] != '?' {
			out = append(out, attributeLeaves(b, p, end)...)
		}
		p = end
	}
	return out
}

func attributeLeaves(b []byte, from, to int) []leaf {
	var out []leaf
	for p := from; p < to; {
		i := bytes.IndexAny(b[p:to], `"'`)
		if i < 0 {
			break
		}
		start := p + i
		j := bytes.IndexByte(b[start+1:to], b[start])
		if j < 0 {
			break
		}
		end := start + 1 + j
		name := bytes.TrimRight(b[p:start], "= ")
		name = name[bytes.LastIndexAny(name, " \t\r\n")+1:]
		plain := strings.ToLower(string(name))
		if !strings.HasPrefix(plain, "xmlns") && !strings.HasPrefix(plain, "xsi:") && !strings.Contains(plain, "version") {
			out = append(out, leaf{from: start + 1, to: end, kind: textLeaf})
		}
		p = end + 1
	}
	return out
}
