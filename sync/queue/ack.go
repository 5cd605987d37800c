package queue

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// ackSet says which items of one segment are done, by ordinal (0 is the first
// item of the segment). On disk it is a watermark and the exceptions above it.
type ackSet struct {
	words []uint64
	n     uint32 // how many are set
}

func (a *ackSet) has(ord uint32) bool {
	w := int(ord / 64)
	return w < len(a.words) && a.words[w]&(1<<(ord%64)) != 0
}

// set marks ord done and reports whether it was not before.
func (a *ackSet) set(ord uint32) bool {
	w := int(ord / 64)
	for len(a.words) <= w {
		a.words = append(a.words, 0)
	}
	if a.words[w]&(1<<(ord%64)) != 0 {
		return false
	}
	a.words[w] |= 1 << (ord % 64)
	a.n++
	return true
}

// An ackSet on disk, big-endian: segment id 16, number of leading full words 4,
// then the words after them, then CRC-32C.
const ackFixed = 16 + 4

func (a *ackSet) encode(id [16]byte) []byte {
	full := 0
	for full < len(a.words) && a.words[full] == ^uint64(0) {
		full++
	}
	b := make([]byte, 0, ackFixed+8*(len(a.words)-full)+4)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(full))
	for _, w := range a.words[full:] {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return appendSum(b)
}

// decodeAckSet decodes the set of the segment with that id and count items.
func decodeAckSet(b []byte, id [16]byte, count uint32) (ackSet, error) {
	b, ok := cutSum(b)
	if !ok || len(b) < ackFixed || (len(b)-ackFixed)%8 != 0 || [16]byte(b[:16]) != id {
		return ackSet{}, fmt.Errorf("%w: acknowledgements fail their checksum", ErrDamaged)
	}
	full := int64(binary.BigEndian.Uint32(b[16:]))
	rest := b[ackFixed:]
	if limit := (int64(count) + 63) / 64; full+int64(len(rest)/8) > limit {
		return ackSet{}, fmt.Errorf("%w: acknowledgements of more than %d items", ErrDamaged, count)
	}
	a := ackSet{words: make([]uint64, full, int(full)+len(rest)/8)}
	for i := range a.words {
		a.words[i] = ^uint64(0)
	}
	for ; len(rest) > 0; rest = rest[8:] {
		a.words = append(a.words, binary.BigEndian.Uint64(rest))
	}
	if tail := count % 64; tail != 0 && len(a.words) == int(count/64)+1 && a.words[count/64]>>tail != 0 {
		return ackSet{}, fmt.Errorf("%w: acknowledgements beyond item %d", ErrDamaged, count)
	}
	for _, w := range a.words {
		a.n += uint32(bits.OnesCount64(w))
	}
	return a, nil
}
