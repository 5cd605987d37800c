package card

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// unzip looks into a compressed part. What does not inflate is blanked.
func (c *content) unzip(l leaf, more hint) {
	if c.inner[l.from] != nil { // another field's way leads here too
		return
	}
	if text, form, used, ok := inflate(c.b[l.from:l.to]); ok {
		in := newContent(text)
		isXML := bytes.HasPrefix(bytes.TrimLeft(text, "\xEF\xBB\xBF \r\n\t"), []byte("<"))
		switch {
		case isXML:
			in.leaves = xmlLeaves(text, 0, len(text))
			in.keepBetween(0, len(text))
		case len(more) > 0:
			in.follow(more)
		default:
			in.frame(0, len(text))
		}
		c.inner[l.from] = in
		if form == "gzip" { // RFC 1952: header, and at the end the length of the text
			c.keepRange(l.from, l.from+10)
			c.keepRange(l.from+used-4, l.from+used)
		}
	}
	c.leaves = append(c.leaves, l)
}

// maxInflated bounds what is looked at of a compressed part.
const maxInflated = 256 << 10

// inflate undoes gzip or zlib and says which, and how many bytes it took.
func inflate(b []byte) (text []byte, form string, used int, ok bool) {
	var r io.Reader
	var err error
	form = "gzip"
	in := bytes.NewReader(b)
	if bytes.HasPrefix(b, []byte{0x1F, 0x8B}) {
		var z *gzip.Reader
		if z, err = gzip.NewReader(in); err == nil {
			z.Multistream(false)
			r = z
		}
	} else {
		form = "zlib"
		r, err = zlib.NewReader(in)
	}
	if err != nil {
		return nil, form, 0, false
	}
	text, err = io.ReadAll(io.LimitReader(r, maxInflated+1))
	return text, form, len(b) - in.Len(), err == nil && len(text) <= maxInflated
}

// levels are ways of compressing, the tightest first: short texts that begin alike
// can become alike in one of them.
var levels = []int{gzip.BestCompression, gzip.BestSpeed, gzip.HuffmanOnly, gzip.NoCompression}

func deflate(text []byte, form string, level int) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	if form == "gzip" {
		w, _ = gzip.NewWriterLevel(&b, level)
	} else {
		w, _ = zlib.NewWriterLevel(&b, level)
	}
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return b.Bytes()
}

// maskZipped puts the masked text back in its compressed form, or blanks it.
func (c *content) maskZipped(m *masker, l leaf) {
	v := c.out[l.from:l.to]
	in := c.inner[l.from]
	_, form, _, ok := inflate(c.b[l.from:l.to])
	if in != nil && ok {
		in.mask(m)
		for i := range len(levels) * 3 {
			z := deflate(in.out, form, levels[i/3])
			if len(z) > len(v) {
				continue
			}
			for n := copy(v, z); n < len(v); n++ {
				v[n] = []byte{0x00, 0xFF, ' '}[i%3] // what follows a member is file padding
			}
			if !m.leaks(v) {
				c.notes = append(c.notes, in.notes...)
				return
			}
		}
	}
	clear(v)
	c.notes = append(c.notes, "a compressed part is blanked")
}
