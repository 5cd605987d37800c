package hl7

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Time reads a DTM, DT or TS; a value without a zone is taken to be in loc, see
// [Message.Zone].
func (x Value) Time(loc *time.Location) (Time, error) { return ParseTime(x.Text(), loc) }

// ErrBadNumber says that a value is not an HL7 number.
var ErrBadNumber = errors.New("not a valid HL7 number ([+|-]digits[.digits])")

// Number reads an NM (HL7 v2.9, 2A.2.47) and gives it back as written, without
// blanks around it and without a plus sign: precision is meaning ("5.0" is not
// "5"), so it is kept as text.
func (x Value) Number() (string, error) {
	s := strings.TrimSpace(x.Text())
	digits, points := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			digits++
		case c == '.':
			points++
		case i > 0 || c != '+' && c != '-':
			return "", ErrBadNumber
		}
	}
	if digits == 0 || points > 1 {
		return "", ErrBadNumber
	}
	return strings.TrimPrefix(s, "+"), nil
}

// Integer reads a whole number such as a set id; false when it is none or beyond
// 32 bits.
func (x Value) Integer() (int, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(x.Text()), 10, 32)
	return int(n), err == nil
}

// Observation is an OBX segment: OBX-2 says what OBX-5 is.
type Observation struct {
	Segment
	// Type is OBX-2 in capitals (HL7 table 0125), "" when absent.
	Type string
}

// Observation sees the segment as an OBX; false when it has another name.
func (s Segment) Observation() (Observation, bool) {
	if !s.is("OBX") {
		return Observation{}, false
	}
	return Observation{s, strings.ToUpper(strings.TrimSpace(s.Field(2).Text()))}, true
}

// Code is what was observed, OBX-3.
func (o Observation) Code() CWE { return o.Field(3).CWE() }

// Value is OBX-5.
func (o Observation) Value() Field { return o.Field(5) }

// Narrative is the text of OBX-5 of the types TX, FT and ST, the repetitions as
// lines. Delimiters that the sender forgot to escape stay as characters. Other
// types and null give "".
func (o Observation) Narrative() string {
	switch o.Type {
	case "TX", "FT", "ST":
	default:
		return ""
	}
	var sb strings.Builder
	for n, rep := range o.Value().All() {
		if n > 1 {
			sb.WriteByte('\n')
		}
		sb.WriteString(rep.Whole())
	}
	return sb.String()
}

// SN is a structured numeric: "> 100", "1:128", "2-4", "2+".
type SN struct {
	Comparator string // 1: > < >= <= = <>, "" means =
	First      string // 2
	Separator  string // 3: - + / . :
	Second     string // 4
}

// SN reads a structured numeric. The numbers are as written.
func (x Value) SN() SN { return SN{x.sub(1), x.sub(2), x.sub(3), x.sub(4)} }

func (n SN) write(b *Builder, at depth) {
	texts(n.Comparator, n.First, n.Separator, n.Second).write(b, at)
}

// ED is encapsulated data: a document inside a message.
type ED struct {
	Source   HD     // 1
	Type     string // 2 (HL7 table 0834), for example "application"
	Subtype  string // 3 (HL7 table 0291), for example "pdf"
	Encoding string // 4 (HL7 table 0299): A, Hex or Base64
	Data     Value  // 5, still encoded
}

// ED reads encapsulated data. The document itself is not touched.
func (x Value) ED() ED {
	return ED{x.down(1).HD(), x.sub(2), x.sub(3), x.sub(4), x.down(5)}
}

// ErrBadDocument says that encapsulated data does not decode.
var ErrBadDocument = errors.New("encapsulated data does not decode as ED-4 says")

// Decode is the document. Line breaks inside Base64 and Hex, real or escaped, do
// not count; Base64 padding may be missing. The result is never larger than the
// value. The error wraps [ErrBadDocument].
func (e ED) Decode() ([]byte, error) {
	text := e.Data.Text()
	if strings.EqualFold(e.Encoding, "A") || e.Encoding == "" {
		return []byte(text), nil
	}
	text = strings.Map(func(r rune) rune {
		switch r {
		case '\r', '\n', ' ', '\t':
			return -1
		}
		return r
	}, text)
	var out []byte
	var err error
	switch {
	case strings.EqualFold(e.Encoding, "Base64"):
		out, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	case strings.EqualFold(e.Encoding, "Hex"):
		out, err = hex.DecodeString(text)
	default:
		return nil, fmt.Errorf("hl7: %w: encoding is not in table 0299", ErrBadDocument)
	}
	if err != nil {
		return nil, fmt.Errorf("hl7: %w", ErrBadDocument) // the cause would repeat content
	}
	return out, nil
}
