package hd100

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ReportSize is the size of a feature report in bytes, without report id (which is 0).
const ReportSize = 32

// A message travels in reports of one byte head and 31 bytes message, padded with
// zeros. The head says whether more follow.
//
//	request   08 | 00 | length, 2 bytes, little-endian | opcode | payload | XOR of all before
//	answer    02 | status | length | data
//
// A request's length counts opcode and payload. An answer's length is two bytes,
// little-endian, but one byte for some opcodes (see form).
const (
	headLast    = 0x02
	headMore    = 0x82
	markRequest = 0x08
	perReport   = ReportSize - 1

	maxData = 4 << 10 // of an answer; text and photo of an ID card are 1288
)

// ErrAnswer says that the reader's answer follows no form it may have.
var ErrAnswer = errors.New("HD-100 answers in a form that is not known")

// form says how the length of an answer is told.
type form int

const (
	long  form = iota // two bytes
	short             // one byte
	reset             // one or two: the source has one, sister models two; a card's ATR tells
)

// request returns the reports of a request.
func request(opcode byte, payload []byte) [][]byte {
	b := []byte{markRequest, 0}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(payload)+1))
	b = append(append(b, opcode), payload...)
	if opcode != opSlotStatus { // the one request without a sum
		b = append(b, xor(b))
	}
	var reports [][]byte
	for len(b) > 0 {
		r := make([]byte, ReportSize)
		r[0] = headLast
		if b = b[copy(r[1:], b):]; len(b) > 0 {
			r[0] = headMore
		}
		reports = append(reports, r)
	}
	return reports
}

func xor(b []byte) (sum byte) {
	for _, c := range b {
		sum ^= c
	}
	return sum
}

// answer puts the reports of an answer together. The zero value with its form is
// ready.
type answer struct {
	form form
	buf  []byte
}

// add takes the next report and says whether the answer is complete. A report with
// another head is none yet: the reader is busy (assumed).
func (a *answer) add(report []byte) (complete bool, err error) {
	if len(report) < 5 || len(report) > ReportSize {
		return false, fmt.Errorf("%w: report of %d bytes", ErrAnswer, len(report))
	}
	if len(a.buf) == 0 && report[0] != headLast && report[0] != headMore {
		return false, nil
	}
	a.buf = append(a.buf, report[1:]...)
	start, size := a.extent()
	if size > maxData {
		return false, fmt.Errorf("%w: length %d", ErrAnswer, size)
	}
	return len(a.buf) >= start+size, nil
}

// extent returns where the data begin and how many there are.
func (a *answer) extent() (start, size int) {
	const one, two = 3, 4 // bytes before the data
	f := a.form
	if f == reset {
		// TS of an ATR is 3B or 3F (ISO/IEC 7816-3 section 8.1), a high byte of its
		// length is 0.
		f = long
		if a.buf[one] == 0x3B || a.buf[one] == 0x3F {
			f = short
		}
	}
	if f == short {
		return one, int(a.buf[2])
	}
	return two, int(binary.LittleEndian.Uint16(a.buf[2:]))
}

func (a *answer) status() byte { return a.buf[1] }

func (a *answer) data() []byte {
	start, size := a.extent()
	return a.buf[start : start+size]
}
