package card

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/decode"
)

// Bounds of looking around on a card that no profile reads.
const (
	exploreAPDUs = 400
	exploreBytes = 64 << 10
	exploreTime  = 20 * time.Second
	exploreNames = 6 // applications whose files are looked at
)

// wellKnown are names of applications that say what kind of card it is: the payment
// directories (EMV book 1, section 12.2), travel documents (ICAO Doc 9303-10) and
// PKCS#15 (ISO/IEC 7816-15).
var wellKnown = [][]byte{[]byte("2PAY.SYS.DDF01"), []byte("1PAY.SYS.DDF01"), {0xA0, 0x00, 0x00, 0x02, 0x47, 0x10, 0x01}, []byte("\xA0\x00\x00\x00\x63PKCS-15")}

// explorer looks around on a card: everything it sends selects or reads.
type explorer struct {
	s   *session
	ctx context.Context
	err error // that ends it
}

// explore asks a card for what most cards have. It returns an error only when the
// card left or ctx ended; its own limits just end it.
func (e *Engine) explore(ctx context.Context, ch Channel, info Info, tr *trace) error {
	limited, cancel := context.WithTimeout(ctx, exploreTime)
	defer cancel()
	x := &explorer{ctx: limited, s: &session{presence: newPresence(ch, info), getResp: true, apdus: exploreAPDUs, bytes: exploreBytes}}
	if info.Contactless {
		x.send(command{builtin: true, cla: 0xFF, ins: 0xCA, ne: maxShort})
		x.send(command{builtin: true, cla: 0xFF, ins: 0xCA, p1: 0x01, ne: maxShort})
	}
	x.selects(command{ins: 0xA4, data: []byte{0x3F, 0x00}})
	var found [][]byte
	for _, fid := range []byte{0x00, 0x01, 0x02, 0x05, 0x06, 0x07} {
		if x.selects(command{ins: 0xA4, data: []byte{0x2F, fid}}) {
			for _, data := range x.first(0) {
				if fid == 0x00 {
					found = append(found, directory(data)...)
				}
			}
		}
	}
	x.selects(command{ins: 0xA4, data: []byte{0x3F, 0x00}})
	x.files()
	for _, p := range e.profiles {
		found = append(found, p.names()...)
	}
	found = append(found, wellKnown...)
	seen := map[string]bool{}
	looked := 0
	for _, aid := range found {
		if seen[string(aid)] || len(aid) == 0 || len(aid) > 16 {
			continue
		}
		seen[string(aid)] = true
		if knows(tr, aid) && x.selects(command{ins: 0xA4, p1: 0x04, data: aid}) && looked < exploreNames {
			if !payment(aid) {
				looked++
				x.files()
			}
		}
	}
	if ctx.Err() != nil || errors.Is(x.err, drivers.ErrCardRemoved) {
		return fmt.Errorf("look around on the card: %w", x.err)
	}
	return nil
}

// payment says whether an application is a bank's, whose files are no business of
// anyone's: directories, and the registered identifiers of Visa, Mastercard, American
// Express, JCB, Discover and UnionPay.
func payment(aid []byte) bool {
	for _, rid := range [][]byte{[]byte("1PAY"), []byte("2PAY"), {0xA0, 0, 0, 0, 0x03}, {0xA0, 0, 0, 0, 0x04}, {0xA0, 0, 0, 0, 0x25}, {0xA0, 0, 0, 0, 0x65}, {0xA0, 0, 0, 0x01, 0x52}, {0xA0, 0, 0, 0x03, 0x33}} {
		if bytes.HasPrefix(aid, rid) {
			return true
		}
	}
	return false
}

// knows says whether the card may have an application: it has not said no before.
func knows(tr *trace, aid []byte) bool {
	for _, x := range tr.said {
		if len(x.command) >= 5+len(aid) && x.command[1] == 0xA4 && x.command[2] == 0x04 && int(x.command[4]) == len(aid) && bytes.Equal(x.command[5:5+len(aid)], aid) && x.sw() == 0x6A82 {
			return false
		}
	}
	return true
}

// send returns data and status word; after an error that ends the exploration, or
// when the limits are used up, nothing is sent any more.
func (x *explorer) send(c command) ([]byte, statusWord) {
	if x.err != nil {
		return nil, 0
	}
	data, sw, err := x.s.command(x.ctx, c)
	if err != nil && final(x.ctx, err) {
		x.err = err
	}
	if err != nil {
		return nil, 0
	}
	return data, sw
}

// selects sends SELECT with and without wanting the answer.
func (x *explorer) selects(c command) bool {
	c.ne = maxShort
	_, sw := x.send(c)
	if sw == 0x6700 || sw == 0x6A86 {
		c.p2, c.ne = 0x0C, 0
		_, sw = x.send(c)
	}
	return sw == swOK || sw&0xFF00 == 0x6200
}

// files looks at the beginnings of the files with short identifiers.
func (x *explorer) files() {
	for sfi := byte(1); sfi <= 30; sfi++ {
		x.first(sfi)
	}
}

// first reads the first bytes or records of a file; 0 is the current one.
func (x *explorer) first(sfi byte) [][]byte {
	c := command{ins: 0xB0, ne: maxShort}
	if sfi != 0 {
		c.p1 = 0x80 | sfi
	}
	data, sw := x.send(c)
	if sw != 0x6981 && sw != 0x6985 && sw != 0x6D00 {
		return [][]byte{data}
	}
	var records [][]byte
	for n := byte(1); n <= 3; n++ {
		data, sw = x.send(command{ins: 0xB2, p1: n, p2: sfi<<3 | 0x04, ne: maxShort})
		if sw != swOK {
			break
		}
		records = append(records, data)
	}
	return records
}

// directory returns the application names in EF.DIR (ISO/IEC 7816-4, section 12.2.2).
func directory(b []byte) [][]byte {
	var out [][]byte
	for len(b) > 0 && len(out) < 16 {
		tag, hl, vl, ok := decode.TLVBER.Head(b)
		if !ok || vl > len(b)-hl {
			break
		}
		v := b[hl : hl+vl]
		if tag == 0x61 {
			if aid, err := decode.TLVBER.Find(v, 0x4F); err == nil {
				v, tag = aid, 0x4F
			}
		}
		if tag == 0x4F {
			out = append(out, bytes.Clone(v))
		}
		b = b[hl+vl:]
	}
	return out
}
