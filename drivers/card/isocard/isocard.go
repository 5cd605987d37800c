// Package isocard is a smart card in software: an ISO/IEC 7816-4 file system, a
// MIFARE Classic or a memory card made from a replay file, or a recorded exchange
// played back. Replays, tests and simulated readers use it in place of plastic.
//
// A file-system card answers SELECT, READ BINARY, READ RECORD and, under T=0,
// GET RESPONSE, with the status words of real cards: 61xx to a case 4 command,
// 6Cxx to a wrong length, 6282 at the end of a file and 6B00 behind it. Storage
// cards answer the reader's commands of class FF. A card can do nothing else; in
// particular nothing can be written.
package isocard

import (
	"bytes"

	"cardferry/drivers/emrtd/chip"
)

// Card is one card. It is a state machine for one user at a time.
type Card struct {
	atr      []byte
	t0       bool
	extended bool // accepts extended length
	exchange []exchange
	played   map[string]int // occurrences of a command so far
	files    []*file

	iso         bool // has a file system
	contactless bool
	uid, ats    []byte
	mifare      *mifare
	memory      *memory
	document    *chip.Chip
	keys        map[string][]byte // the site's, for this replay
	answers     map[string]string // to prompts, by their kind

	aid     []byte   // selected application; nil is the MF
	dir     []uint16 // path of the current DF
	current *file    // current EF
	record  int      // current record, from 1
	pending []byte   // T=0: what GET RESPONSE will fetch
}

type exchange struct{ command, response []byte }

// ATR returns a copy of the answer to reset.
func (c *Card) ATR() []byte { return bytes.Clone(c.atr) }

// T0 says whether the card speaks T=0; else it speaks T=1.
func (c *Card) T0() bool { return c.t0 }

// Contactless says whether the card lies on a contactless reader.
func (c *Card) Contactless() bool { return c.contactless }

// Key returns the site's key of that name, if the replay brings one along.
func (c *Card) Key(name string) ([]byte, bool) {
	k, ok := c.keys[name]
	return bytes.Clone(k), ok
}

// Answer returns what somebody answers to a prompt of that kind, if the replay says so.
func (c *Card) Answer(kind string) (string, bool) {
	a, ok := c.answers[kind]
	return a, ok
}

// Reset does what a power cycle does: nothing is selected, an exchange starts
// over.
func (c *Card) Reset() {
	c.played = map[string]int{}
	c.aid, c.dir, c.current, c.record, c.pending = nil, nil, nil, 0, nil
	c.mifare.reset()
	c.memory.reset()
	if c.document != nil {
		c.document.Reset()
	}
}

// APDU answers one raw command with data and status word. Any input is answered.
func (c *Card) APDU(cmd []byte) []byte {
	if c.exchange != nil {
		return c.play(cmd)
	}
	if c.document != nil && len(cmd) > 0 && cmd[0] != 0xFF {
		return c.document.APDU(cmd)
	}
	req, ok := parse(cmd)
	if !ok || req.extended && (c.t0 || !c.extended) {
		return sw(0x6700)
	}
	pending := c.pending
	c.pending = nil
	if req.cla == 0xFF {
		return c.pseudo(req)
	}
	if req.cla != 0x00 || !c.iso {
		return sw(0x6E00)
	}
	switch req.ins {
	case 0xA4:
		return c.selectFile(req)
	case 0xB0:
		return c.readBinary(req)
	case 0xB2:
		return c.readRecord(req)
	case 0xC0:
		return c.getResponse(req, pending)
	}
	return sw(0x6D00)
}

// play answers from the exchange: a command's next occurrence, then its last.
func (c *Card) play(cmd []byte) []byte {
	n, last := c.played[string(cmd)], []byte(nil)
	for _, x := range c.exchange {
		if !bytes.Equal(x.command, cmd) {
			continue
		}
		last = x.response
		if n == 0 {
			break
		}
		n--
	}
	if last == nil {
		return sw(0x6A82)
	}
	c.played[string(cmd)]++
	return bytes.Clone(last)
}

// request is a parsed command APDU (ISO/IEC 7816-4, section 5.2). le -1 means
// that none was sent; 0 in the field means 256 or 65536.
type request struct {
	cla, ins, p1, p2 byte
	data             []byte
	le               int
	extended         bool
}

func parse(b []byte) (request, bool) {
	if len(b) < 4 {
		return request{}, false
	}
	r := request{cla: b[0], ins: b[1], p1: b[2], p2: b[3], le: -1}
	b = b[4:]
	short := func(c byte) int { return (int(c)+255)%256 + 1 }
	long := func(hi, lo byte) int { return (int(hi)<<8+int(lo)+65535)%65536 + 1 }
	switch {
	case len(b) == 0:
		return r, true
	case len(b) == 1:
		r.le = short(b[0])
		return r, true
	case b[0] != 0:
		lc := int(b[0])
		switch len(b) - 1 - lc {
		case 0:
		case 1:
			r.le = short(b[1+lc])
		default:
			return r, false
		}
		r.data = b[1 : 1+lc]
		return r, true
	case len(b) == 3:
		r.le, r.extended = long(b[1], b[2]), true
		return r, true
	case len(b) > 3:
		lc := int(b[1])<<8 | int(b[2])
		switch len(b) - 3 - lc {
		case 0:
		case 2:
			r.le = long(b[3+lc], b[4+lc])
		default:
			return r, false
		}
		r.data, r.extended = b[3:3+lc], true
		return r, lc > 0
	}
	return r, false
}

func sw(code uint16) []byte { return []byte{byte(code >> 8), byte(code)} }

func answer(data []byte, code uint16) []byte {
	return append(bytes.Clone(data), byte(code>>8), byte(code))
}

// wrongLength is 6Cxx, or 6700 when the right length does not fit.
func wrongLength(n int) []byte {
	if n > 256 {
		return sw(0x6700)
	}
	return sw(0x6C00 | uint16(byte(n)))
}

// getResponse fetches what a T=0 case 4 command left (ISO/IEC 7816-3, 12.2.4).
func (c *Card) getResponse(r request, pending []byte) []byte {
	if !c.t0 || pending == nil || r.p1 != 0 {
		return sw(0x6985)
	}
	if r.le < 0 || r.le > len(pending) && len(pending) < 256 && r.le != 256 {
		c.pending = pending
		return wrongLength(len(pending))
	}
	n := min(r.le, len(pending))
	if n == len(pending) {
		return answer(pending, 0x9000)
	}
	c.pending = pending[n:]
	return answer(pending[:n], 0x6100|uint16(byte(min(len(c.pending), 256))))
}

// respond returns data as the protocol demands: T=0 announces it with 61xx, T=1
// sends it if it was asked for.
func (c *Card) respond(r request, data []byte) []byte {
	switch {
	case len(data) == 0:
		return sw(0x9000)
	case c.t0:
		c.pending = data
		return sw(0x6100 | uint16(byte(min(len(data), 256))))
	case r.le < 0:
		return sw(0x9000)
	}
	return answer(data[:min(len(data), r.le)], 0x9000)
}
