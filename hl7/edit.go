package hl7

import (
	"bytes"
	"fmt"
)

// Set replaces what stands at path by text: the whole field for "PID-5", one
// component of its first repetition for "PID-5.1". Missing positions before it
// are padded with exactly the delimiters needed; all other bytes stay as they
// are. Delimiters and control characters in text are escaped, so that Get gives
// back text. An empty text empties the position (absent, not null). One call
// copies the message once.
//
// MSH-1, MSH-2, MSH-18 and whole segments are refused with [ErrReadOnly] (see
// [Message.Recode]), a segment that is not there with [ErrNoSegment], a text
// that cannot be written with [ErrNotEncodable] or [ErrNoEscape]. After an error
// the message is unchanged.
func (m *Message) Set(path, text string) error {
	raw, err := m.cur.escape(text)
	if err != nil {
		return err
	}
	kind := Text
	if text == "" {
		kind = Absent
	}
	return m.replace(path, raw, text, kind)
}

// SetNull writes the null value "" at path: delete what is known.
func (m *Message) SetNull(path string) error { return m.replace(path, []byte(`""`), "", Null) }

// AppendSegment adds a segment without fields at the end, with the terminator
// the message uses. The name is 1 to 4 letters or digits.
func (m *Message) AppendSegment(name string) error {
	p, err := ParsePath(name)
	if err != nil || p.Segment != name {
		return &PathError{Reason: "want a segment name of 1 to 4 letters or digits"}
	}
	b := bytes.Clone(m.cur.b)
	term := m.lineEnd()
	if last := m.segs[len(m.segs)-1]; int(last.end) == len(b) {
		b = append(b, term...)
	}
	return m.adopt(append(append(b, name...), term...))
}

// lineEnd is what ends the first segment, a carriage return if nothing does.
func (m *Message) lineEnd() string {
	switch rest := m.cur.b[m.segs[0].end:]; {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return "\r\n"
	case bytes.HasPrefix(rest, []byte("\n")):
		return "\n"
	}
	return "\r"
}

// replace puts raw at path and makes sure that it reads back as meant; it may
// not when the bytes before it are damaged (half a character).
func (m *Message) replace(path string, raw []byte, text string, kind Kind) error {
	p, err := ParsePath(path)
	if err != nil {
		return err
	}
	seg, ok := m.find(p)
	if !ok {
		return fmt.Errorf("hl7: set: %w", ErrNoSegment)
	}
	if p.Field == 0 || isHeader(seg.name()) && (p.Field <= 2 || p.Field == 18) {
		return fmt.Errorf("hl7: set: %w", ErrReadOnly)
	}
	slot, ok := seg.locate(p)
	if !ok {
		return fmt.Errorf("hl7: set: %w", ErrNoEscape)
	}
	old := m.cur.b
	b := make([]byte, 0, len(old)+len(slot.padding)+len(raw))
	b = append(append(b, old[:slot.start]...), slot.padding...)
	b = append(append(b, raw...), old[slot.end:]...)

	before := *m
	if err := m.adopt(b); err != nil {
		return err
	}
	if v := m.At(p); v.Kind() != kind || v.Text() != text || len(m.segs) != len(before.segs) {
		m.raw, m.cur, m.segs = before.raw, before.cur, before.segs
		return fmt.Errorf("hl7: set: %w", ErrNotEncodable)
	}
	return nil
}

// adopt makes b (in the form of view.b) the message's content.
func (m *Message) adopt(b []byte) error {
	if len(b) > maxSize {
		return &ParseError{Err: ErrTooLarge, Offset: maxSize}
	}
	raw := b
	if m.wide != narrow {
		var err error
		if raw, err = m.wide.widen(b); err != nil {
			return fmt.Errorf("hl7: %w", ErrNotEncodable)
		}
	}
	v := &view{b: b, s: m.cur.cs.structure(b), d: m.cur.d, cs: m.cur.cs}
	m.raw, m.cur, m.segs = raw, v, indexSegments(v, int(m.segs[0].start), nil)
	return nil
}

// slot is where a value goes: b[start:end] is replaced by padding and value.
type slot struct {
	start, end uint32
	padding    []byte
}

// locate finds the place of p in the segment; false when it needs a delimiter
// that the message does not declare.
func (s Segment) locate(p Path) (slot, bool) {
	d := &s.v.d
	at := slot{start: s.start, end: s.end}
	field := p.Field + 1 // the name is the first part
	if isHeader(s.name()) {
		field = p.Field
	}
	ok := at.enter(s.v.s, d.Field, field)
	if p.Repetition > 0 || p.Component > 0 {
		ok = ok && at.enter(s.v.s, d.Repetition, max(p.Repetition, 1))
	}
	if p.Component > 0 {
		ok = ok && at.enter(s.v.s, d.Component, p.Component)
	}
	if p.Subcomponent > 0 {
		ok = ok && at.enter(s.v.s, d.Subcomponent, p.Subcomponent)
	}
	return at, ok
}

// enter narrows the slot to its nth part between separators.
func (at *slot) enter(s []byte, sep byte, n int) bool {
	if sep == 0 {
		return n == 1
	}
	if len(at.padding) > 0 { // already beyond the end
		at.padding = append(at.padding, bytes.Repeat([]byte{sep}, n-1)...)
		return true
	}
	if start, end, ok := part(s, at.start, at.end, sep, n); ok {
		at.start, at.end = start, end
		return true
	}
	have := 1 + bytes.Count(s[at.start:at.end], []byte{sep})
	at.start = at.end
	at.padding = bytes.Repeat([]byte{sep}, n-have)
	return true
}

const hexDigits = "0123456789ABCDEF"

// escape writes text as data of this message: in its character set, delimiters
// and control characters (except TAB) as escape sequences.
func (v *view) escape(text string) ([]byte, error) { return v.appendEscaped(nil, text) }

func (v *view) appendEscaped(out []byte, text string) ([]byte, error) {
	literal := 0
	flush := func(end int) error {
		enc, err := v.cs.encode(text[literal:end])
		out = append(out, enc...)
		return err
	}
	for i := range len(text) {
		seq := v.sequence(text[i])
		if text == `""` { // would read as null
			seq = "X22"
		}
		if seq == "" {
			continue
		}
		if v.d.Escape == 0 {
			return nil, fmt.Errorf("hl7: %w", ErrNoEscape)
		}
		if err := flush(i); err != nil {
			return nil, err
		}
		out = append(append(append(out, v.d.Escape), seq...), v.d.Escape)
		literal = i + 1
	}
	if err := flush(len(text)); err != nil {
		return nil, err
	}
	return out, nil
}

// sequence is the escape sequence c needs as data, without the escape
// characters; "" when it needs none.
func (v *view) sequence(c byte) string {
	if c < ' ' && c != '\t' {
		return string([]byte{'X', hexDigits[c>>4], hexDigits[c&15]})
	}
	if l := v.d.letter(c); l != 0 {
		return string(rune(l))
	}
	return ""
}
