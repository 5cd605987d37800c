package card

import (
	"context"
	"encoding/binary"
	"strconv"

	"cardferry/drivers/decode"
)

// readPlan says how much of a transparent file to read.
type readPlan struct {
	sfi    int         // 0: current file
	offset int         // first byte
	length int         // bytes from offset; -1: see header
	header string      // "": to the end of the file; else a header kind
	at     int         // header position from offset
	pairs  int         // pointer pairs with header "pairs"
	digits int         // of header "ascii-hex"
	add    int         // bytes there are beyond what the header says
	most   int         // largest length that a header may ask for; 0: no bound of its own
	chunk  int         // largest short read, 1 to 256
	eof    []swPattern // status words that mean the end, beside the usual ones
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
		switch {
		case sw == swOK, sw == 0x6281, sw == 0x6282: // 6282: the end came before Ne bytes
		case len(buf) > 0 && (sw == 0x6B00 || sw == 0x6A86 || sw == 0x6700 || matchSW(p.eof, uint16(sw))):
			return buf, swOK, nil // asked past the end: that is where it ends
		default:
			return nil, sw, nil
		}
		byName = 0 // the file is selected now
		buf = append(buf, data...)
		if want < 0 && p.header != "" {
			if n, ok := p.total(buf); ok {
				want = p.bound(n + p.add)
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

func (p readPlan) bound(n int) int {
	if p.most > 0 {
		return min(n, p.most)
	}
	return n
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
	case "ascii-hex":
		if len(h) < p.digits {
			return 0, false
		}
		n, err := strconv.ParseUint(string(h[:p.digits]), 16, 31)
		return p.at + p.digits + int(n), err == nil
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

// fileSize returns the number of data bytes that an FCP or FCI tells (ISO/IEC
// 7816-4, table 12: tag 80, or 81 with structural information).
func fileSize(control []byte) (int, bool) {
	for _, outer := range []uint32{0x62, 0x6F} {
		inner, err := decode.TLVBER.Find(control, outer)
		if err != nil {
			continue
		}
		for _, tag := range []uint32{0x80, 0x81} {
			if b, err := decode.TLVBER.Find(inner, tag); err == nil && len(b) > 0 && len(b) <= 4 {
				n := 0
				for _, c := range b {
					n = n<<8 | int(c)
				}
				return n, true
			}
		}
	}
	return 0, false
}
