package hl7

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Recode writes the message in another character set (an HL7 table 0211 code or
// IANA name; "" keeps the set, or takes UTF-8 for a UTF-16 message) and with
// other delimiters (the zero value keeps them). Structure and texts stay equal,
// escapes are written for the new set, MSH-2 and MSH-18 say what is in use. The
// message itself is not changed.
//
// It fails with [ErrNotEncodable] when a text does not exist in the new set,
// with [ErrNoEscape] when the new delimiters lack one that is needed and with
// [ErrCharset] when the set is unknown or the message has bytes that are wrong
// in its own.
func (m *Message) Recode(charset string, d Delimiters) ([]byte, error) {
	to := view{d: d, cs: m.cur.cs}
	if d == (Delimiters{}) {
		to.d = m.cur.d
	}
	msh := append([]byte{'M', 'S', 'H', to.d.Field}, to.d.encodingCharacters()...)
	if said, err := parseDelimiters(msh, '\r'); err != nil {
		return nil, err
	} else if said != to.d { // a role behind one that is not declared
		return nil, &ParseError{Err: ErrBadDelimiters, Offset: len(msh)}
	}
	if charset != "" {
		if to.cs = lookupCharset([]byte(charset)); to.cs == nil {
			return nil, &ParseError{Err: ErrCharset, Detail: "the wanted character set is not known"}
		}
	}
	from := m
	if to.cs != m.cur.cs || m.wide != narrow {
		var err error
		if from, err = m.withCharsetName(to.cs); err != nil {
			return nil, err
		}
	}
	r := recoder{from: from.cur, to: &to}
	pos := from.segs[0].start // a byte order mark is not carried over
	for _, s := range from.segs {
		r.out = append(r.out, r.from.b[pos:s.start]...)
		if err := r.segment(s); err != nil {
			return nil, err
		}
		pos = s.end
	}
	return append(r.out, r.from.b[pos:]...), nil
}

// withCharsetName is a copy of m whose MSH-18 names cs.
func (m *Message) withCharsetName(cs *charset) (*Message, error) {
	msh := m.segs[0]
	if m.cur.cs.torn(msh.Raw()) {
		return nil, &ParseError{Err: ErrCharset, Detail: wrongBytes}
	}
	at, _ := msh.locate(Path{Field: 18})
	var b []byte
	b = append(append(b, m.cur.b[:at.start]...), at.padding...)
	b = append(append(b, cs.declaration(m.cur.d.Repetition)...), m.cur.b[at.end:]...)
	c := &Message{cur: m.cur, segs: m.segs}
	return c, c.adopt(b)
}

const wrongBytes = "the message has bytes that are wrong in its character set"

// recoder writes segments of one view in the manner of another.
type recoder struct {
	from, to *view
	out      []byte
}

func (r *recoder) segment(s Segment) error {
	name := s.name()
	if len(name) == 0 {
		return r.line(s)
	}
	r.out = append(r.out, name...)
	at := s.start + uint32(len(name))
	if isHeader(name) && at < s.end {
		r.out = append(append(r.out, r.to.d.Field), r.to.d.encodingCharacters()...)
		_, end, _ := part(s.v.s, at+1, s.end, s.v.d.Field, 1)
		at = end
	}
	return r.parts(at, s.end)
}

// parts writes a stretch of a segment with its delimiters translated.
func (r *recoder) parts(start, end uint32) error {
	v := r.from
	leaf := start
	for i := start; i < end; i++ {
		sep, ok := r.separator(v.s[i])
		if !ok {
			continue
		}
		if sep == 0 {
			return fmt.Errorf("hl7: recode: %w", ErrNoEscape)
		}
		if err := r.leaf(Value{v: v, start: leaf, end: i, lvl: subcomponentLevel}); err != nil {
			return err
		}
		r.out = append(r.out, sep)
		leaf = i + 1
	}
	return r.leaf(Value{v: v, start: leaf, end: end, lvl: subcomponentLevel})
}

// separator translates a delimiter; false when c is none.
func (r *recoder) separator(c byte) (byte, bool) {
	if c == 0 {
		return 0, false
	}
	switch from, to := &r.from.d, &r.to.d; c {
	case from.Field:
		return to.Field, true
	case from.Repetition:
		return to.Repetition, true
	case from.Component:
		return to.Component, true
	case from.Subcomponent:
		return to.Subcomponent, true
	}
	return 0, false
}

// leaf writes one subcomponent. Sequences that mean a delimiter are resolved and
// written anew; all others keep their body.
func (r *recoder) leaf(x Value) error {
	raw, s, d := x.Raw(), x.structure(), &r.from.d
	literal, pos := 0, 0
	for d.Escape != 0 {
		j := bytes.IndexByte(s[pos:], d.Escape)
		if j < 0 {
			break
		}
		pos += j
		e := scanEscape(s[pos:], d)
		if e.kind == escNone {
			break
		}
		if e.kind == escUnknown || e.kind == escEmpty || e.bad {
			pos += e.size
			if e.kind == escUnknown {
				pos--
			}
			continue
		}
		if err := r.literal(raw[literal:pos], s[literal:pos]); err != nil {
			return err
		}
		next := pos + e.size
		if err := r.sequence(e, raw[pos+1:next-1]); err != nil {
			return err
		}
		pos, literal = next, next
	}
	return r.literal(raw[literal:], s[literal:])
}

// sequence writes one escape sequence given its body.
func (r *recoder) sequence(e escape, body []byte) error {
	text := ""
	switch {
	case r.to.d == r.from.d && (e.kind != escHex || r.to.cs == r.from.cs):
	case e.kind == escChar:
		text = string(rune(e.char))
	case e.kind == escHex && r.to.cs != r.from.cs && !isASCII(appendHex(nil, e.hex)):
		var err error
		if text, err = r.decode(appendHex(nil, e.hex)); err != nil {
			return err
		}
	}
	if text != "" {
		enc, err := r.to.escape(text)
		r.out = append(r.out, enc...)
		return err
	}
	if r.to.d.Escape == 0 || bytes.ContainsFunc(body, func(c rune) bool { return r.to.d.letter(byte(c)) != 0 }) {
		return fmt.Errorf("hl7: recode: %w", ErrNoEscape)
	}
	r.out = append(append(append(r.out, r.to.d.Escape), body...), r.to.d.Escape)
	return nil
}

// line writes a line that has no name and therefore no structure. With other
// delimiters it might get one, which cannot be escaped.
func (r *recoder) line(s Segment) error {
	after := view{s: s.v.s, d: r.to.d}
	if (Segment{v: &after, start: s.start, end: s.end}).name() != nil {
		return fmt.Errorf("hl7: recode: %w", ErrNoEscape)
	}
	if r.to.cs == r.from.cs {
		r.out = append(r.out, s.Raw()...)
		return nil
	}
	text, err := r.decode(s.Raw())
	if err != nil {
		return err
	}
	enc, err := r.to.cs.encode(text)
	r.out = append(r.out, enc...)
	return err
}

// literal writes plain data: raw as sent and its structure bytes. Only delimiters
// of the new set are escaped. A stray escape character stays as it is when the
// delimiters do, so that sequences this package does not know survive.
func (r *recoder) literal(raw, structure []byte) error {
	encode := func(b []byte) ([]byte, error) { return b, nil }
	if r.to.cs != r.from.cs {
		text, err := r.decode(raw)
		if err != nil {
			return err
		}
		if text == `""` && len(structure) > len(text) { // announced quotes are no null value
			enc, err := r.to.escape(text)
			r.out = append(r.out, enc...)
			return err
		}
		raw, structure = []byte(text), []byte(text)
		encode = func(b []byte) ([]byte, error) { return r.to.cs.encode(string(b)) }
	}
	start := 0
	flush := func(end int) error {
		if r.to.d != r.from.d && r.to.cs.torn(raw[start:end]) {
			return &ParseError{Err: ErrCharset, Detail: wrongBytes}
		}
		enc, err := encode(raw[start:end])
		r.out = append(r.out, enc...)
		return err
	}
	for i, c := range structure {
		letter := r.to.d.letter(c)
		if letter == 0 || r.to.d == r.from.d {
			continue
		}
		if r.to.d.Escape == 0 {
			return fmt.Errorf("hl7: recode: %w", ErrNoEscape)
		}
		if err := flush(i); err != nil {
			return err
		}
		r.out = append(r.out, r.to.d.Escape, letter, r.to.d.Escape)
		start = i + 1
	}
	return flush(len(raw))
}

func (r *recoder) decode(b []byte) (string, error) {
	text := r.from.cs.decode(b)
	if strings.ContainsRune(text, utf8.RuneError) {
		return "", &ParseError{Err: ErrCharset, Detail: wrongBytes}
	}
	return text, nil
}
