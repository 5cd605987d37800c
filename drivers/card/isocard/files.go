package isocard

import (
	"bytes"
	"slices"
)

// file is one elementary file, or an application without files.
type file struct {
	aid     []byte
	path    []uint16 // from the MF, without 3F00; the last is the file itself
	sfi     int      // 0: none
	data    []byte
	records [][]byte // a record file when not nil
	deny    uint16   // status word of every read, 0 when readable
	empty   bool     // an application, not a file
}

// in says whether the file is in the selected application and DF. A file that
// names only its application or only its path is found by that; in its own
// application a single file identifier is below the application's DF.
func (f *file) in(aid []byte, dir []uint16) bool {
	if f.empty {
		return false
	}
	if aid != nil && bytes.Equal(f.aid, aid) {
		return f.dir() == nil || dir == nil || slices.Equal(f.dir(), dir)
	}
	if aid != nil && dir == nil || aid == nil && f.aid != nil && f.path == nil {
		return false
	}
	return slices.Equal(f.dir(), dir)
}

// dir is the path of the DF that holds the file; nil in the MF.
func (f *file) dir() []uint16 {
	if len(f.path) < 2 {
		return nil
	}
	return f.path[:len(f.path)-1]
}

func (f *file) fid() uint16 {
	if len(f.path) == 0 {
		return 0
	}
	return f.path[len(f.path)-1]
}

// size is what FCP tag 80 tells.
func (f *file) size() int {
	n := len(f.data)
	for _, r := range f.records {
		n += len(r)
	}
	return n
}

// selectFile is SELECT (ISO/IEC 7816-4, section 11.1.1).
func (c *Card) selectFile(r request) []byte {
	switch r.p1 {
	case 0x04:
		return c.selectAID(r)
	case 0x00, 0x01, 0x02:
		if len(r.data) == 0 && r.p1 == 0x00 {
			return c.enter(r, nil)
		}
		if len(r.data) != 2 {
			return sw(0x6A80)
		}
		return c.selectFID(r, uint16(r.data[0])<<8|uint16(r.data[1]))
	case 0x03:
		if len(c.dir) == 0 {
			return sw(0x6A82)
		}
		return c.enter(r, c.dir[:len(c.dir)-1])
	case 0x08, 0x09:
		return c.selectPath(r)
	}
	return sw(0x6A86)
}

// selectAID finds an application by its full or partial name; P2 bits 1-2 ask
// for the first or only (00), last (01), next (10) or previous (11) one.
func (c *Card) selectAID(r request) []byte {
	if len(r.data) == 0 {
		return sw(0x6A80)
	}
	var found [][]byte
	at := -1
	for _, f := range c.files {
		if f.aid == nil || !bytes.HasPrefix(f.aid, r.data) || slices.ContainsFunc(found, func(a []byte) bool { return bytes.Equal(a, f.aid) }) {
			continue
		}
		if bytes.Equal(f.aid, c.aid) {
			at = len(found)
		}
		found = append(found, f.aid)
	}
	i := 0
	switch r.p2 & 0x03 {
	case 0x01:
		i = len(found) - 1
	case 0x02:
		i = at + 1
	case 0x03:
		i = at - 1
	}
	if i < 0 || i >= len(found) {
		return sw(0x6A82)
	}
	c.aid, c.dir, c.current, c.record = found[i], nil, nil, 0
	for _, f := range c.files { // where its files are, if they say
		if bytes.Equal(f.aid, c.aid) && !f.empty && f.dir() != nil {
			c.dir = f.dir()
			break
		}
	}
	return c.respond(r, c.control(r.p2, nil))
}

// selectFID finds an EF, or with P1 00 and 01 also a DF, below the current DF.
func (c *Card) selectFID(r request, fid uint16) []byte {
	if fid == 0x3F00 && r.p1 == 0x00 {
		c.aid = nil
		return c.enter(r, nil)
	}
	if r.p1 != 0x01 {
		for _, f := range c.files {
			if f.fid() == fid && f.in(c.aid, c.dir) {
				return c.open(r, f)
			}
		}
	}
	if r.p1 != 0x02 {
		if dir := append(slices.Clone(c.dir), fid); c.hasDir(dir) {
			return c.enter(r, dir)
		}
	}
	return sw(0x6A82)
}

// selectPath goes from the MF (08) or the current DF (09). A path that repeats
// 3F00 is accepted.
func (c *Card) selectPath(r request) []byte {
	if len(r.data) == 0 || len(r.data)%2 != 0 {
		return sw(0x6A80)
	}
	var path []uint16
	if r.p1 == 0x09 {
		path = slices.Clone(c.dir)
	}
	for i := 0; i < len(r.data); i += 2 {
		if id := uint16(r.data[i])<<8 | uint16(r.data[i+1]); id != 0x3F00 || i > 0 {
			path = append(path, id)
		}
	}
	for _, f := range c.files {
		if !f.empty && len(path) > 0 && slices.Equal(f.path, path) {
			c.dir = f.dir()
			return c.open(r, f)
		}
	}
	if len(path) == 0 || c.hasDir(path) {
		return c.enter(r, path)
	}
	return sw(0x6A82)
}

func (c *Card) hasDir(dir []uint16) bool {
	return slices.ContainsFunc(c.files, func(f *file) bool {
		return len(f.path) >= len(dir) && slices.Equal(f.path[:len(dir)], dir) && (len(f.path) > len(dir) || f.empty)
	})
}

func (c *Card) enter(r request, dir []uint16) []byte {
	c.dir, c.current, c.record = dir, nil, 0
	if len(dir) == 0 {
		c.aid = nil
	}
	return c.respond(r, c.control(r.p2, nil))
}

func (c *Card) open(r request, f *file) []byte {
	c.current, c.record = f, 0
	return c.respond(r, c.control(r.p2, f))
}

// control is the answer to SELECT: FCI (6F), FCP (62) or nothing, by P2 bits 3-4.
func (c *Card) control(p2 byte, f *file) []byte {
	var body []byte
	if f == nil && c.aid != nil {
		body = append([]byte{0x84, byte(len(c.aid))}, c.aid...)
	}
	if f != nil {
		n := f.size()
		body = []byte{0x80, 0x02, byte(n >> 8), byte(n)}
		if id := f.fid(); id != 0 {
			body = append(body, 0x83, 0x02, byte(id>>8), byte(id))
		}
	}
	switch p2 & 0x0C {
	case 0x00:
		return append([]byte{0x6F, byte(len(body))}, body...)
	case 0x04:
		return append([]byte{0x62, byte(len(body))}, body...)
	}
	return nil
}

// bySFI makes the file with the short identifier the current one; 0 keeps it.
func (c *Card) bySFI(sfi int) (*file, uint16) {
	if sfi == 0 {
		if c.current == nil {
			return nil, 0x6986
		}
		return c.current, 0
	}
	for _, f := range c.files {
		if f.sfi == sfi && f.in(c.aid, c.dir) {
			c.current, c.record = f, 0
			return f, 0
		}
	}
	return nil, 0x6A82
}
