package isocard

// pseudo answers class FF: commands to the reader, not to the card (PC/SC part 3,
// section 3.2.2, and the makers' commands for memory cards).
func (c *Card) pseudo(r request) []byte {
	switch {
	case r.ins == 0xCA && c.contactless && r.p2 == 0x00 && r.p1 <= 0x01:
		return c.identify(r)
	case r.ins == 0x82 && c.mifare != nil:
		return c.mifare.loadKey(r)
	case r.ins == 0x86 && c.mifare != nil:
		return c.mifare.authenticate(r)
	case r.ins == 0xB0 && c.mifare != nil:
		return c.mifare.read(r)
	case r.ins == 0xA4 && c.memory != nil:
		return c.memory.selectType(r)
	case r.ins == 0xB0 && c.memory != nil:
		return c.memory.read(r)
	}
	return sw(0x6D00)
}

// identify is Get Data (3.2.2.1.3): UID with P1 00, historical bytes of the ATS
// with P1 01.
func (c *Card) identify(r request) []byte {
	b := c.uid
	if r.p1 == 0x01 {
		b = c.ats
	}
	switch {
	case b == nil:
		return sw(0x6A81)
	case r.le < 0:
		return sw(0x6700)
	case r.le < len(b):
		return wrongLength(len(b))
	case r.le > len(b) && r.le != 256:
		return answer(b, 0x6282)
	}
	return answer(b, 0x9000)
}
