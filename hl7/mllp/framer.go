// Package mllp carries HL7 v2 messages over TCP and TLS in the Minimal Lower
// Layer Protocol (HL7 v2 transport specification, MLLP release 1): each message
// is sent as VT, message, FS, CR.
//
// What is received is read tolerantly: an FS without its CR ends the message, a
// late CR is swallowed, an FS or VT in a field is data, line feeds, NULs and other
// bytes between frames are counted and skipped. What a sender has begun and not
// ended is never a message. What is sent is strict, and no frame is split over two
// writes; the answers to messages that came together may share one. Nothing here
// logs or counts content.
package mllp

import (
	"bytes"
	"errors"
	"math"
)

// The block characters.
const (
	startBlock = 0x0B // VT
	endBlock   = 0x1C // FS
	endData    = 0x0D // CR
)

// DefaultMaxMessage is the limit for one message in bytes where none is given.
const DefaultMaxMessage = 20 << 20

// maxGarbage is how many bytes that belong to no frame a peer may send between
// two frames before it is taken for something else than an MLLP sender.
const maxGarbage = 4096

// Why a byte stream cannot be MLLP. They end the connection.
var (
	ErrTooLarge = errors.New("message is larger than the limit; raise it if the sender is right")
	ErrGarbage  = errors.New("too many bytes outside of any frame; the peer does not speak MLLP")
	ErrUnframed = errors.New("an HL7 message without MLLP framing; have the sender wrap messages in VT … FS CR")
	ErrHTTP     = errors.New("an HTTP request on an MLLP port; check the sender's address")
	ErrTLS      = errors.New("a TLS handshake on a plain MLLP port; switch TLS on here or off at the sender")
)

// Faults counts what was tolerated. All are counts of occurrences except the two
// of bytes.
type Faults struct {
	FillerBytes  uint64 // CR, LF, NUL, TAB or blank between frames
	GarbageBytes uint64 // anything else between frames
	NoCR         uint64 // FS whose CR never came
	InnerFS      uint64 // FS inside a message, kept as data
	InnerVT      uint64 // VT inside a message, kept as data
	DoubledStart uint64 // VT VT
	Fragments    uint64 // frames begun and given up for a new VT or the end of the stream
}

// frameState is where in a frame the last byte was.
type frameState uint8

const (
	between   frameState = iota // before VT
	inside                      // after VT
	ending                      // after FS: the next byte decides
	reopening                   // after a VT inside a frame: the next three bytes decide
)

// Framer cuts a byte stream into messages, in one pass and in any portions: how
// the stream is split never changes what comes out. The zero value is ready,
// with the default limit. It is for one goroutine.
type Framer struct {
	// Max is the limit for one message in bytes; 0 means [DefaultMaxMessage].
	Max int
	// OnFragment, if set, receives what there was of a frame that never ended.
	// It must not keep the slice.
	OnFragment func(fragment []byte)

	state   frameState
	buf     []byte
	inner   int  // index in buf of the first FS that may yet turn out to be the end, -1 none
	vt      int  // index in buf of the VT that may have begun a new frame
	ended   bool // a message was ended by its FS alone; its CR may still come
	tail    int  // bytes of the present Feed from its next FS on; see nextFS
	garbage int
	lead    [8]byte // first garbage bytes, to name what the peer speaks
	faults  Faults
}

// Faults is what was tolerated so far.
func (f *Framer) Faults() Faults { return f.faults }

// Pending says that an FS arrived and the byte behind it did not: if none comes
// soon, call [Framer.Flush].
func (f *Framer) Pending() bool { return f.state == ending }

// Whole says that Pending and the message ends as a message should, with the CR
// of its last segment: there is no need to wait before Flush. Inside a message no
// FS follows a CR, it would begin a segment.
func (f *Framer) Whole() bool { return f.state == ending && f.atSegmentEnd() }

func (f *Framer) atSegmentEnd() bool { return len(f.buf) > 0 && f.buf[len(f.buf)-1] == endData }

// Partial says whether a frame has begun and not ended.
func (f *Framer) Partial() bool { return f.state != between }

// Fragment is what there is of a frame that has not ended.
func (f *Framer) Fragment() []byte { return f.buf }

// Feed takes the next bytes and hands every message that ends in them to emit,
// in order; emit owns the slice. An error from emit, or one of this package's
// (the stream is not MLLP or a message is over the limit), ends the stream. After
// [ErrTooLarge], Fragment still has what was collected.
func (f *Framer) Feed(p []byte, emit func(msg []byte) error) error {
	f.tail = math.MaxInt
	for len(p) > 0 {
		var err error
		switch f.state {
		case between:
			p, err = f.skip(p)
		case inside:
			p, err = f.collect(p)
		case reopening:
			p, err = f.reopen(p, emit)
		default:
			p, err = f.decide(p, emit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Flush tells that nothing followed for now. A pending FS then ends its message.
func (f *Framer) Flush(emit func(msg []byte) error) error {
	if f.state != ending {
		return nil
	}
	f.ended = true
	return f.finish(len(f.buf), emit)
}

// Close tells that the stream ended. A pending FS ends its message, and so does
// one at the end of a segment that was taken for data; anything else unfinished
// is a fragment.
func (f *Framer) Close(emit func(msg []byte) error) error {
	err := f.Flush(emit)
	f.noCR()
	if f.state != between && err == nil {
		err = f.giveUp(f.buf, emit)
	}
	f.state = between
	return err
}

// noCR counts an FS that ended its message, once it is known that no CR follows.
func (f *Framer) noCR() {
	if f.ended {
		f.faults.NoCR++
		f.ended = false
	}
}

// skip passes over what is between frames.
func (f *Framer) skip(p []byte) ([]byte, error) {
	for i, c := range p {
		if c == endData && f.ended { // late, and not filler
			f.ended = false
			continue
		}
		f.noCR()
		switch c {
		case startBlock:
			f.begin(nil)
			return p[i+1:], nil
		case endData, '\n', 0, ' ', '\t':
			f.faults.FillerBytes++
		default:
			if err := f.foreign(c); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// foreign counts a byte that belongs to no frame and names the peer's protocol
// as soon as it shows.
func (f *Framer) foreign(c byte) error {
	f.faults.GarbageBytes++
	if f.garbage < len(f.lead) {
		f.lead[f.garbage] = c
	}
	f.garbage++
	switch lead := f.lead[:min(f.garbage, len(f.lead))]; {
	case f.garbage > maxGarbage:
		return ErrGarbage
	case len(lead) == 2 && lead[0] == 0x16 && lead[1] == 0x03:
		return ErrTLS
	case isHeader(bytes.TrimPrefix(lead, bom)):
		return ErrUnframed
	case len(lead) == 4 && isHTTP(lead):
		return ErrHTTP
	}
	return nil
}

func isHTTP(lead []byte) bool {
	switch string(lead) {
	case "GET/", "POST", "PUT/", "HEAD", "OPTI", "CONN", "DELE", "PATC", "TRAC", "PRI*":
		return true // blanks are filler and not collected
	}
	return false
}

var fs = []byte{endBlock}

var bom = []byte("\uFEFF")

// isHeader says whether b is the name of a segment that a frame begins with.
func isHeader(b []byte) bool {
	switch string(b) {
	case "MSH", "FHS", "BHS":
		return true
	}
	return false
}

// begin starts a frame with what there is of it.
func (f *Framer) begin(start []byte) {
	f.state, f.buf, f.inner, f.ended, f.garbage = inside, start, -1, false, 0
}

// collect takes message bytes up to the next block character.
func (f *Framer) collect(p []byte) ([]byte, error) {
	end := f.nextFS(p)
	data := p
	if end >= 0 {
		data = p[:end]
	}
	if vt := bytes.IndexByte(data, startBlock); vt >= 0 {
		if vt == 0 && len(f.buf) == 0 {
			f.faults.DoubledStart++
			return p[1:], nil
		}
		f.state, f.vt = reopening, len(f.buf)+vt
		return p[vt+1:], f.add(data[:vt+1])
	}
	if err := f.add(data); err != nil {
		return nil, err
	}
	if end < 0 {
		return nil, nil
	}
	f.state = ending
	return p[end+1:], nil
}

// nextFS is the index in p of the first FS, -1 without. What it found it keeps, so
// that a stream full of VTs is not searched again for each.
func (f *Framer) nextFS(p []byte) int {
	if f.tail > len(p) {
		f.tail = 0
		if i := bytes.IndexByte(p, endBlock); i >= 0 {
			f.tail = len(p) - i
		}
	}
	if f.tail == 0 {
		return -1
	}
	return len(p) - f.tail
}

// reopen looks at the three bytes behind a VT inside a frame. If a header segment
// begins there the sender has given the frame up for a new one; otherwise the VT
// is data.
func (f *Framer) reopen(p []byte, emit func([]byte) error) ([]byte, error) {
	switch p[0] {
	case endBlock:
		f.faults.InnerVT++
		f.state = ending
		return p[1:], nil
	case startBlock:
		f.faults.InnerVT++
		f.vt = len(f.buf)
		return p[1:], f.add(p[:1])
	}
	if err := f.add(p[:1]); err != nil {
		return nil, err
	}
	start := f.buf[f.vt+1:]
	if len(start) < len("MSH") {
		return p[1:], nil
	}
	if isHeader(start) || bytes.Equal(start, bom) {
		return p[1:], f.restart(emit)
	}
	f.faults.InnerVT++
	f.state = inside
	return p[1:], nil
}

// restart begins a new frame at f.vt although the last one did not end.
func (f *Framer) restart(emit func([]byte) error) error {
	start := bytes.Clone(f.buf[f.vt+1:])
	err := f.giveUp(f.buf[:f.vt], emit)
	f.begin(start)
	return err
}

// giveUp ends a frame that did not end itself. If it had an FS at the end of a
// segment that was taken for data, that was the end after all; otherwise it is a
// fragment, never a message.
func (f *Framer) giveUp(old []byte, emit func([]byte) error) error {
	if f.inner < 0 {
		f.drop(old)
		return nil
	}
	f.faults.NoCR++
	f.faults.GarbageBytes += uint64(len(old) - f.inner - 1)
	return f.finish(f.inner, emit)
}

// decide looks at the byte behind an FS. CR is canonical; VT begins the next
// frame; filler follows from senders that write line feeds. Anything else means
// that the FS was data, if another one ends the frame.
func (f *Framer) decide(p []byte, emit func([]byte) error) ([]byte, error) {
	switch p[0] {
	case endData:
		return p[1:], f.finish(len(f.buf), emit)
	case startBlock, '\n', 0, ' ', '\t':
		f.faults.NoCR++
		return p, f.finish(len(f.buf), emit)
	case endBlock: // doubled FS: the second decides
		f.faults.NoCR++
		return p[1:], nil
	}
	f.faults.InnerFS++
	if f.inner < 0 && f.atSegmentEnd() {
		f.inner = len(f.buf)
	}
	f.state = inside
	return p, f.add(fs)
}

func (f *Framer) add(data []byte) error {
	limit := f.Max
	if limit <= 0 {
		limit = DefaultMaxMessage
	}
	if len(f.buf)+len(data) > limit {
		f.buf = append(f.buf, data[:limit-len(f.buf)]...)
		return ErrTooLarge
	}
	f.buf = append(f.buf, data...)
	return nil
}

// finish hands out the first n collected bytes.
func (f *Framer) finish(n int, emit func([]byte) error) error {
	msg := f.buf[:n:n]
	f.state, f.buf, f.inner = between, nil, -1
	return emit(msg)
}

// drop gives a frame up.
func (f *Framer) drop(fragment []byte) {
	f.faults.Fragments++
	if f.OnFragment != nil {
		f.OnFragment(fragment)
	}
	f.buf = nil
}

// AppendFrame appends msg as one canonical frame (VT, msg, FS, CR) to dst.
func AppendFrame(dst, msg []byte) []byte {
	dst = append(dst, startBlock)
	dst = append(dst, msg...)
	return append(dst, endBlock, endData)
}
