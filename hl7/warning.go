package hl7

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// WarningCode is a stable name for something odd that was kept as it came.
type WarningCode string

// The warnings about a message.
const (
	WarnByteOrderMark   WarningCode = "byte_order_mark"    // UTF-8 BOM before MSH
	WarnLeadingFiller   WarningCode = "leading_filler"     // blanks, line ends or NULs before MSH
	WarnSegmentName     WarningCode = "segment_name"       // not three capitals or digits
	WarnContinuation    WarningCode = "continuation_line"  // a line without a segment name
	WarnSecondHeader    WarningCode = "second_header"      // another MSH: messages were concatenated, use Split
	WarnEscapeOpen      WarningCode = "escape_open"        // escape character without its partner
	WarnEscapeUnknown   WarningCode = "escape_unknown"     // not a sequence of the standard
	WarnEscapeEmpty     WarningCode = "escape_empty"       // two escape characters with nothing between
	WarnEscapeHex       WarningCode = "escape_hex"         // \X..\ without an even number of hex digits
	WarnEscapeLayout    WarningCode = "escape_layout"      // formatting command with a bad or excessive number
	WarnEscapeCase      WarningCode = "escape_case"        // \f\ or \.BR\, understood
	WarnEscapeLiteral   WarningCode = "escape_literal"     // \Z..\, \C..\, \M..\: kept as written
	WarnCharsetUnknown  WarningCode = "charset_unknown"    // MSH-18 names a set that is not known
	WarnCharsetGuessed  WarningCode = "charset_guessed"    // MSH-18 empty, set guessed from the bytes
	WarnCharsetMismatch WarningCode = "charset_mismatch"   // another set is declared than the bytes are in: UTF-8, Chinese, or not ASCII
	WarnCharsetInvalid  WarningCode = "charset_invalid"    // bytes that are wrong in the set
	WarnCharsetMixed    WarningCode = "charset_mixed"      // some values are UTF-8 and some are not
	WarnCharsetC1       WarningCode = "charset_c1"         // 8859/x with 80-9F: probably windows-125x
	WarnAckCondition    WarningCode = "ack_condition"      // MSH-15 or MSH-16 not AL, NE, ER or SU; read as empty
	WarnControlID       WarningCode = "missing_control_id" // MSH-10 is empty
	WarnBatchCount      WarningCode = "batch_count"        // BTS-1 is not the number of messages
	WarnFileCount       WarningCode = "file_count"         // FTS-1 is not the number of batches
	WarnOutsideMessage  WarningCode = "outside_message"    // a line of a batch that belongs to no message
	WarnMore            WarningCode = "more"               // there are more warnings than are kept
)

// maxWarnings bounds the list; a broken 20 MB message has millions.
const maxWarnings = 200

// Warning is something a person may want to know about a message that was
// accepted. It holds no content.
type Warning struct {
	Code   WarningCode
	Offset int // bytes from the start of the message (UTF-16: of its UTF-8 form)
}

// Warnings looks through the whole message, each time it is called. At most 200
// are returned, then one with code "more".
func (m *Message) Warnings() []Warning {
	var w warnings
	m.warnHeader(&w)
	for i, s := range m.segs {
		if w.full() {
			break
		}
		s.warnName(&w, i)
	}
	m.warnCharset(&w)
	if esc := m.cur.d.Escape; esc != 0 && bytes.IndexByte(m.cur.s[m.segs[0].end:], esc) >= 0 {
		for _, leaf := range m.Leaves() {
			if w.full() {
				break
			}
			leaf.warnEscapes(&w)
		}
	}
	return w
}

type warnings []Warning

func (w *warnings) full() bool { return len(*w) > maxWarnings }

func (w *warnings) add(code WarningCode, offset int) {
	switch n := len(*w); {
	case n < maxWarnings:
		*w = append(*w, Warning{code, offset})
	case n == maxWarnings:
		*w = append(*w, Warning{WarnMore, offset})
	}
}

func (m *Message) warnHeader(w *warnings) {
	msh := m.segs[0]
	filler := 0
	if m.wide == narrow && bytes.HasPrefix(m.cur.b, []byte(utf8BOM)) {
		w.add(WarnByteOrderMark, 0)
		filler = len(utf8BOM)
	}
	if int(msh.start) > filler {
		w.add(WarnLeadingFiller, filler)
	}
	if msh.Field(10).Kind() == Absent {
		w.add(WarnControlID, int(msh.end))
	}
	for _, n := range [...]int{15, 16} {
		if f := msh.Field(n); f.Kind() == Text && ackCondition(f.Value) == "" {
			w.add(WarnAckCondition, f.Offset())
		}
	}
}

func (s Segment) warnName(w *warnings, index int) {
	name := s.name()
	switch {
	case len(name) == 0:
		w.add(WarnContinuation, int(s.start))
	case len(name) != 3 || !isStandardName(name):
		w.add(WarnSegmentName, int(s.start))
	case index > 0 && string(name) == "MSH":
		w.add(WarnSecondHeader, int(s.start))
	}
}

func isStandardName(name []byte) bool {
	for _, c := range name {
		if 'a' <= c && c <= 'z' {
			return false
		}
	}
	return name[0] > '9'
}

func (m *Message) warnCharset(w *warnings) {
	at := m.segs[0].Field(18).Offset()
	if at == 0 {
		at = int(m.segs[0].end)
	}
	switch m.source {
	case fromUnknown:
		w.add(WarnCharsetUnknown, at)
	case fromGuess:
		w.add(WarnCharsetGuessed, at)
	case fromBroken:
		w.add(WarnCharsetMismatch, at)
	}
	b, cs := m.cur.b, m.cur.cs
	high := bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf })
	switch {
	case high < 0 && !cs.escaped:
	case cs == csUTF8:
		if j := invalidUTF8(b); j >= 0 {
			w.add(WarnCharsetInvalid, j)
		}
	default:
		if high >= 0 && (utf8.Valid(b) || cs.western() && guessCharset(b) == csGB18030) && m.source != fromBroken {
			w.add(WarnCharsetMismatch, high)
		}
		if j := indexC1(b); j >= 0 && strings.HasPrefix(cs.name, "ISO-8859-") {
			w.add(WarnCharsetC1, j)
		}
		if strings.ContainsRune(cs.decode(b), utf8.RuneError) {
			w.add(WarnCharsetInvalid, max(high, 0))
		}
	}
	if high >= 0 && !cs.escaped && !utf8.Valid(b) {
		if j := m.mixed(); j >= 0 {
			w.add(WarnCharsetMixed, j)
		}
	}
}

// mixed finds the first value that is in another character set than the message,
// -1 when there is none: UTF-8 among other bytes, or other bytes among UTF-8. A
// value counts as UTF-8 only with a character of three bytes or more; shorter
// ones are too often met by chance in Chinese text.
func (m *Message) mixed() int {
	wide, other := -1, -1
	for _, leaf := range m.Leaves() {
		raw := leaf.Raw()
		switch {
		case isASCII(raw):
		case !utf8.Valid(raw):
			if other < 0 {
				other = leaf.Offset()
			}
		case wide < 0 && bytes.ContainsFunc(raw, func(r rune) bool { return r >= 0x800 }):
			wide = leaf.Offset()
		}
		if wide >= 0 && other >= 0 {
			if m.cur.cs == csUTF8 {
				return other
			}
			return wide
		}
	}
	return -1
}

// indexC1 finds a byte that is a control character in ISO 8859 and a letter or
// sign in the windows-125x sets.
func indexC1(b []byte) int {
	for i, c := range b {
		if 0x80 <= c && c <= 0x9F {
			return i
		}
	}
	return -1
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func (x Value) warnEscapes(w *warnings) {
	s, d := x.structure(), &x.v.d
	for pos := 0; ; {
		j := bytes.IndexByte(s[pos:], d.Escape)
		if j < 0 {
			return
		}
		pos += j
		at := int(x.start) + pos
		e := scanEscape(s[pos:], d)
		switch {
		case e.kind == escNone:
			w.add(WarnEscapeOpen, at)
			return
		case e.kind == escUnknown:
			w.add(WarnEscapeUnknown, at)
			pos--
		case e.kind == escEmpty:
			w.add(WarnEscapeEmpty, at)
		case e.kind == escLiteral:
			w.add(WarnEscapeLiteral, at)
		case e.bad && e.kind == escHex:
			w.add(WarnEscapeHex, at)
		case e.bad:
			w.add(WarnEscapeLayout, at)
		case e.lower:
			w.add(WarnEscapeCase, at)
		}
		pos += e.size
	}
}
