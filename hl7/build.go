package hl7

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Header is the content of MSH that an application decides about. [Message.Header]
// reads it, [NewMessage] writes it.
type Header struct {
	SendingApplication   HD        // MSH-3
	SendingFacility      HD        // MSH-4
	ReceivingApplication HD        // MSH-5
	ReceivingFacility    HD        // MSH-6
	Time                 time.Time // MSH-7, in its own zone, to the second; zero: not sent
	Code                 string    // MSH-9.1, for example "ORU"
	Trigger              string    // MSH-9.2, for example "R01"
	Structure            string    // MSH-9.3, for example "ORU_R01"
	ControlID            string    // MSH-10; writing "" makes a random one of 20 characters
	ProcessingID         string    // MSH-11.1; writing "" gives P (production)
	Version              string    // MSH-12.1; writing "" gives 2.5.1
	Accept               AckCondition
	Application          AckCondition
	Country              string // MSH-17, ISO 3166 alpha-3
	// Charset is what the message is written in, an HL7 table 0211 code or an IANA
	// name, declared in MSH-18; writing "" gives UTF-8. When read it is the IANA
	// name of the set in use, declared or not.
	Charset string
}

// Header reads MSH. Fields that are absent or null are empty, MSH-7 is zero when
// it is no valid time; without a zone it is taken to be UTC.
func (m *Message) Header() Header {
	msh := m.segs[0]
	h := Header{
		SendingApplication:   msh.Field(3).HD(),
		SendingFacility:      msh.Field(4).HD(),
		ReceivingApplication: msh.Field(5).HD(),
		ReceivingFacility:    msh.Field(6).HD(),
		ControlID:            msh.Field(10).Text(),
		ProcessingID:         msh.Field(11).Text(),
		Version:              msh.Field(12).Text(),
		Country:              msh.Field(17).Text(),
		Charset:              m.Charset(),
	}
	h.Code, h.Trigger, h.Structure = m.Type()
	if t, err := msh.Field(7).Time(nil); err == nil {
		h.Time = t.Time
	}
	mode := m.AckMode()
	h.Accept, h.Application = mode.Accept, mode.Application
	return h
}

// Reply is the header of an answer to m: sender and receiver change places,
// version, processing id and character set stay (UTF-16 becomes UTF-8). Type,
// time and control id are left to the caller, and no acknowledgement of the
// answer is asked for.
func (m *Message) Reply() Header {
	h := m.Header()
	r := Header{
		SendingApplication:   h.ReceivingApplication,
		SendingFacility:      h.ReceivingFacility,
		ReceivingApplication: h.SendingApplication,
		ReceivingFacility:    h.SendingFacility,
		ProcessingID:         h.ProcessingID,
		Version:              h.Version,
		Charset:              h.Charset,
	}
	if m.wide != narrow {
		r.Charset = csUTF8.name
	}
	return r
}

// ErrBuild says that a [Builder] was used out of order: a field before the one
// written last, a bad segment name, a composite inside a subcomponent.
var ErrBuild = errors.New("message is built out of order")

// Builder writes a message from its first segment to its last, with the
// recommended delimiters, escapes where they are needed, and carriage returns. It
// takes time and memory in proportion to what is written. The first thing that
// cannot be written is kept and told by [Builder.Bytes]. A Builder is for one
// goroutine.
type Builder struct {
	v     view // delimiters and character set; no bytes
	out   []byte
	field int // last field of the current segment; -1 before any segment
	err   error
}

// NewMessage starts a message with its MSH segment.
func NewMessage(h Header) *Builder {
	b := &Builder{v: view{d: StandardDelimiters(), cs: csUTF8}, out: make([]byte, 0, 512)}
	if h.Charset != "" {
		if b.v.cs = lookupCharset([]byte(h.Charset)); b.v.cs == nil {
			b.v.cs = csUTF8
			b.fail(&ParseError{Err: ErrCharset, Detail: "the wanted character set is not known"})
		}
	}
	b.out = append(append(append(b.out, "MSH"...), b.v.d.Field), b.v.d.encodingCharacters()...)
	b.field = 2
	if h.ControlID == "" {
		h.ControlID = rand.Text()[:20] // MSH-10 had at most 20 characters before v2.7
	}
	if h.ProcessingID == "" {
		h.ProcessingID = "P"
	}
	if h.Version == "" {
		h.Version = "2.5.1"
	}
	b.Set(3, h.SendingApplication).Set(4, h.SendingFacility)
	b.Set(5, h.ReceivingApplication).Set(6, h.ReceivingFacility)
	if !h.Time.IsZero() {
		b.Set(7, TimeOf(h.Time, Second))
	}
	b.Set(9, Components{ST(h.Code), ST(h.Trigger), ST(h.Structure)})
	b.Set(10, ST(h.ControlID)).Set(11, ST(h.ProcessingID)).Set(12, ST(h.Version))
	b.Set(15, ST(h.Accept)).Set(16, ST(h.Application)).Set(17, ST(h.Country))
	b.to(18)
	b.out = append(b.out, b.v.cs.declaration(b.v.d.Repetition)...)
	return b
}

// Segment starts a segment. The name is three capital letters or digits, the
// first a letter.
func (b *Builder) Segment(name string) *Builder {
	if len(name) != 3 || !isUpperAlnum(name) || name[0] <= '9' || isHeader([]byte(name)) {
		b.fail(fmt.Errorf("hl7: %w: a segment name is three capitals or digits and not MSH, BHS or FHS", ErrBuild))
		return b
	}
	b.out = append(append(b.out, '\r'), name...)
	b.field = 0
	return b
}

// Set writes the field with the given number, with one repetition for each value;
// trailing empty values are left out. Fields are written in rising order, those
// left out are absent.
func (b *Builder) Set(field int, repetitions ...Data) *Builder {
	start, last := len(b.out), b.field
	if !b.to(field) {
		return b
	}
	if b.list(b.v.d.Repetition, repetitions, atField); b.out[len(b.out)-1] == b.v.d.Field {
		b.out, b.field = b.out[:start], last // nothing there: no trailing separators
	}
	return b
}

// Text writes a field of plain text: the same as Set with one [ST].
func (b *Builder) Text(field int, text string) *Builder { return b.Set(field, ST(text)) }

// Copy writes a field as it stands in another message, with all its
// repetitions, null values included: for what an answer must give back, such as
// QPD. Delimiters and character set are translated.
func (b *Builder) Copy(field int, from Field) *Builder {
	if from.Kind() == Absent || !b.to(field) {
		return b
	}
	b.recode(func(r *recoder) error { return r.parts(from.start, from.end) }, from.v)
	return b
}

// CopySegment writes a whole segment of another message; it may be added to by
// Set behind its last field.
func (b *Builder) CopySegment(from Segment) *Builder {
	name := from.Name()
	if b.Segment(name); b.err != nil {
		return b
	}
	b.out = b.out[:len(b.out)-len(name)]
	b.recode(func(r *recoder) error { return r.segment(from) }, from.v)
	b.field = from.Fields()
	return b
}

func (b *Builder) recode(write func(*recoder) error, from *view) {
	start := len(b.out)
	r := recoder{from: from, to: &b.v, out: b.out}
	err := write(&r)
	if err == nil && b.v.cs.torn(r.out[start:]) { // half a character would swallow what follows
		err = &ParseError{Err: ErrCharset, Detail: wrongBytes}
	}
	if err != nil {
		b.fail(err)
		return
	}
	b.out = r.out
}

// Bytes is the message, or the first error: [ErrNotEncodable] for a text that the
// character set does not have, [ErrBuild] for use out of order, [ErrCharset] for
// a set that is not known. The Builder can be written to further.
func (b *Builder) Bytes() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	return append(b.out[:len(b.out):len(b.out)], '\r'), nil
}

func (b *Builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// to moves to a field and says whether it can be written.
func (b *Builder) to(field int) bool {
	if b.err != nil {
		return false
	}
	if field <= b.field || field > maxBuildField {
		b.fail(fmt.Errorf("hl7: %w: field %d after field %d; write fields in rising order, at most %d", ErrBuild, field, b.field, maxBuildField))
		return false
	}
	for ; b.field < field; b.field++ {
		b.out = append(b.out, b.v.d.Field)
	}
	return true
}

// maxBuildField bounds the separators that one call writes; the longest standard
// segments have less than 100 fields.
const maxBuildField = 1000

// isUpperAlnum says whether s is capital letters and digits only.
func isUpperAlnum(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) || 'a' <= c {
			return false
		}
	}
	return true
}
