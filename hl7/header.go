package hl7

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// charsetSource says how the character set was found.
type charsetSource uint8

const (
	fromOptions charsetSource = iota
	fromMSH18
	fromBOM
	fromBytes   // MSH-18 empty, valid UTF-8
	fromGuess   // MSH-18 empty, guessed
	fromDefault // MSH-18 empty, the listener's default
	fromUnknown // MSH-18 names a set this package does not have
	fromBroken  // MSH-18 says ASCII, which the bytes are not
)

// wideOrder is the byte order of a UTF-16 message.
type wideOrder uint8

const (
	narrow wideOrder = iota
	bigEndian
	littleEndian
)

// header is what must be known before a message can be taken apart.
type header struct {
	view   view
	start  int // offset of "MSH" in view.b
	end    int // offset behind the MSH segment
	wide   wideOrder
	source charsetSource
}

const utf8BOM = "\uFEFF"

// readHeader finds the MSH segment, its delimiters and the character set.
func readHeader(b []byte, o Options) (header, error) {
	limit := o.MaxSize
	if limit <= 0 {
		limit = DefaultMaxSize
	}
	if limit = min(limit, maxSize); len(b) > limit {
		return header{}, &ParseError{Err: ErrTooLarge, Offset: limit, Detail: "limit " + strconv.Itoa(limit) + " bytes"}
	}
	var h header
	work, err := h.narrow(b)
	if err != nil {
		return header{}, err
	}
	h.view.b = work
	bom := bytes.HasPrefix(work, []byte(utf8BOM))
	if bom {
		h.start = len(utf8BOM)
	}
	for h.start < len(work) && isFiller(work[h.start]) {
		h.start++
	}
	rest := work[h.start:]
	switch {
	case len(rest) == 0:
		return header{}, &ParseError{Err: ErrEmpty, Offset: h.start}
	case !bytes.HasPrefix(rest, []byte("MSH")):
		return header{}, &ParseError{Err: ErrNoMSH, Offset: h.start}
	case len(rest) < 8:
		return header{}, &ParseError{Err: ErrTooShort, Offset: len(work)}
	}
	term := terminator(rest)
	if h.view.d, err = parseDelimiters(rest, term); err != nil {
		if pe := (*ParseError)(nil); errors.As(err, &pe) {
			pe.Offset += h.start
		}
		return header{}, err
	}
	h.end = len(work)
	if j := bytes.IndexByte(rest, term); j >= 0 {
		h.end = h.start + j
	}
	if err := h.pickCharset(o, bom); err != nil {
		return header{}, err
	}
	h.view.s = h.view.cs.structure(work)
	return h, nil
}

// narrow turns a UTF-16 message into UTF-8, in which delimiters are single
// bytes; any other message is returned as it is.
func (h *header) narrow(b []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		h.wide = bigEndian
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		h.wide = littleEndian
	case bytes.HasPrefix(b, []byte("M\x00S\x00H\x00")), bytes.HasPrefix(b, []byte("\x00M\x00S\x00H")):
		return nil, &ParseError{Err: ErrCharset, Detail: "UTF-16 without a byte order mark; have the sender add one or send UTF-8"}
	default:
		return b, nil
	}
	out, err := h.wide.encoding().NewDecoder().Bytes(b)
	if err == nil && len(b)%2 == 0 {
		// An unpaired surrogate cannot be written back; do not pretend.
		var back []byte
		if back, err = h.wide.widen(out); err == nil && bytes.Equal(back, b) {
			return out, nil
		}
	}
	return nil, &ParseError{Err: ErrCharset, Detail: "malformed UTF-16"}
}

// widen is UTF-8 as UTF-16 with a byte order mark.
func (w wideOrder) widen(b []byte) ([]byte, error) { return w.encoding().NewEncoder().Bytes(b) }

func (w wideOrder) encoding() encoding.Encoding {
	if w == bigEndian {
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM)
	}
	return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
}

// pickCharset decides the character set: option, MSH-18, byte order mark, the
// bytes themselves, the listener's default.
func (h *header) pickCharset(o Options, bom bool) error {
	v := &h.view
	if o.Charset != "" && h.wide == narrow {
		h.source = fromOptions
		if v.cs = lookupCharset([]byte(o.Charset)); v.cs == nil {
			return &ParseError{Err: ErrCharset, Detail: "the configured character set is not known"}
		}
		return nil
	}
	if bom || h.wide != narrow {
		v.cs, h.source = csUTF8, fromBOM
		return nil
	}
	declared, empty := h.declared()
	broken := declared == csASCII && !isASCII(v.b)
	if declared != nil && !broken {
		v.cs, h.source = declared, fromMSH18
		return nil
	}
	switch {
	case utf8.Valid(v.b):
		v.cs, h.source = csUTF8, fromBytes
	case o.DefaultCharset != "":
		h.source = fromDefault
		if v.cs = lookupCharset([]byte(o.DefaultCharset)); v.cs == nil {
			return &ParseError{Err: ErrCharset, Detail: "the configured default character set is not known"}
		}
	default:
		v.cs, h.source = guessCharset(v.b), fromGuess
	}
	switch {
	case broken:
		h.source = fromBroken
	case !empty:
		h.source = fromUnknown
	}
	return nil
}

// declared resolves MSH-18. The field's place depends on the character set it
// names when an earlier field holds multi-byte characters, so each such set is
// tried until one confirms itself.
func (h *header) declared() (cs *charset, empty bool) {
	line := h.view.b[h.start:h.end]
	field := h.field18(line)
	empty = len(bytes.TrimSpace(field)) == 0
	if !empty {
		cs = declaredCharset(field, &h.view.d)
	}
	if cs != nil && cs.charLen == nil && !cs.escaped || isASCII(line) && bytes.IndexByte(line, esc) < 0 {
		return cs, empty
	}
	for _, c := range [...]*charset{csGB18030, csBig5, csShiftJIS, csISO2022JP} {
		if field := h.field18(c.structure(line)); declaredCharset(field, &h.view.d) == c {
			return c, false
		}
	}
	return cs, empty
}

func (h *header) field18(line []byte) []byte {
	start, end, ok := part(line, 0, uint32(len(line)), h.view.d.Field, 18)
	if !ok {
		return nil
	}
	return line[start:end]
}

// guessCharset tells Chinese from Western text. In GB 18030 text nearly all
// characters are of GB 2312, two bytes above A0; Western text has single such
// bytes between letters.
func guessCharset(b []byte) *charset {
	common, other := 0, 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		n := gb18030Len(b[i:])
		if n == 2 && b[i] >= 0xA1 && b[i] <= 0xF7 && b[i+1] >= 0xA1 {
			common++
		} else {
			other++
		}
		i += n
	}
	if common > other {
		return csGB18030
	}
	return csWindows1252
}
