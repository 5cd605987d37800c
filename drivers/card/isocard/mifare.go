package isocard

import (
	"bytes"
	"fmt"
)

// mifare is a MIFARE Classic chip behind a reader that speaks PC/SC part 3
// (section 3.2.2): keys are loaded into the reader, a sector is opened with one of
// them, and its blocks are read. Nothing is written.
type mifare struct {
	sectors map[int]*sector
	slots   map[byte][]byte // keys loaded into the reader
	open    int             // sector that is open; -1 none
}

type sector struct {
	keyA, keyB []byte
	data       []byte // whole sector, trailer included
}

// sectorBlocks returns the number of sector n's first block and how many it has.
func sectorBlocks(n int) (first, count int) {
	if n < 32 {
		return 4 * n, 4
	}
	return 128 + 16*(n-32), 16
}

// sectorOf returns the sector that holds a block.
func sectorOf(block int) int {
	if block < 128 {
		return block / 4
	}
	return 32 + (block-128)/16
}

func (m *Mifare) chip(uid []byte) (*mifare, error) {
	if m == nil {
		return nil, nil
	}
	out := &mifare{sectors: map[int]*sector{}}
	for i, s := range m.Sectors {
		_, blocks := sectorBlocks(s.Sector)
		switch {
		case s.Sector < 0 || s.Sector > 39:
			return nil, fmt.Errorf("sectors[%d]: sector is 0 to 39", i)
		case out.sectors[s.Sector] != nil:
			return nil, fmt.Errorf("sectors[%d]: sector %d is given twice", i, s.Sector)
		case s.KeyA != nil && len(s.KeyA) != 6, s.KeyB != nil && len(s.KeyB) != 6:
			return nil, fmt.Errorf("sectors[%d]: a key has 6 bytes", i)
		case len(s.Data) > 16*blocks:
			return nil, fmt.Errorf("sectors[%d]: more data than the sector holds", i)
		}
		data := make([]byte, 16*blocks)
		trailer := data[len(data)-16:]
		copy(trailer[6:10], []byte{0xFF, 0x07, 0x80, 0x69}) // access bits as delivered
		copy(data, s.Data)
		clear(trailer[:6]) // key A never reads back, nor does key B here
		clear(trailer[10:])
		if s.Sector == 0 && len(s.Data) == 0 {
			copy(data, uid)
		}
		out.sectors[s.Sector] = &sector{keyA: s.KeyA, keyB: s.KeyB, data: data}
	}
	return out, nil
}

func (m *mifare) reset() {
	if m != nil {
		m.slots, m.open = map[byte][]byte{}, -1
	}
}

// loadKey is Load Keys (3.2.2.1.4), volatile memory only.
func (m *mifare) loadKey(r request) []byte {
	if r.p1 != 0x00 || len(r.data) != 6 {
		return sw(0x6988)
	}
	m.slots[r.p2] = bytes.Clone(r.data)
	return sw(0x9000)
}

// authenticate is General Authenticate (3.2.2.1.6): version 01, block, key type
// and slot. A failure closes the card.
func (m *mifare) authenticate(r request) []byte {
	m.open = -1
	if r.p1 != 0 || r.p2 != 0 || len(r.data) != 5 || r.data[0] != 1 || r.data[1] != 0 {
		return sw(0x6A81)
	}
	n := sectorOf(int(r.data[2]))
	s, key := m.sectors[n], m.slots[r.data[4]]
	if s == nil || key == nil {
		return sw(0x6300)
	}
	want := s.keyA
	if r.data[3] == 0x61 {
		want = s.keyB
	} else if r.data[3] != 0x60 {
		return sw(0x6A81)
	}
	if want == nil || !bytes.Equal(want, key) {
		return sw(0x6300)
	}
	m.open = n
	return sw(0x9000)
}

// read is Read Binary (3.2.2.1.8) of one block or the rest of a sector.
func (m *mifare) read(r request) []byte {
	block := int(r.p1)<<8 | int(r.p2)
	n := sectorOf(block)
	first, _ := sectorBlocks(n)
	switch {
	case block > 255 || m.sectors[n] == nil:
		return sw(0x6A82)
	case m.open != n:
		return sw(0x6982)
	case r.le < 0:
		return sw(0x6700)
	}
	rest := m.sectors[n].data[16*(block-first):]
	if r.le == 256 {
		return answer(rest[:16], 0x9000)
	}
	if r.le%16 != 0 || r.le > len(rest) {
		return sw(0x6C10)
	}
	return answer(rest[:r.le], 0x9000)
}
