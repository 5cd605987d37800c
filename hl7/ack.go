package hl7

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strconv"
	"time"
)

// AckCode is MSA-1 (HL7 table 0008).
type AckCode string

// The acknowledgement codes.
const (
	AA AckCode = "AA" // application accept
	AE AckCode = "AE" // application error: do not resend as is
	AR AckCode = "AR" // application reject: not because of its content
	CA AckCode = "CA" // commit accept
	CE AckCode = "CE" // commit error
	CR AckCode = "CR" // commit reject
)

// Positive says whether the code accepts.
func (c AckCode) Positive() bool { return c == AA || c == CA }

// ErrorCode is an error condition of HL7 table 0357.
type ErrorCode int

// The error conditions (HL7 v2.9 table 0357).
const (
	NoError                 ErrorCode = 0
	SegmentSequenceError    ErrorCode = 100
	RequiredFieldMissing    ErrorCode = 101
	DataTypeError           ErrorCode = 102
	TableValueNotFound      ErrorCode = 103
	UnsupportedMessageType  ErrorCode = 200
	UnsupportedEventCode    ErrorCode = 201
	UnsupportedProcessingID ErrorCode = 202
	UnsupportedVersionID    ErrorCode = 203
	DuplicateKeyIdentifier  ErrorCode = 205
	ApplicationRecordLocked ErrorCode = 206
	ApplicationError        ErrorCode = 207
)

// String is the condition's name in the table.
func (e ErrorCode) String() string {
	switch e {
	case NoError:
		return "Message accepted"
	case SegmentSequenceError:
		return "Segment sequence error"
	case RequiredFieldMissing:
		return "Required field missing"
	case DataTypeError:
		return "Data type error"
	case TableValueNotFound:
		return "Table value not found"
	case UnsupportedMessageType:
		return "Unsupported message type"
	case UnsupportedEventCode:
		return "Unsupported event code"
	case UnsupportedProcessingID:
		return "Unsupported processing id"
	case UnsupportedVersionID:
		return "Unsupported version id"
	case DuplicateKeyIdentifier:
		return "Duplicate key identifier"
	case ApplicationRecordLocked:
		return "Application record locked"
	case ApplicationError:
		return "Application internal error"
	}
	return "Error"
}

// AckInfo is what an acknowledgement says.
type AckInfo struct {
	Code      AckCode
	Text      string    // for a person, in MSA-3 and ERR-8; never patient data
	ErrorCode ErrorCode // adds an ERR segment to a negative acknowledgement
	Location  Path      // of the error; zero means none
	Now       time.Time // MSH-7 of the acknowledgement, in its own zone
	ControlID string    // MSH-10 of the acknowledgement; "" makes a random one
	Options   Options   // how to read the request; MaxSize is ignored
}

// maxEcho bounds a header field that is repeated in an acknowledgement, bytes.
const maxEcho = 4096

// ACK builds the general acknowledgement to req (HL7 v2.9, 2.9.2 and 2.13.1). It
// works on the raw bytes of the MSH segment, whatever the rest is like: sender
// and receiver change places as they are, MSA-2 is MSH-10 byte for byte, and the
// delimiters, processing id, version and character set are the request's. When
// req has no readable MSH the answer is a minimal one with an empty MSA-2.
func ACK(req []byte, a AckInfo) []byte {
	o := a.Options
	o.MaxSize = maxSize
	h, err := readHeader(req, o)
	if err != nil {
		h = fallbackHeader()
	}
	b := ackBuilder{header: h, info: a, version: h.version(), out: make([]byte, 0, 512)}
	b.msh()
	b.msa()
	if a.ErrorCode != NoError && !a.Code.Positive() {
		b.err()
	}
	if h.wide != narrow {
		if wide, err := h.wide.widen(b.out); err == nil {
			return wide
		}
	}
	return b.out
}

// fallbackHeader stands in for a request that has none.
func fallbackHeader() header {
	const msh = `MSH|^~\&|||||||||P|2.5.1`
	return header{
		view: view{b: []byte(msh), s: []byte(msh), d: StandardDelimiters(), cs: csUTF8},
		end:  len(msh),
	}
}

// field is MSH-n as sent, nil when absent or too long to repeat.
func (h *header) field(n int) []byte {
	v := &h.view
	start, end, ok := part(v.s[:h.end], uint32(h.start), uint32(h.end), v.d.Field, n)
	if !ok || end-start > maxEcho {
		return nil
	}
	return v.b[start:end]
}

// echo is MSH-n for repeating with something behind it: a field that ends inside
// a character is left out, it would swallow what follows.
func (h *header) echo(n int) []byte {
	f := h.field(n)
	if h.view.cs.torn(f) {
		return nil
	}
	return f
}

// version is the number behind "2." in MSH-12 times ten plus the next digit, so
// 31 for 2.3.1; a version that cannot be read counts as newer than any.
func (h *header) version() int {
	v := h.field(12)
	if len(v) < 3 || v[0] != '2' || v[1] != '.' || !isDigit(v[2]) {
		return 1000
	}
	n := 10 * int(v[2]-'0')
	switch {
	case len(v) > 3 && isDigit(v[3]): // 2.10 and later
		return 1000
	case len(v) > 4 && v[3] == '.' && isDigit(v[4]):
		n += int(v[4] - '0')
	}
	return n
}

// trigger is MSH-9.2, or the second half of a lone ORU_R01.
func (h *header) trigger() []byte {
	code, rest, _ := bytes.Cut(h.field(9), []byte{h.view.d.Component})
	if len(rest) == 0 && len(code) == 7 && code[3] == '_' {
		return code[4:]
	}
	trigger, _, _ := bytes.Cut(rest, []byte{h.view.d.Component})
	return trigger
}

type ackBuilder struct {
	header  header
	info    AckInfo
	version int
	out     []byte
}

func (b *ackBuilder) msh() {
	h, d := &b.header, b.header.view.d
	id := b.info.ControlID
	if id == "" {
		id = rand.Text()[:20] // MSH-10 had at most 20 characters before v2.7
	}
	b.out = append(b.out, "MSH"...)
	b.field(h.field(2))
	b.field(h.echo(5))
	b.field(h.echo(6))
	b.field(h.echo(3))
	b.field(h.echo(4))
	b.field(b.info.Now.AppendFormat(nil, "20060102150405-0700"))
	b.field(nil) // MSH-8 security: never repeated
	msgType := []byte("ACK")
	if t := h.trigger(); b.version >= 40 && len(t) > 0 {
		msgType = append(append(append(msgType, d.Component), t...), d.Component)
		msgType = append(msgType, "ACK"...)
	}
	b.field(msgType)
	b.text(id)
	b.field(h.echo(11))
	b.field(h.echo(12))
	if cs := h.echo(18); len(cs) > 0 {
		for range 5 {
			b.field(nil)
		}
		b.field(cs)
	}
	b.end()
}

func (b *ackBuilder) msa() {
	b.out = append(b.out, "MSA"...)
	b.field([]byte(b.info.Code))
	id := b.header.field(10)
	b.field(id) // byte for byte
	if b.info.Text != "" && !b.header.view.cs.torn(id) {
		b.text(b.info.Text)
	}
	b.end()
}

// err writes ERR-2, 3, 4 and 8 from v2.5 on and ERR-1 before.
func (b *ackBuilder) err() {
	d, p := b.header.view.d, b.info.Location
	if p.Segment != "" && p.Occurrence == 0 {
		p.Occurrence = 1
	}
	code, name := strconv.Itoa(int(b.info.ErrorCode)), b.info.ErrorCode.String()
	b.out = append(b.out, "ERR"...)
	if b.version < 50 {
		if d.Subcomponent != 0 {
			code += string(rune(d.Subcomponent)) + name
		}
		b.field(joinTrimmed(d.Component, p.Segment, number(p.Occurrence), number(p.Field), code))
		b.end()
		return
	}
	b.field(nil)
	b.field(joinTrimmed(d.Component, p.Segment, number(p.Occurrence), number(p.Field),
		number(p.Repetition), number(p.Component), number(p.Subcomponent)))
	b.field(joinTrimmed(d.Component, code, name, "HL70357"))
	b.field([]byte("E"))
	if b.info.Text != "" {
		for range 3 {
			b.field(nil)
		}
		b.text(b.info.Text)
	}
	b.end()
}

// number is a path number, empty where not given.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// joinTrimmed is a composite without its trailing empty components.
func joinTrimmed(sep byte, parts ...string) []byte {
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	var out []byte
	for i, p := range parts {
		if i > 0 {
			out = append(out, sep)
		}
		out = append(out, p...)
	}
	return out
}

func (b *ackBuilder) field(raw []byte) {
	b.out = append(append(b.out, b.header.view.d.Field), raw...)
}

// text writes our own words; a text the request's character set or delimiters
// cannot carry is left out rather than garbled.
func (b *ackBuilder) text(s string) {
	enc, err := b.header.view.escape(s)
	if err != nil {
		enc = nil
	}
	b.field(enc)
}

func (b *ackBuilder) end() { b.out = append(b.out, '\r') }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// NAK is the acknowledgement to a message that could not be taken in. Code, Text
// and ErrorCode of a are set from cause (what [Parse] or a transport returned,
// which holds no content): AR where the sender's bytes are at fault beyond
// repair, AE otherwise, and CR or CE if MSH-15 or MSH-16 can be read and asks
// for enhanced mode. The condition itself is not weighed: bytes that could not be
// read are always answered.
func NAK(req []byte, cause error, a AckInfo) []byte {
	a.Code, a.ErrorCode, a.Text = AE, ApplicationError, cause.Error()
	switch {
	case errors.Is(cause, ErrNoMSH), errors.Is(cause, ErrEmpty), errors.Is(cause, ErrTooShort), errors.Is(cause, ErrBadDelimiters):
		a.Code, a.ErrorCode = AR, SegmentSequenceError
	case errors.Is(cause, ErrTooLarge):
		a.Code = AR
	}
	o := a.Options
	o.MaxSize = maxSize
	if h, err := readHeader(req, o); err == nil && (len(h.field(15)) > 0 || len(h.field(16)) > 0) {
		a.Code = map[AckCode]AckCode{AE: CE, AR: CR}[a.Code]
	}
	return ACK(req, a)
}
