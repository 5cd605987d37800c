//go:build cgo

package usb

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"cardferry/drivers/idcard"
)

// The envelope around SAM frames in the 64-byte HID reports of Miaxis readers; numbers
// are little-endian, n is the length of what is inside:
//
//	request   88 | serial number (2) | n+1 (2) | B1 | frame | sum (2)
//	answer    AA | serial number (2) | n+1 (2) | result | frame | sum (2)
//
// The sum is the 16-bit sum of all bytes from the length on. One that is longer than a
// report goes on in the next, the last report is padded with zeros. Single source: the
// driver of the Miaxis MR-300.
const (
	envelopeRequest = 0x88
	envelopeAnswer  = 0xAA
	envelopePass    = 0xB1 // hand the frame to the SAM
	envelopeHeader  = 6    // up to command or result
	envelopeSum     = 2
	maxEnvelope     = envelopeHeader + idcard.MaxFrame + envelopeSum
	hidReport       = 64

	samPreamble = "\xAA\xAA\xAA\x96\x69"
	samHeader   = 7 // preamble and length
)

// wrap returns the reports that carry a frame.
func wrap(frame []byte) [][]byte {
	b := []byte{envelopeRequest, 0, 0}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(frame)+1))
	b = append(b, envelopePass)
	b = append(b, frame...)
	b = binary.LittleEndian.AppendUint16(b, sum16(b[3:]))
	var all [][]byte
	for len(b) > 0 {
		report := make([]byte, hidReport)
		b = b[copy(report, b):]
		all = append(all, report)
	}
	return all
}

// opener puts the reports of one answer together. The zero value is ready.
type opener struct{ buf []byte }

// add takes the next report. It returns the frame once it is complete, nil and nil
// before; errors are those of an [idcard.Transport]. How long the answer is, the frame
// inside says: the length of the envelope may count the first report only.
func (o *opener) add(report []byte) ([]byte, error) {
	if len(o.buf) == 0 && (len(report) == 0 || report[0] != envelopeAnswer) {
		return nil, nil // noise before an answer
	}
	o.buf = append(o.buf, report...)
	if len(o.buf) > maxEnvelope+hidReport {
		return nil, o.fail(idcard.ErrLength)
	}
	if len(o.buf) < envelopeHeader+samHeader {
		return nil, nil
	}
	inside := o.buf[envelopeHeader:]
	if !bytes.HasPrefix(inside, []byte(samPreamble)) {
		// The reader itself answers, not its SAM.
		return nil, o.fail(fmt.Errorf("%w (result %02X)", idcard.ErrNoAnswer, o.buf[envelopeHeader-1]))
	}
	size := samHeader + int(binary.BigEndian.Uint16(inside[samHeader-2:]))
	if size > idcard.MaxFrame {
		return nil, o.fail(idcard.ErrLength)
	}
	if len(inside) < size+envelopeSum {
		return nil, nil
	}
	frame, sum := inside[:size], binary.LittleEndian.Uint16(inside[size:])
	counted := int(binary.LittleEndian.Uint16(o.buf[3:])) == size+1
	if counted && sum16(o.buf[3:envelopeHeader+size]) != sum {
		return nil, o.fail(idcard.ErrChecksum)
	}
	o.buf = nil
	return frame, nil
}

// pending says whether an answer has begun.
func (o *opener) pending() bool { return len(o.buf) > 0 }

func (o *opener) fail(err error) error {
	o.buf = nil
	return err
}

func sum16(b []byte) (sum uint16) {
	for _, c := range b {
		sum += uint16(c)
	}
	return sum
}
