package queue

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
)

// laneIndex tells, for items that are not in memory, whether a lane occurs in a
// segment after a given sequence number. Lanes are kept as 32-bit fingerprints:
// a false positive only makes an item wait for its class's order. 8 bytes per
// lane and segment.
type laneIndex struct {
	first uint64            // the segment's first sequence number
	open  map[uint32]uint32 // while the segment takes items: fingerprint -> offset of last
	prints,
	last []uint32 // when closed, sorted by print
}

func fingerprint(l Lane) uint32 { return crc32.Checksum([]byte(l), castagnoli) }

func (x *laneIndex) add(lanes []Lane, seq uint64) {
	if x.open == nil {
		x.open = make(map[uint32]uint32)
	}
	for _, l := range lanes {
		x.open[fingerprint(l)] = uint32(min(seq-x.first, math.MaxUint32))
	}
}

// after reports whether the lane may occur beyond seq.
func (x *laneIndex) after(mark uint32, seq uint64) bool {
	if x.open != nil {
		off, ok := x.open[mark]
		return ok && (off == math.MaxUint32 || x.first+uint64(off) > seq)
	}
	i, ok := slices.BinarySearch(x.prints, mark)
	return ok && (x.last[i] == math.MaxUint32 || x.first+uint64(x.last[i]) > seq)
}

// close turns the index into its compact form.
func (x *laneIndex) close() {
	if x.open == nil {
		return
	}
	x.prints = make([]uint32, 0, len(x.open))
	for p := range x.open {
		x.prints = append(x.prints, p)
	}
	slices.Sort(x.prints)
	x.last = make([]uint32, len(x.prints))
	for i, p := range x.prints {
		x.last[i] = x.open[p]
	}
	x.open = nil
}

// footer summarises a closed segment, so that opening a store with millions of
// items reads no items.
type footer struct {
	count uint32 // items
	last  uint64 // highest sequence number
	bytes int64  // sum of envelope sizes
	size  int64  // file bytes in use
	lanes laneIndex
}

// A footer on disk, big-endian: version 1, first 8, last 8, count 4, bytes 8,
// size 8, number of prints 4, prints 4 each ascending, offsets 4 each, CRC-32C.
const (
	footVersion = 1
	footFixed   = 1 + 8 + 8 + 4 + 8 + 8 + 4
)

func encodeFooter(f *footer) []byte {
	f.lanes.close()
	n := len(f.lanes.prints)
	b := make([]byte, 0, footFixed+8*n+4)
	b = append(b, footVersion)
	b = binary.BigEndian.AppendUint64(b, f.lanes.first)
	b = binary.BigEndian.AppendUint64(b, f.last)
	b = binary.BigEndian.AppendUint32(b, f.count)
	b = binary.BigEndian.AppendUint64(b, uint64(f.bytes))
	b = binary.BigEndian.AppendUint64(b, uint64(f.size))
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	for _, p := range f.lanes.prints {
		b = binary.BigEndian.AppendUint32(b, p)
	}
	for _, l := range f.lanes.last {
		b = binary.BigEndian.AppendUint32(b, l)
	}
	return appendSum(b)
}

// decodeFooter decodes a footer; errors wrap ErrDamaged.
func decodeFooter(b []byte) (*footer, error) {
	b, ok := cutSum(b)
	if !ok || len(b) < footFixed || b[0] != footVersion {
		return nil, fmt.Errorf("%w: footer fails its checksum or version", ErrDamaged)
	}
	f := &footer{
		last:  binary.BigEndian.Uint64(b[9:]),
		count: binary.BigEndian.Uint32(b[17:]),
		bytes: int64(binary.BigEndian.Uint64(b[21:])),
		size:  int64(binary.BigEndian.Uint64(b[29:])),
	}
	f.lanes.first = binary.BigEndian.Uint64(b[1:])
	n := int(binary.BigEndian.Uint32(b[37:]))
	if rest := b[footFixed:]; len(rest)%8 != 0 || len(rest)/8 != n {
		return nil, fmt.Errorf("%w: footer of %d bytes for %d lanes", ErrDamaged, len(b), n)
	}
	words := make([]uint32, 2*n)
	for i := range words {
		words[i] = binary.BigEndian.Uint32(b[footFixed+4*i:])
	}
	f.lanes.prints, f.lanes.last = words[:n:n], words[n:]
	if !slices.IsSorted(f.lanes.prints) || f.bytes < 0 || f.size < 0 {
		return nil, fmt.Errorf("%w: footer is out of order", ErrDamaged)
	}
	return f, nil
}

// appendSum appends the CRC-32C of b.
func appendSum(b []byte) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// cutSum checks and removes what appendSum appended.
func cutSum(b []byte) ([]byte, bool) {
	if len(b) < 4 {
		return nil, false
	}
	body := b[:len(b)-4]
	return body, crc32.Checksum(body, castagnoli) == binary.BigEndian.Uint32(b[len(body):])
}
