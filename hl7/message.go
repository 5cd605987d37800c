// Package hl7 reads and writes HL7 v2 messages in the delimiter encoding (ER7,
// HL7 v2.9 chapter 2) without losing a byte.
//
// A [Message] is the bytes it arrived as plus an index of its segments; fields,
// repetitions, components and subcomponents are found when asked for. Escapes
// and character sets are decoded only by the Text methods, so encode(decode(x))
// is x for everything [Parse] accepts. Nothing here validates clinical
// structure: unknown segments, extra fields and wrong order are kept as they
// are and, where a person should know, told by [Message.Warnings].
//
// Values are read by path ([Message.Get]), by walking ([Message.All],
// [Message.Groups], [Message.Leaves]) and as the common datatypes ([Value.CX],
// [Value.XPN], [Value.Time], [Segment.Observation]). [Message.Set] edits in place,
// a [Builder] writes new messages, [ACK] answers. [Split] takes batches apart,
// [Joiner] and [Join] put continued messages together.
//
// Errors and warnings carry codes and offsets, never content.
package hl7

import (
	"bytes"
	"slices"
)

// DefaultMaxSize is the message size limit in bytes when [Options] has none.
const DefaultMaxSize = 20 << 20

// maxSize is the hard limit: offsets are kept in 32 bits.
const maxSize = 1<<31 - 1

// inlineSegments is how many segments are indexed without an allocation of
// their own; an admission has about ten.
const inlineSegments = 24

// Options say how to read messages of one sender. The zero value reads any
// conforming message.
type Options struct {
	// Charset overrides MSH-18, for senders that declare one set and send
	// another: an HL7 table 0211 code ("GB 18030-2000") or an IANA name
	// ("GB18030"). Empty means by MSH-18.
	Charset string
	// DefaultCharset is used when MSH-18 is empty or unknown and the bytes are
	// not valid UTF-8. Empty means guess between GB 18030 and windows-1252.
	DefaultCharset string
	// MaxSize is the limit in bytes; 0 means [DefaultMaxSize].
	MaxSize int
}

// Message is one HL7 v2 message. Reading is safe for concurrent use; an edit
// must not run together with anything else on the same Message. Values and
// segments taken before an edit keep showing the message before it.
type Message struct {
	raw    []byte // as it arrived, or as last edited
	cur    *view
	segs   []Segment
	wide   wideOrder
	source charsetSource

	first  view
	inline [inlineSegments]Segment
}

// view is one immutable state of a message: the bytes in a set in which
// delimiters are single bytes, and the same bytes with every multi-byte
// character blanked out, which is what is searched for delimiters.
type view struct {
	b  []byte // the wire bytes (UTF-16 messages: their UTF-8 form)
	s  []byte // same length as b; often b itself
	d  Delimiters
	cs *charset
}

// Parse indexes one message. It keeps b and hands out parts of it, so the
// caller must not change b afterwards. The error is a [*ParseError].
func Parse(b []byte, o Options) (*Message, error) {
	m := &Message{raw: b}
	h, err := readHeader(b, o)
	if err != nil {
		return nil, err
	}
	m.first, m.wide, m.source = h.view, h.wide, h.source
	m.cur = &m.first
	m.segs = indexSegments(m.cur, h.start, m.inline[:0])
	return m, nil
}

// indexSegments finds the segments of v from start on and appends them to segs.
// A carriage return (with or without a line feed) ends a segment; only a message
// without any carriage return is split at line feeds, because a line feed inside
// a narrative is data.
func indexSegments(v *view, start int, segs []Segment) []Segment {
	term := terminator(v.s)
	for pos := start; pos < len(v.s); {
		if isFiller(v.s[pos]) {
			pos++
			continue
		}
		end := len(v.s)
		if j := bytes.IndexByte(v.s[pos:], term); j >= 0 {
			end = pos + j
		}
		if len(segs) == cap(segs) { // at most once: the rest is counted
			segs = slices.Grow(segs, 1+bytes.Count(v.s[pos:], []byte{term}))
		}
		segs = append(segs, Segment{v: v, start: uint32(pos), end: uint32(end)})
		pos = end + 1
	}
	return segs
}

// terminator is the byte that ends segments in this message.
func terminator(s []byte) byte {
	if bytes.IndexByte(s, '\r') >= 0 {
		return '\r'
	}
	return '\n'
}

// isFiller says whether a byte before a segment's name is skipped: empty lines,
// the line feed of a CRLF, padding.
func isFiller(c byte) bool {
	return c == '\r' || c == '\n' || c == 0 || c == ' ' || c == '\t'
}

// Bytes is the message exactly as it came in, or with the edits made since. The
// caller must not change it.
func (m *Message) Bytes() []byte { return m.raw }

// Segments are all segments in order, unknown ones included. The caller must
// not change the slice.
func (m *Message) Segments() []Segment { return m.segs }

// Segment is the nth (from 1) segment of that name, compared as written.
func (m *Message) Segment(name string, n int) (Segment, bool) { return nth(m.segs, name, n) }

// Delimiters are the encoding characters of the message.
func (m *Message) Delimiters() Delimiters { return m.cur.d }

// Charset is the IANA name of the character set texts are decoded with.
func (m *Message) Charset() string {
	if m.wide != narrow {
		return "UTF-16"
	}
	return m.cur.cs.name
}

// CharsetKnown is false when MSH-18 names a character set that this package does
// not have; texts are then decoded with the default one.
func (m *Message) CharsetKnown() bool { return m.source != fromUnknown }

// Get is the value at a path such as "PID-3[2].4.1"; see [ParsePath] for the
// forms. Nothing there is an Absent value, not an error; the error is a
// [*PathError].
func (m *Message) Get(path string) (Value, error) {
	p, err := ParsePath(path)
	if err != nil {
		return Value{}, err
	}
	return m.At(p), nil
}

// At is the value at a compiled path. It does not allocate. Each call looks for
// the segment from the start of the message: walk many with [Message.All] or
// [Message.Groups] and use [Segment.At].
func (m *Message) At(p Path) Value {
	s, ok := m.find(p)
	if !ok {
		return Value{}
	}
	return s.At(p)
}

// Type is MSH-9 taken apart: message code ("ADT"), trigger event ("A01") and
// message structure ("ADT_A01"), each empty where absent. The old form that has
// only the structure ("ORU_R01") yields all three.
func (m *Message) Type() (code, trigger, structure string) {
	f := m.segs[0].Field(9)
	code, trigger, structure = f.Component(1).Text(), f.Component(2).Text(), f.Component(3).Text()
	if len(code) == 7 && code[3] == '_' && trigger == "" && structure == "" {
		return code[:3], code[4:], code
	}
	return code, trigger, structure
}

// ControlID is MSH-10 byte for byte, the way an acknowledgement must echo it.
func (m *Message) ControlID() []byte { return m.segs[0].Field(10).Raw() }

// Version is MSH-12 as written, for example "2.5.1" or "2.5.1^CHN".
func (m *Message) Version() string { return string(m.segs[0].Field(12).Raw()) }

// String masks the message for fmt.
func (m *Message) String() string { return "hl7 message (masked)" }

// GoString masks the message for %#v.
func (m *Message) GoString() string { return m.String() }
