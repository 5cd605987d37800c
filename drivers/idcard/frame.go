package idcard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A frame is a preamble, a length, a body and a checksum, the same both ways:
//
//	AA AA AA 96 69 | length, 2 bytes, big-endian | body | checksum
//
// The length counts the body and the checksum. The checksum is the XOR of the
// length bytes and the body. A request's body is command, parameter and data; a
// response's body is three status bytes and data.
const (
	preamble = "\xAA\xAA\xAA\x96\x69"
	// headerLen is the preamble and the length.
	headerLen = len(preamble) + 2
	// MaxLength is the largest value of the length field: a read with
	// fingerprint (3 status bytes, 6 length bytes, 256+1024+1024, checksum).
	MaxLength = 2314
	// MaxFrame is the size of the longest frame in bytes.
	MaxFrame = headerLen + MaxLength
	// minLength is one body byte and the checksum; a module's sleep command
	// has no parameter byte.
	minLength = 2
)

// Errors of one exchange with a reader. A [Session] repeats the exchange on
// [ErrChecksum], [ErrLength], [ErrTorn] and [ErrNoAnswer]; a [Transport] must use
// them for these cases and no others.
var (
	ErrChecksum = errors.New("frame has a wrong checksum; check the cable and the baud rate")
	ErrLength   = errors.New("frame has an impossible length; check the baud rate")
	ErrTorn     = errors.New("frame ends early; check the cable")
	ErrNoAnswer = errors.New("reader does not answer; check power, cable and baud rate")
)

// ErrOutOfStep is a response that belongs to an earlier request; a [Session] finds it
// by what it says, waits for the line to become quiet and asks again.
var ErrOutOfStep = errors.New("response belongs to another request; the reader answers too late")

// AppendFrame appends the frame around body (up to [MaxLength]-1 bytes) to dst.
func AppendFrame(dst, body []byte) []byte {
	n := len(body) + 1
	start := len(dst) + len(preamble)
	dst = append(dst, preamble...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	dst = append(dst, body...)
	return append(dst, xor(dst[start:]))
}

func xor(b []byte) (sum byte) {
	for _, c := range b {
		sum ^= c
	}
	return sum
}

// Body returns what a complete frame carries, without its checksum, sharing
// memory with frame. It fails with [ErrLength], [ErrTorn] or [ErrChecksum].
func Body(frame []byte) ([]byte, error) {
	if len(frame) < headerLen || !bytes.HasPrefix(frame, []byte(preamble)) {
		return nil, ErrTorn
	}
	n := int(binary.BigEndian.Uint16(frame[len(preamble):]))
	switch {
	case n < minLength || n > MaxLength:
		return nil, fmt.Errorf("%w (length field %d, at most %d)", ErrLength, n, MaxLength)
	case len(frame) < headerLen+n:
		return nil, fmt.Errorf("%w (%d of %d bytes)", ErrTorn, len(frame), headerLen+n)
	case len(frame) > headerLen+n:
		return nil, fmt.Errorf("%w (%d bytes after the frame)", ErrLength, len(frame)-headerLen-n)
	case xor(frame[len(preamble):]) != 0:
		return nil, ErrChecksum
	}
	return frame[headerLen : len(frame)-1], nil
}

// Decoder cuts frames out of a byte stream. It looks for the preamble, so it
// finds its way back after garbage, a torn frame or a lost byte, and it never
// holds more than two of the longest frames. The zero value is ready. It is not
// safe for concurrent use.
type Decoder struct{ buf []byte }

// Write adds received bytes. It never fails.
func (d *Decoder) Write(p []byte) (int, error) {
	d.buf = append(d.buf, p...)
	if over := len(d.buf) - 2*MaxFrame; over > 0 {
		d.buf = append(d.buf[:0], d.buf[over:]...)
	}
	return len(p), nil
}

// Next returns the next complete frame, a copy with a right checksum. It returns
// nil, nil when more bytes are needed, and [ErrChecksum] or [ErrLength] once for
// every damaged frame; calling it again goes on behind the damage.
func (d *Decoder) Next() ([]byte, error) {
	at := bytes.Index(d.buf, []byte(preamble))
	if at < 0 {
		d.drop(len(d.buf) - preambleTail(d.buf))
		return nil, nil
	}
	d.drop(at)
	if len(d.buf) < headerLen {
		return nil, nil
	}
	n := int(binary.BigEndian.Uint16(d.buf[len(preamble):]))
	if n < minLength || n > MaxLength {
		d.drop(1)
		return nil, fmt.Errorf("%w (length field %d, at most %d)", ErrLength, n, MaxLength)
	}
	if len(d.buf) < headerLen+n {
		return nil, nil
	}
	frame := bytes.Clone(d.buf[:headerLen+n])
	if _, err := Body(frame); err != nil {
		// A torn frame swallows the start of the next one: look again inside.
		d.drop(1)
		return nil, err
	}
	d.drop(len(frame))
	return frame, nil
}

// Pending says whether the bytes held could be the start of a frame.
func (d *Decoder) Pending() bool { return len(d.buf) > 0 }

// Reset forgets what was received.
func (d *Decoder) Reset() { d.buf = d.buf[:0] }

func (d *Decoder) drop(n int) { d.buf = append(d.buf[:0], d.buf[n:]...) }

// preambleTail returns how many bytes at the end of b may begin a preamble.
func preambleTail(b []byte) int {
	for n := min(len(preamble)-1, len(b)); n > 0; n-- {
		if bytes.HasPrefix([]byte(preamble), b[len(b)-n:]) {
			return n
		}
	}
	return 0
}
