package card

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxShort and maxExtended are the largest Ne of short and extended length
// fields (ISO/IEC 7816-4, section 5.2).
const (
	maxShort    = 256
	maxExtended = 65536
)

// command is a command APDU. ne is the expected response length: 0 none, up to
// 256 short, up to 65536 extended.
type command struct {
	builtin          bool // of a step of the engine's own, see permitBuiltin
	document         bool // of the step emrtd, see permitDocument
	cla, ins, p1, p2 byte
	data             []byte
	ne               int
}

// encode returns the command for the protocol. Under T=0 a case 4 command loses
// its Le (the card answers 61xx), a case 1 command gets P3 = 00 and extended
// length does not exist (ISO/IEC 7816-3, section 12.2).
func (c command) encode(p Protocol) ([]byte, error) {
	extended := c.ne > maxShort || len(c.data) > 255
	if extended && p == T0 {
		return nil, errors.New("extended length needs T=1")
	}
	out := append(make([]byte, 0, 9+len(c.data)), c.cla, c.ins, c.p1, c.p2)
	switch {
	case extended:
		out = append(out, 0)
		if len(c.data) > 0 {
			out = binary.BigEndian.AppendUint16(out, uint16(len(c.data)))
			out = append(out, c.data...)
		}
		if c.ne > 0 {
			out = binary.BigEndian.AppendUint16(out, uint16(c.ne))
		}
	case len(c.data) == 0 && c.ne == 0:
		if p == T0 {
			out = append(out, 0)
		}
	case len(c.data) == 0:
		out = append(out, byte(c.ne))
	default:
		out = append(append(out, byte(len(c.data))), c.data...)
		if c.ne > 0 && p == T1 {
			out = append(out, byte(c.ne))
		}
	}
	return out, nil
}

// parseCommand takes a short command APDU apart (cases 1 to 4).
func parseCommand(b []byte) (command, error) {
	if len(b) < 4 {
		return command{}, errors.New("a command has at least 4 bytes: CLA INS P1 P2")
	}
	c := command{cla: b[0], ins: b[1], p1: b[2], p2: b[3]}
	rest := b[4:]
	if len(rest) == 0 {
		return c, nil
	}
	if len(rest) == 1 {
		c.ne = shortLength(rest[0])
		return c, nil
	}
	lc := int(rest[0])
	switch len(rest) - 1 - lc {
	case 0:
		c.data = rest[1:]
	case 1:
		c.data = rest[1 : 1+lc]
		c.ne = shortLength(rest[1+lc])
	default:
		return command{}, fmt.Errorf("length Lc says %d data bytes, %d follow", lc, len(rest)-1)
	}
	if lc == 0 {
		return command{}, errors.New("length Lc is 0; leave it out")
	}
	return c, nil
}

// shortLength decodes a one-byte length field, where 00 means 256.
func shortLength(b byte) int {
	if b == 0 {
		return maxShort
	}
	return int(b)
}

// statusWord is SW1 SW2.
type statusWord uint16

const swOK statusWord = 0x9000

// statusText has the status words that a reader of an error most often needs
// (ISO/IEC 7816-4, table 6).
func (sw statusWord) text() string {
	switch sw {
	case 0x6283:
		return "file deactivated"
	case 0x6700:
		return "wrong length"
	case 0x6982:
		return "security status not satisfied"
	case 0x6985:
		return "conditions of use not satisfied"
	case 0x6986:
		return "no current file"
	case 0x6A81:
		return "function not supported"
	case 0x6A82:
		return "file or application not found"
	case 0x6A83:
		return "record not found"
	case 0x6A86:
		return "wrong P1 P2"
	case 0x6B00:
		return "offset outside the file"
	case 0x6D00:
		return "instruction not supported"
	case 0x6E00:
		return "class not supported"
	}
	return "refused"
}
