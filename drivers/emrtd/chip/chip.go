// Package chip is the chip of a travel document in software, the counterpart of
// package emrtd for tests and simulated readers: EF.CardAccess, BAC and PACE with
// generic mapping, secure messaging, SELECT and READ BINARY (ICAO Doc 9303 parts 10
// and 11). It is written apart from the reader, from the same standard, so that a
// mistake of one is not a mistake of both; the worked examples of Doc 9303-11,
// appendices D and G, pin it.
//
// A chip holds invented people. It is a state machine for one user at a time.
package chip

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"io"
)

// Config is what a chip has and how it opens.
type Config struct {
	// KeyInfo is the key part of the machine readable zone: document number (nine
	// characters at least, filled with <), birth date and expiry, each with its check
	// digit. Without it the chip has no BAC.
	KeyInfo string
	// CAN is the card access number, for PACE; empty for none.
	CAN string
	// PACE are the ways that EF.CardAccess offers; without any there is no such file.
	PACE []Way
	// NoBAC makes the application inaccessible to BAC, as new documents do.
	NoBAC bool
	// Files are the elementary files of the application by their identifiers: 011E
	// EF.COM, 0101 DG1 and so on.
	Files map[uint16][]byte
	// Random is where numbers come from; nil for crypto/rand.
	Random io.Reader
}

// Way is one PACEInfo: a cipher of 1 (3DES) to 4 (AES-256), which is the last arc of
// the object identifier, and standardized domain parameters (Doc 9303-11, table 6).
type Way struct {
	Cipher, Parameter int
}

// Chip is one chip.
type Chip struct {
	c          Config
	inside     bool   // the application is selected
	file       []byte // current elementary file
	challenge  []byte // of BAC
	pace       *exchange
	session    *session
	Tries      int // authentications that were tried since Reset
	cardAccess []byte
}

const idCardAccess = 0x011C

var aid = []byte{0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01}

// New makes a chip.
func New(c Config) *Chip {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	x := &Chip{c: c}
	if len(c.PACE) > 0 {
		x.cardAccess = cardAccess(c.PACE)
	}
	return x
}

// Reset does what a power cycle does.
func (x *Chip) Reset() {
	*x = Chip{c: x.c, cardAccess: x.cardAccess}
}

// APDU answers one raw command with data and status word. Any input is answered.
func (x *Chip) APDU(cmd []byte) []byte {
	r, ok := parse(cmd)
	if !ok {
		return status(0x6700)
	}
	if r.cla == 0x0C {
		return x.protected(r)
	}
	x.session = nil // an unprotected command ends secure messaging
	if r.cla != 0x00 && r.cla != 0x10 {
		return status(0x6E00)
	}
	data, sw := x.answer(r, false)
	return append(bytes.Clone(data), status(sw)...)
}

// answer executes a command. Only a protected one may reach into the application.
func (x *Chip) answer(r request, safe bool) ([]byte, uint16) {
	switch {
	case r.ins == 0xA4:
		return nil, x.selects(r, safe)
	case r.ins == 0xB0:
		return x.read(r)
	case safe:
		return nil, 0x6D00
	case r.ins == 0x84 && x.inside && x.c.KeyInfo != "" && !x.c.NoBAC:
		x.challenge = x.random(8)
		return x.challenge, 0x9000
	case r.ins == 0x82 && x.challenge != nil:
		return x.externalAuthenticate(r)
	case r.ins == 0x22 && r.p1 == 0xC1 && r.p2 == 0xA4:
		return nil, x.setAuthentication(r)
	case r.ins == 0x86 && x.pace != nil:
		return x.generalAuthenticate(r)
	}
	return nil, 0x6D00
}

func (x *Chip) selects(r request, safe bool) uint16 {
	x.file = nil
	switch r.p1 {
	case 0x00:
		if len(r.data) != 0 && !bytes.Equal(r.data, []byte{0x3F, 0x00}) {
			return 0x6A82
		}
		x.inside = false
		return 0x9000
	case 0x04:
		if !bytes.Equal(r.data, aid) || x.c.NoBAC && !safe {
			return 0x6A82
		}
		x.inside = true
		return 0x9000
	case 0x02:
		if len(r.data) != 2 {
			return 0x6A86
		}
	default:
		return 0x6A86
	}
	id := binary.BigEndian.Uint16(r.data)
	if !x.inside {
		if id != idCardAccess || x.cardAccess == nil {
			return 0x6A82
		}
		x.file = x.cardAccess
		return 0x9000
	}
	f, ok := x.c.Files[id]
	switch {
	case !safe:
		return 0x6982
	case !ok:
		return 0x6A82
	}
	x.file = f
	return 0x9000
}

func (x *Chip) read(r request) ([]byte, uint16) {
	from := int(r.p1)<<8 | int(r.p2)
	switch {
	case r.p1&0x80 != 0:
		return nil, 0x6A82
	case x.file == nil:
		return nil, 0x6986
	case from > len(x.file):
		return nil, 0x6B00
	case len(x.file)-from < r.le:
		return x.file[from:], 0x6282
	}
	return x.file[from : from+r.le], 0x9000
}

func (x *Chip) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(x.c.Random, b); err != nil {
		panic("chip: no more random numbers") // a test gave too few
	}
	return b
}

// request is a short command APDU.
type request struct {
	cla, ins, p1, p2 byte
	data             []byte
	le               int
}

func parse(b []byte) (request, bool) {
	if len(b) < 4 {
		return request{}, false
	}
	r := request{cla: b[0], ins: b[1], p1: b[2], p2: b[3]}
	b = b[4:]
	expected := func(c byte) int {
		if c == 0 {
			return 256
		}
		return int(c)
	}
	switch n := len(b); {
	case n == 0:
		return r, true
	case n == 1:
		r.le = expected(b[0])
		return r, true
	case n == 1+int(b[0]):
		r.data = b[1:]
		return r, true
	case n == 2+int(b[0]):
		r.data, r.le = b[1:n-1], expected(b[n-1])
		return r, true
	}
	return r, false
}

func status(sw uint16) []byte { return binary.BigEndian.AppendUint16(nil, sw) }
