package card

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cardferry/drivers/decode"
)

// content is what one or more responses say together, about to be masked. First
// look says what is structure and where values begin and end; then mask fills out.
type content struct {
	b      []byte // as the card sent it
	out    []byte
	keep   []bool // structure, which stays
	leaves []leaf
	inner  map[int]*content // inflated parts, by where they begin
	notes  []string

	from []int  // exchanges it comes from
	part *part  // step that read it; nil when no step keeps it
	name string // of the capture
}

// leaf is one value.
type leaf struct {
	from, to int
	kind     leafKind
	layout   string // of a date
	year     int    // what its calendar adds to the year
	convert  func([]byte)
}

type leafKind int

const (
	anyLeaf leafKind = iota
	textLeaf
	wide16Leaf // UTF-16, big endian
	wide16LittleLeaf
	bcdLeaf
	dateLeaf
	packedDateLeaf
	binaryLeaf
	imageLeaf
	zippedLeaf
	blankLeaf
)

func newContent(b []byte) *content {
	return &content{b: b, out: bytes.Clone(b), keep: make([]bool, len(b)), inner: map[int]*content{}}
}

func (c *content) keepRange(from, to int) {
	for i := max(0, from); i < min(to, len(c.keep)); i++ {
		c.keep[i] = true
	}
}

// follow goes one field's way into the content.
func (c *content) follow(h hint) {
	l := leaf{to: len(c.b)}
	for i, st := range h {
		if l.from >= l.to {
			return
		}
		b := c.b[l.from:l.to]
		word := ""
		if st.arg != nil {
			word = st.arg.Value
		}
		switch st.name {
		case "slice":
			from, to := cutOf(word, len(b))
			l.from, l.to = l.from+from, l.from+to
		case "tlv":
			if !c.followTLV(&l, st) {
				return
			}
		case "der":
			c.berHeaders(l.from, l.to, 0, false)
			return
		case "pointer":
			n, err := strconv.Atoi(word)
			first, last, ok := decode.PointerPair(b, n)
			if err != nil || n < 0 || n > 16 || !ok || last >= len(b) {
				return
			}
			c.keepRange(l.from, l.from+4*n+4)
			l.from, l.to = l.from+first, l.from+last+1
		case "inflate", "gunzip":
			l.kind = zippedLeaf
			c.unzip(l, h[i+1:])
			return
		case "xml":
			c.leaves = append(c.leaves, xmlLeaves(c.b, l.from, l.to)...)
			c.keepBetween(l.from, l.to)
			return
		case "text":
			l.kind = textLeaf
			switch word {
			case "utf-16le", "utf-16":
				l.kind = wide16LittleLeaf
			case "utf-16be":
				l.kind = wide16Leaf
			}
		case "bcd":
			l.kind = bcdLeaf
		case "uint", "hex", "bits":
			l.kind = binaryLeaf
		case "image":
			l.kind = imageLeaf
		case "not":
			l.convert = func(b []byte) {
				for i := range b {
					b[i] = ^b[i]
				}
			}
		case "date":
			c.asDate(&l, st)
		case "split", "part", "match", "until", "xor", "swap":
			// The value is somewhere within: what is there is masked by its own kind.
			if st.name != "until" {
				c.leaves = append(c.leaves, l)
				return
			}
		}
	}
	c.leaves = append(c.leaves, l)
}

// cutOf reads "a:b" as a range within n bytes.
func cutOf(text string, n int) (from, to int) {
	a, b, _ := strings.Cut(text, ":")
	from, _ = strconv.Atoi(a)
	to = n
	if v, err := strconv.Atoi(b); err == nil {
		to = min(v, n)
	}
	return max(0, min(from, n)), max(0, to)
}

// followTLV keeps all headers of the form and narrows the leaf to the object named.
func (c *content) followTLV(l *leaf, st hintStage) bool {
	form := decode.TLVForm("")
	if n := valueOf(st.arg, "form"); n != nil {
		form = decode.TLVForm(n.Value)
	}
	path, index := "", -1
	if n := valueOf(st.arg, "path"); n != nil {
		path = n.Value
	}
	if n := valueOf(st.arg, "index"); n != nil {
		index, _ = strconv.Atoi(n.Value)
	}
	from, to := l.from, l.to
	for step := range strings.SplitSeq(path, "/") {
		tag, err := strconv.ParseUint(step, 16, 32)
		found := false
		n := 0
		for p := from; p < to; n++ {
			if form == decode.TLVBER && (c.b[p] == 0 || c.b[p] == 0xFF) {
				p++
				n--
				continue
			}
			t, hl, vl, ok := form.Head(c.b[p:to])
			if !ok || vl > to-p-hl {
				break
			}
			c.keepRange(p, p+hl)
			if !found && (index == n || index < 0 && err == nil && uint64(t) == tag) {
				found = true
				l.from, l.to = p+hl, p+hl+vl
			} else if form == decode.TLVBER && c.b[p]&0x20 != 0 {
				c.berHeaders(p+hl, p+hl+vl, 1, false)
			}
			p += hl + vl
		}
		if !found {
			return false
		}
		from, to = l.from, l.to
	}
	return true
}

// asDate gives a leaf the layout of a date stage whose layout is as long as it is.
func (c *content) asDate(l *leaf, st hintStage) {
	layouts := listOf(st.arg)
	if n := valueOf(st.arg, "layout"); n != nil {
		layouts = listOf(n)
	}
	year := 0
	if n := valueOf(st.arg, "calendar"); n != nil {
		year = map[string]int{"roc": -1911, "buddhist": 543}[n.Value]
	}
	lo, hi := c.trimmed(l.from, l.to)
	for _, n := range layouts {
		layout := n.Value
		if strings.Trim(layout, "ymd .-/") != "" || !strings.ContainsAny(layout, "y") {
			continue
		}
		switch {
		case l.kind == textLeaf && len(layout) == hi-lo:
			*l = leaf{from: lo, to: hi, kind: dateLeaf, layout: layout, year: year}
			return
		case l.kind == bcdLeaf && len(layout) == 2*(hi-lo) && strings.Trim(layout, "ymd") == "":
			*l = leaf{from: lo, to: hi, kind: packedDateLeaf, layout: layout, year: year}
			return
		}
	}
}

// trimmed leaves out padding at both ends.
func (c *content) trimmed(from, to int) (int, int) {
	pad := func(b byte) bool { return b == 0 || b == ' ' || b == 0xFF }
	for from < to && pad(c.b[from]) {
		from++
	}
	for from < to && pad(c.b[to-1]) {
		to--
	}
	return from, to
}

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

func deflate(text []byte, form string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	if form == "gzip" {
		w, _ = gzip.NewWriterLevel(&b, gzip.BestCompression)
	} else {
		w, _ = zlib.NewWriterLevel(&b, zlib.BestCompression)
	}
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return b.Bytes()
}

// keepBetween keeps what no leaf covers in a range.
func (c *content) keepBetween(from, to int) {
	c.keepRange(from, to)
	for _, l := range c.leaves {
		if l.from >= from && l.to <= to {
			for i := l.from; i < l.to; i++ {
				c.keep[i] = false
			}
		}
	}
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

// learn tells the masker what must not show.
func (c *content) learn(m *masker) {
	m.learn(c.b, c.keep)
	for _, in := range c.inner {
		in.learn(m)
	}
}

// allow tells the masker what may show wherever it is.
func (c *content) allow(m *masker) {
	m.allow(c.b, c.keep)
	for _, in := range c.inner {
		in.allow(m)
	}
}

// mask fills out. Smaller leaves go first: they know best.
func (c *content) mask(m *masker) {
	copy(c.out, c.b)
	done := slices.Clone(c.keep)
	slices.SortStableFunc(c.leaves, func(a, b leaf) int { return (a.to - a.from) - (b.to - b.from) })
	all := append(slices.Clone(c.leaves), leaf{to: len(c.b)})
	for _, l := range all {
		if l.kind == zippedLeaf { // made again as a whole
			c.maskZipped(m, l)
			for i := l.from; i < l.to; i++ {
				done[i] = true
			}
		}
	}
	m.keep = c.keep
	for _, l := range all {
		for p := l.from; p < l.to; {
			if done[p] {
				p++
				continue
			}
			end := p
			for end < l.to && !done[end] {
				done[end] = true
				end++
			}
			part := l
			part.from, part.to = p, end
			if part.to-part.from != l.to-l.from && (l.kind == dateLeaf || l.kind == packedDateLeaf) {
				part.kind = anyLeaf
			}
			c.maskLeaf(m, part)
			p = end
		}
	}
}

func (c *content) maskLeaf(m *masker, l leaf) {
	lo, hi := c.trimmed(l.from, l.to)
	if lo >= hi {
		return
	}
	v := c.out[lo:hi]
	if l.convert != nil {
		l.convert(v)
		defer l.convert(v)
	}
	if l.kind == anyLeaf || l.kind == textLeaf || l.kind == bcdLeaf {
		l = judge(v, c.out[l.from:l.to], l)
	}
	switch l.kind {
	case dateLeaf, packedDateLeaf:
		m.date(c.out, lo, hi, l.layout, l.year, l.kind == packedDateLeaf)
	case textLeaf:
		m.text(c.out, lo, hi)
	case wide16Leaf, wide16LittleLeaf: // units count from where the value begins
		m.utf16(c.out, l.from, l.to, l.kind == wide16LittleLeaf)
	case bcdLeaf:
		m.bcd(c.out, lo, hi)
	case blankLeaf:
		m.zero(c.out, lo, hi)
		c.notes = append(c.notes, "values are blanked")
	case imageLeaf:
		m.zero(c.out, min(lo+4, hi), max(lo, hi-2))
		c.notes = append(c.notes, "a picture is blanked")
	default:
		m.binary(c.out, lo, hi)
	}
}

// judge finds out what a value is by its bytes, without and with padding.
func judge(v, padded []byte, l leaf) leaf {
	printable, high, control, decimal := true, false, false, true
	for _, c := range v {
		printable = printable && c >= ' ' && c < 0x7F
		control = control || c < ' ' || c == 0x7F
		decimal = decimal && c>>4 <= 9 && c&0x0F <= 9
		high = high || c >= 0x80
	}
	hinted := l.kind
	switch {
	case hinted == bcdLeaf && decimal && len(v) == 4, hinted == anyLeaf && decimal && len(v) == 4 && !printable:
		return asPackedDate(v, leaf{from: l.from, to: l.to, kind: bcdLeaf})
	case hinted == bcdLeaf:
	case bytes.HasPrefix(v, []byte{0xFF, 0xD8, 0xFF}), bytes.HasPrefix(v, []byte{0x00, 0x00, 0x00, 0x0C, 0x6A, 0x50}):
		l.kind = imageLeaf
	case printable:
		l.kind = textLeaf
		for _, layout := range []string{"yyyymmdd", "ddmmyyyy", "dd.mm.yyyy", "yyyy-mm-dd", "dd mm yyyy"} {
			if plausibleDate(string(v), layout) {
				l.kind, l.layout = dateLeaf, layout
				break
			}
		}
	case hinted == textLeaf:
	case high && !control && utf8.Valid(v):
		l.kind = textLeaf
	case control && len(padded)%2 == 0 && wide(padded, 1):
		l.kind = wide16LittleLeaf
	case control && len(padded)%2 == 0 && wide(padded, 0):
		l.kind = wide16Leaf
	case decimal:
		l.kind = bcdLeaf
	case !control: // a charset of one or two bytes a character
		l.kind = textLeaf
	default:
		l.kind = binaryLeaf
	}
	return l
}

func asPackedDate(v []byte, l leaf) leaf {
	text := ""
	for _, c := range v {
		text += string([]byte{'0' + c>>4, '0' + c&0x0F})
	}
	for _, layout := range []string{"yyyymmdd", "ddmmyyyy"} {
		if plausibleDate(text, layout) {
			l.kind, l.layout = packedDateLeaf, layout
			break
		}
	}
	return l
}

// wide says whether bytes look like UTF-16 with the high bytes at the given place of
// each pair: letters of few blocks, no control characters.
func wide(v []byte, at int) bool {
	for i := at; i < len(v); i += 2 {
		high, low := v[i], v[i^1]
		if high > 0x06 && (high < 0x4E || high > 0x9F) || high == 0 && low < ' ' && low != 0 {
			return false
		}
	}
	return true
}

// plausibleDate says whether s looks like a date of a living person or a valid card.
func plausibleDate(s, layout string) bool {
	if len(s) != len(layout) {
		return false
	}
	var y, m, d int
	for i := range len(s) {
		digit := int(s[i]) - '0'
		switch layout[i] {
		case 'y':
			y = y*10 + digit
		case 'm':
			m = m*10 + digit
		case 'd':
			d = d*10 + digit
		default:
			if s[i] != layout[i] {
				return false
			}
			continue
		}
		if digit < 0 || digit > 9 {
			return false
		}
	}
	return (y >= 1900 && y <= 2100 || y >= 2440 && y <= 2640) && m <= 12 && d <= 31
}

// maskZipped puts the masked text back in its compressed form, or blanks it.
func (c *content) maskZipped(m *masker, l leaf) {
	v := c.out[l.from:l.to]
	in := c.inner[l.from]
	_, form, _, ok := inflate(c.b[l.from:l.to])
	if in != nil && ok {
		in.mask(m)
		z := deflate(in.out, form)
		for _, pad := range []byte{0x00, 0xFF, ' '} { // what follows a member is file padding
			if len(z) > len(v) {
				break
			}
			for n := copy(v, z); n < len(v); n++ {
				v[n] = pad
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
