package hl7

import (
	"bytes"
	"fmt"
	"strconv"
)

// Continuation is how a message is one part of a longer one (HL7 v2.9, 2.10.2).
type Continuation struct {
	// From is MSH-14, the pointer the part before this one ended with; "" in a
	// first part. To is DSC-1, the pointer the next part will name; "" in a last
	// part. Both are byte for byte as sent.
	From, To string
	// Interactive says that DSC-2 is I: the rest is not on its way, it must be
	// asked for by a query. To is "" then.
	Interactive bool
	// Addenda says that a segment is continued by ADD segments inside this very
	// message.
	Addenda bool
}

// Whole says whether the message stands alone and needs no [Join].
func (c Continuation) Whole() bool { return c == Continuation{} }

// Continuation reads MSH-14, DSC and whether there are ADD segments.
func (m *Message) Continuation() Continuation {
	c := Continuation{From: string(m.segs[0].Field(14).Raw())}
	for _, s := range m.segs {
		switch {
		case s.is("ADD"):
			c.Addenda = true
		case !s.is("DSC"):
		case s.Field(2).Text() == "I":
			c.Interactive = true
		default:
			c.To = string(s.Field(1).Raw())
		}
	}
	return c
}

// Join makes one logical message of its parts, given in order (one part: of its
// ADD segments). The header is the first part's, and so are delimiters and
// character set; those of later parts are translated. MSH of later parts, DSC
// and ADD segments are gone: what stands behind "ADD|" is put to the end of the
// segment before, also across parts. A message that is whole already comes back
// byte for byte.
//
// The parts must name each other by their pointers, or the error wraps
// [ErrContinuation]. A part that cannot be parsed or translated is told as
// [Parse] and [Message.Recode] do; the result is bound by o.MaxSize.
func Join(parts [][]byte, o Options) ([]byte, error) {
	if len(parts) == 0 {
		return nil, &ParseError{Err: ErrEmpty}
	}
	limit := o.MaxSize
	if limit <= 0 {
		limit = DefaultMaxSize
	}
	var j joining
	next := ""
	for i, raw := range parts {
		m, err := Parse(raw, o)
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", i+1, err)
		}
		c := m.Continuation()
		if len(parts) == 1 && c.To == "" && !c.Addenda {
			return raw, nil
		}
		if i > 0 && (next == "" || c.From != next) {
			return nil, fmt.Errorf("hl7: %w: part %d does not follow the one before", ErrContinuation, i+1)
		}
		next = c.To
		if m, err = j.translate(m); err != nil {
			return nil, fmt.Errorf("part %d: %w", i+1, err)
		}
		j.part(m, i == 0)
		if len(j.out) > limit {
			return nil, &ParseError{Err: ErrTooLarge, Offset: limit, Detail: "all parts together, limit " + strconv.Itoa(limit) + " bytes"}
		}
	}
	return append(j.out, '\r'), nil
}

// joining is a logical message under way; out has no terminator at its end.
type joining struct {
	first *Message
	out   []byte
}

// translate brings a part to the delimiters and the set of the first.
func (j *joining) translate(m *Message) (*Message, error) {
	if j.first == nil {
		j.first = m
		if m.wide == narrow {
			return m, nil
		}
	}
	to := j.first.cur
	same := m.cur.cs == to.cs || m.undeclared() && j.first.undeclared()
	if m.wide == narrow && same && m.cur.d == to.d {
		return m, nil
	}
	b, err := m.Recode(to.cs.name, to.d)
	if err != nil {
		return nil, err
	}
	return Parse(b, Options{Charset: to.cs.name, MaxSize: maxSize})
}

// undeclared says whether the character set was concluded from the bytes, which
// say more when all parts are together.
func (m *Message) undeclared() bool {
	switch m.source {
	case fromOptions, fromMSH18, fromBOM:
		return false
	}
	return true
}

func (j *joining) part(m *Message, first bool) {
	for i, s := range m.segs {
		raw := s.Raw()
		switch {
		case i == 0 && !first, s.is("DSC"):
		case s.is("ADD") && i > 0:
			_, rest, _ := bytes.Cut(raw, []byte{m.cur.d.Field}) // a bare ADD only says that more follows
			j.out = append(j.out, rest...)
		default:
			if len(j.out) > 0 {
				j.out = append(j.out, '\r')
			}
			j.out = append(j.out, raw...)
		}
	}
}
