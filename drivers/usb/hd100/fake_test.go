package hd100_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"

	"cardferry/drivers/usb/hd100"
)

// fake is an HD-100 at the other end of a port, made by the vendor library's source:
// a mock, because the device is not to be had.
type fake struct {
	mu      sync.Mutex
	handle  func(opcode byte, payload []byte) reply
	request []byte
	answer  [][]byte
	broken  error
	busy    int      // how often an answer is asked for in vain
	seen    [][]byte // opcode and payload of each request
}

// reply is an answer before it is framed.
type reply struct {
	status byte
	data   []byte
	short  bool // the length has one byte
	mute   bool
}

func ok(data ...byte) reply      { return reply{data: data} }
func okShort(data ...byte) reply { return reply{data: data, short: true} }
func refuse(status byte) reply   { return reply{status: status} }

func (f *fake) port() hd100.Port { return hd100.Port{Set: f.set, Get: f.get} }

var errGone = errors.New("gone")

func (f *fake) set(report []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if len(report) != hd100.ReportSize {
		return errors.New("wrong size")
	}
	f.request = append(f.request, report[1:]...)
	if report[0] == 0x82 {
		return nil
	}
	m := f.request
	f.request = nil
	size := 4 + int(binary.LittleEndian.Uint16(m[2:]))
	opcode, payload := m[4], m[5:size]
	var sum byte
	for _, c := range m[:size] {
		sum ^= c
	}
	if opcode != 0x77 && sum != m[size] {
		f.frame(reply{status: 0x0F})
		return nil
	}
	f.seen = append(f.seen, bytes.Clone(m[4:size]))
	if r := f.handle(opcode, payload); !r.mute {
		f.frame(r)
	}
	return nil
}

func (f *fake) frame(r reply) {
	b := []byte{0x02, r.status}
	if r.short {
		b = append(b, byte(len(r.data)))
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(r.data)))
	}
	b = append(b, r.data...)
	for len(b) > 0 {
		report := make([]byte, hd100.ReportSize)
		report[0] = 0x02
		if b = b[copy(report[1:], b):]; len(b) > 0 {
			report[0] = 0x82
		}
		f.answer = append(f.answer, report)
	}
}

func (f *fake) get(report []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.broken != nil:
		return nil, f.broken
	case f.busy > 0 || len(f.answer) == 0:
		f.busy--
		return report, nil // zeros
	}
	next := f.answer[0]
	f.answer = f.answer[1:]
	return next, nil
}

// desk is a fake with cards.
type desk struct {
	*fake
	contact, field *deskCard
	id             []byte // answer of the ID-card module to a read; nil: no card
}

// deskCard is a card of one of several kinds.
type deskCard struct {
	atr    []byte // contact card
	apdu   func([]byte) []byte
	memory []byte // memory card
	kind   byte   // opcode that powers it
	uid    []byte // contactless
	ats    []byte
	blocks map[byte][]byte
	key    []byte
	opened int
}

func newDesk() *desk {
	d := &desk{fake: &fake{}}
	d.handle = d.answerTo
	return d
}

// put changes what lies where.
func (d *desk) put(change func(*desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *desk) answerTo(opcode byte, payload []byte) reply {
	switch opcode {
	case 0xB0:
		if d.id == nil {
			return refuse(0x80)
		}
		return ok()
	case 0xB1:
		return ok()
	case 0xB3:
		return ok(d.id...)
	case 0x87:
		return ok()
	case 0x41, 0x42, 0x43, 0x44, 0x46, 0x85, 0x86:
		if d.field == nil {
			return refuse(0x01)
		}
		return d.field.contactless(opcode, payload)
	}
	if opcode == 0x77 || opcode >= 0x72 && opcode <= 0x75 {
		if len(payload) == 0 || payload[0] != 0x0C {
			return refuse(0x0E)
		}
	}
	if d.contact == nil {
		return refuse(2)
	}
	return d.contact.contact(opcode, payload)
}

func (c *deskCard) contact(opcode byte, payload []byte) reply {
	switch opcode {
	case 0x77:
		return refuse(1)
	case 0x73:
		return ok()
	case 0x74:
		if c.atr == nil {
			return refuse(4)
		}
		return okShort(c.atr...)
	case 0x72:
		if rsp := c.apdu(payload[2:]); rsp != nil {
			return ok(rsp...)
		}
		return refuse(4)
	case 0x50, 0x60, 0x6D:
		if c.kind != opcode {
			return refuse(4)
		}
		return okShort(0xA2, 0x13, 0x10, 0x91)
	case 0x52:
		from, n := int(payload[0]), int(binary.LittleEndian.Uint16(payload[1:]))
		return ok(c.memory[from : from+n]...)
	case 0x62:
		from, n := int(binary.LittleEndian.Uint16(payload)), int(binary.LittleEndian.Uint16(payload[2:]))
		return ok(c.memory[from : from+n]...)
	case 0x6B:
		from, n := int(binary.LittleEndian.Uint16(payload[1:])), int(binary.LittleEndian.Uint16(payload[3:]))
		return ok(c.memory[from : from+n]...)
	}
	return refuse(0x0D)
}

func (c *deskCard) contactless(opcode byte, payload []byte) reply {
	switch opcode {
	case 0x42:
		return okShort(c.uid...)
	case 0x85:
		if c.ats == nil {
			return refuse(1)
		}
		return okShort(c.ats...)
	case 0x86:
		rsp := c.apdu(payload[1:])
		if rsp == nil {
			return refuse(1)
		}
		return ok(append([]byte{0x00}, rsp...)...)
	case 0x44:
		if c.opened = int(payload[1]); !bytes.Equal(payload[2:], c.key) {
			c.opened = -1
			return refuse(1)
		}
	case 0x46:
		if c.opened != int(payload[0]/4) {
			return refuse(1)
		}
		return okShort(c.blocks[payload[0]]...)
	}
	return ok()
}
