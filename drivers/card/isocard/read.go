package isocard

// readBinary is READ BINARY, even instruction (ISO/IEC 7816-4, section 11.2.3):
// P1 bit 8 set means SFI and an offset below 256, else a 15-bit offset.
func (c *Card) readBinary(r request) []byte {
	sfi, offset := 0, int(r.p1)<<8|int(r.p2)
	if r.p1&0x80 != 0 {
		sfi, offset = int(r.p1&0x1F), int(r.p2)
		if r.p1&0x60 != 0 || sfi == 0 || sfi == 31 {
			return sw(0x6A86)
		}
	}
	f, fault := c.bySFI(sfi)
	switch {
	case fault != 0:
		return sw(fault)
	case f.deny != 0:
		return sw(f.deny)
	case f.records != nil:
		return sw(0x6981)
	case len(r.data) != 0 || r.le < 0:
		return sw(0x6700)
	case offset >= len(f.data) && offset > 0:
		return sw(0x6B00)
	}
	return c.read(r, f.data[offset:])
}

// readRecord is READ RECORD (section 11.3.3): P2 bits 8-4 are the SFI, bits 3-1
// say what P1 is: 100 a record number (00: the current one), 000 the identifier
// of the first record wanted, which is its first byte.
func (c *Card) readRecord(r request) []byte {
	f, fault := c.bySFI(int(r.p2 >> 3))
	switch {
	case fault != 0:
		return sw(fault)
	case f.deny != 0:
		return sw(f.deny)
	case f.records == nil:
		return sw(0x6981)
	case len(r.data) != 0 || r.le < 0:
		return sw(0x6700)
	}
	n := 0
	switch r.p2 & 0x07 {
	case 0x04:
		if n = int(r.p1); n == 0 {
			n = c.record
		}
	case 0x00:
		for i, rec := range f.records {
			if len(rec) > 0 && rec[0] == r.p1 {
				n = i + 1
				break
			}
		}
	default:
		return sw(0x6A86)
	}
	if n < 1 || n > len(f.records) {
		return sw(0x6A83)
	}
	c.record = n
	return c.read(r, f.records[n-1])
}

// read answers Le bytes of b. Asked for more than there is, a T=0 card names the
// right length (6Cxx); a T=1 card sends what it has, with 6282 unless Le asked
// for all.
func (c *Card) read(r request, b []byte) []byte {
	if r.le <= len(b) {
		return answer(b[:r.le], 0x9000)
	}
	all := r.le == 256 && !r.extended || r.le == 65536
	switch {
	case len(b) == 0:
		return sw(0x6282)
	case c.t0:
		return wrongLength(len(b))
	case all:
		return answer(b, 0x9000)
	}
	return answer(b, 0x6282)
}
