package card

import (
	"strconv"
	"strings"

	"cardferry/drivers/decode"
)

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
		case "uint":
			l.kind = binaryLeaf
		case "image":
			l.kind = imageLeaf
		case "not":
			l.convert = append(l.convert, func(b []byte) {
				for i := range b {
					b[i] = ^b[i]
				}
			})
		case "date":
			c.asDate(&l, st)
		case "swap":
			if word != "nibbles" {
				c.leaves = append(c.leaves, l)
				return
			}
			l.convert = append(l.convert, func(b []byte) {
				for i := range b {
					b[i] = b[i]<<4 | b[i]>>4
				}
			})
		case "split", "part", "match", "until", "xor":
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
