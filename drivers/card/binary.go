package card

import (
	"context"
	"encoding/binary"

	"cardferry/drivers/decode"
)

// readPlan says how much of a transparent file to read.
type readPlan struct {
	sfi    int    // 0: current file
	offset int    // first byte
	length int    // bytes from offset; -1: see header
	header string // "": to the end of the file; else a header kind
	at     int    // header position from offset
	pairs  int    // pointer pairs with header "pairs"
	chunk  int    // largest short read, 1 to 256
}

// maxOffset is the largest offset of READ BINARY: bit 15 means SFI.
const maxOffset = 0x7FFF

// readBinary reads a transparent file in as few commands as the card allows:
// one extended read where possible, else short chunks. It returns what was read
// and, if the first read was refused, that status word.
func (s *session) readBinary(ctx context.Context, p readPlan) ([]byte, statusWord, error) {
	var buf []byte
	want, byName := p.length, p.sfi
	for want < 0 || len(buf) < want {
		c := command{ins: 0xB0, ne: p.chunk}
		if want >= 0 {
			c.ne = min(c.ne, want-len(buf))
		}
		long := s.extended && s.info.Protocol == T1 && (want < 0 || want-len(buf) > maxShort)
		if long {
			c.ne = maxExtended
			if want >= 0 {
				c.ne = want - len(buf)
			}
		}
		off := p.offset + len(buf)
		switch {
		case byName != 0:
			c.p1, c.p2 = 0x80|byte(byName), byte(off)
		case off > maxOffset:
			return buf, swOK, nil
		default:
			c.p1, c.p2 = byte(off>>8), byte(off)
		}
		data, sw, err := s.command(ctx, c)
		if long && (err != nil && !final(ctx, err) || refusesExtended(sw)) {
			s.extended = false
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		switch sw {
		case swOK, 0x6281, 0x6282: // 6282: the end came before Ne bytes
		case 0x6B00, 0x6A86, 0x6700:
			if len(buf) > 0 { // asked past the end: that is where it ends
				return buf, swOK, nil
			}
			return nil, sw, nil
		default:
			return nil, sw, nil
		}
		byName = 0 // the file is selected now
		buf = append(buf, data...)
		if want < 0 && p.header != "" {
			if n, ok := p.total(buf); ok {
				want = n
			}
		}
		if sw == 0x6282 || len(data) == 0 || want < 0 && len(data) < c.ne {
			break
		}
	}
	if want >= 0 && len(buf) > want {
		buf = buf[:want]
	}
	return buf, swOK, nil
}

// refusesExtended lists the answers of cards without extended length.
func refusesExtended(sw statusWord) bool {
	switch sw {
	case 0x6700, 0x6D00, 0x6E00, 0x6F00:
		return true
	}
	return false
}

// total computes the length of header and content from the bytes read so far;
// false while the header is incomplete.
func (p readPlan) total(b []byte) (int, bool) {
	if len(b) < p.at {
		return 0, false
	}
	h := b[p.at:]
	switch p.header {
	case "be16", "le16":
		if len(h) < 2 {
			return 0, false
		}
		if p.header == "be16" {
			return p.at + 2 + int(binary.BigEndian.Uint16(h)), true
		}
		return p.at + 2 + int(binary.LittleEndian.Uint16(h)), true
	case "ber":
		_, hl, vl, ok := decode.TLVBER.Head(h)
		return p.at + hl + vl, ok
	case "pairs":
		if len(h) < 4*p.pairs {
			return 0, false
		}
		end := p.at + 4*p.pairs
		for i := range p.pairs {
			if _, last, ok := decode.PointerPair(h, i); ok {
				end = max(end, last+1)
			}
		}
		return end, true
	}
	return 0, false
}
