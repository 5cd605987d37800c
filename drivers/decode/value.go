package decode

import (
	"errors"
	"log/slog"
)

// Kind is the kind of a value.
type Kind string

// The kinds of value. They are written as they stand in a message.
const (
	KindBytes    Kind = "bytes"
	KindText     Kind = "text" // UTF-8
	KindDocument Kind = "a document"

	kindEither Kind = "bytes or text" // what a stage takes that gives back the same
)

// Value is bytes or, once a stage has decoded them, text or a document. A value
// without bytes is absent. It may be patient data and masks itself in logs.
type Value struct {
	b    []byte
	kind Kind
	doc  *element // of a document
}

// BytesValue returns a value of bytes, which the caller does not change any more.
func BytesValue(b []byte) Value { return Value{b: b, kind: KindBytes} }

// TextValue returns a value of UTF-8 text.
func TextValue(s string) Value { return textValue([]byte(s)) }

func textValue(b []byte) Value { return Value{b: b, kind: KindText} }

// Kind is what the value is.
func (v Value) Kind() Kind { return v.kind }

// Bytes is the value as bytes; the caller does not change them.
func (v Value) Bytes() []byte { return v.b }

// Present says whether there is anything.
func (v Value) Present() bool { return len(v.b) > 0 }

// LogValue masks the value in logs.
func (v Value) LogValue() slog.Value { return slog.StringValue("value (masked)") }

// String masks the value for fmt; Bytes has it.
func (v Value) String() string { return "value (masked)" }

// GoString masks the value for %#v.
func (v Value) GoString() string { return v.String() }

// errAbsent ends a field without a warning: there is nothing.
var errAbsent = errors.New("absent")

// errUnreadable ends a field with the warning "unreadable".
var errUnreadable = errors.New("unreadable")
