package pty

import (
	"encoding/binary"
	"sync"

	"cardferry/drivers/idcard"
)

// Fault is something that goes wrong on the wire with an answer of a reader.
type Fault int

// The faults an [IDReader] can be told to commit.
const (
	TornFrame     Fault = iota + 1 // the second half of the answer never comes
	WrongChecksum                  // one bit of the checksum is flipped
	Mute                           // no answer at all
	Garbage                        // noise and half a preamble before the answer
	OutOfStep                      // the answer comes only with the next one, before it
)

// IDReader is a resident-ID-card reader: the state machine of the SAM and of the
// card in its field, with the behaviour that a card which was read is found again
// only after it was lifted. It may be plugged in again after an unplug. Its methods
// are safe for concurrent use; set the fields before plugging in.
type IDReader struct {
	// Baud is the only rate at which the reader answers; 0 is any.
	Baud int
	// NoAddress makes the reader refuse command 30 03, as some do.
	NoAddress bool
	// OnRequest, if not nil, is called before each answer, for tests that act in
	// the middle of a read.
	OnRequest func(idcard.Command)

	mu       sync.Mutex
	card     *IDCard
	found    bool // since put down
	selected bool
	spent    bool // was read, must be lifted
	faults   []Fault
	held     []byte // an answer that is out of step
	refusals []refusal
	requests map[idcard.Command]int
}

type refusal struct {
	cmd    idcard.Command
	status idcard.Status
}

// Place puts a card on the reader, in place of one that may lie there.
func (r *IDReader) Place(card IDCard) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.card, r.found, r.selected, r.spent = &card, false, false, false
}

// Lift takes the card away.
func (r *IDReader) Lift() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.card, r.found, r.selected, r.spent = nil, false, false, false
}

// Inject makes the next answers go wrong, one fault each.
func (r *IDReader) Inject(faults ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, faults...)
}

// Refuse makes the reader answer the next n commands of that kind with status.
func (r *IDReader) Refuse(cmd idcard.Command, status idcard.Status, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range n {
		r.refusals = append(r.refusals, refusal{cmd, status})
	}
}

// Requests says how often a command came.
func (r *IDReader) Requests(cmd idcard.Command) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[cmd]
}

// Connect implements [Device].
func (r *IDReader) Connect(line *Line) (serve func()) { return func() { r.serve(line) } }

func (r *IDReader) serve(line *Line) {
	var dec idcard.Decoder
	buf := make([]byte, 512)
	for {
		n, err := line.Read(buf)
		if err != nil {
			return
		}
		if baud, err := line.Baud(); err == nil && r.Baud != 0 && baud != r.Baud {
			dec.Reset() // a UART at another rate sees noise
			continue
		}
		_, _ = dec.Write(buf[:n])
		for {
			frame, err := dec.Next()
			if frame == nil && err == nil {
				break
			}
			answer := idcard.AppendFrame(nil, []byte{0, 0, byte(idcard.StatusBadChecksum)})
			if err == nil {
				answer = r.Answer(frame)
			}
			if _, err := line.Write(answer); err != nil {
				return
			}
		}
	}
}

// Answer returns what the reader puts on the wire for one request frame, faults
// included; nothing when it is mute. It serves in-memory transports as well.
func (r *IDReader) Answer(frame []byte) []byte {
	body, err := idcard.Body(frame)
	if err != nil {
		return idcard.AppendFrame(nil, []byte{0, 0, byte(idcard.StatusBadChecksum)})
	}
	if len(body) < 2 {
		return nil // sleep and wake are not answered
	}
	cmd := idcard.Command(binary.BigEndian.Uint16(body))
	if r.OnRequest != nil {
		r.OnRequest(cmd)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.requests == nil {
		r.requests = map[idcard.Command]int{}
	}
	r.requests[cmd]++
	status, data := r.execute(cmd)
	return r.spoil(idcard.AppendFrame(nil, append([]byte{0, 0, byte(status)}, data...)))
}

func (r *IDReader) spoil(answer []byte) []byte {
	if r.held != nil {
		answer, r.held = append(r.held, answer...), nil
	}
	if len(r.faults) == 0 {
		return answer
	}
	f := r.faults[0]
	r.faults = r.faults[1:]
	switch f {
	case TornFrame:
		return answer[:len(answer)/2]
	case WrongChecksum:
		answer[len(answer)-1] ^= 1
		return answer
	case OutOfStep:
		r.held = answer
		return nil
	case Garbage:
		return append([]byte{0x00, 0xFF, 0xAA, 0xAA, 0x96, 0xAA}, answer...)
	default:
		return nil
	}
}

// execute runs a command on the SAM.
func (r *IDReader) execute(cmd idcard.Command) (idcard.Status, []byte) {
	for i, f := range r.refusals {
		if f.cmd == cmd {
			r.refusals = append(r.refusals[:i:i], r.refusals[i+1:]...)
			return f.status, nil
		}
	}
	switch cmd {
	case idcard.CmdReset, idcard.CmdStatus:
		return idcard.StatusOK, nil
	case idcard.CmdSAMNumber:
		return idcard.StatusOK, samNumber()
	case idcard.CmdFind:
		if r.card == nil || r.spent {
			return idcard.StatusNoCard, nil
		}
		r.found = true
		return idcard.StatusFound, make([]byte, 4)
	case idcard.CmdSelect:
		if r.card == nil || !r.found {
			return idcard.StatusSelectFailed, nil
		}
		r.selected = true
		return idcard.StatusOK, make([]byte, 8)
	case idcard.CmdRead, idcard.CmdReadAll:
		if r.card == nil || !r.selected {
			return idcard.StatusReadFailed, nil
		}
		// Whether a second read without select works on real readers is our
		// assumption; here it does, so that a damaged answer can be asked again.
		r.spent = true
		return idcard.StatusOK, r.blocks(cmd)
	case idcard.CmdNewestAddress:
		return r.addresses()
	case idcard.CmdCardNumber:
		if r.card == nil || !r.selected {
			return idcard.StatusReadFailed, nil
		}
		return idcard.StatusOK, make([]byte, 28)
	default:
		return idcard.StatusBadCommand, nil
	}
}

// samNumber is a made-up module number.
func samNumber() []byte {
	b := binary.LittleEndian.AppendUint16(nil, 5)
	b = binary.LittleEndian.AppendUint16(b, 3)
	for _, n := range []uint32{20200101, 1234567, 89012345} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// blocks returns the lengths and the blocks of a read.
func (r *IDReader) blocks(cmd idcard.Command) []byte {
	photo := make([]byte, 1024)
	copy(photo, r.card.Photo)
	data := binary.BigEndian.AppendUint16(nil, idcard.TextSize)
	data = binary.BigEndian.AppendUint16(data, uint16(len(photo)))
	var finger []byte
	if cmd == idcard.CmdReadAll {
		finger = r.card.Fingerprint[:min(1024, len(r.card.Fingerprint))]
		data = binary.BigEndian.AppendUint16(data, uint16(len(finger)))
	}
	text := make([]byte, idcard.TextSize)
	copy(text, r.card.Text)
	data = append(data, text...)
	data = append(data, photo...)
	return append(data, finger...)
}

func (r *IDReader) addresses() (idcard.Status, []byte) {
	switch {
	case r.NoAddress:
		return idcard.StatusBadCommand, nil
	case r.card == nil || !r.selected:
		return idcard.StatusReadFailed, nil
	case len(r.card.Addresses) == 0:
		return idcard.StatusNoContent, nil
	}
	const size, most = 70, 4
	var data []byte
	for _, a := range r.card.Addresses[max(0, len(r.card.Addresses)-most):] {
		b := blank(size)
		put(b, a)
		data = append(data, b...)
	}
	return idcard.StatusOK, data
}
