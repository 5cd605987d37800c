package queue

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
)

// dedupeSize is how many of the latest ids are remembered, about 5 MB. A sender
// repeats within minutes; what it repeats later the receiver recognises.
const dedupeSize = 1 << 16

// digest stands for an id in memory and in meta.db.
type digest [16]byte

func digestID(id string) digest {
	sum := sha256.Sum256([]byte(id))
	return digest(sum[:16])
}

// idRecord is a remembered id.
type idRecord struct {
	seq    uint64
	class  Class
	digest digest
}

// dedupe remembers the ids of the latest items. Safe for concurrent use.
type dedupe struct {
	mu   sync.Mutex
	seqs map[digest]uint64
	ring []idRecord // in order of arrival
	next int
}

func newDedupe() *dedupe { return &dedupe{seqs: make(map[digest]uint64)} }

func (d *dedupe) lookup(id digest) (seq uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seq, ok = d.seqs[id]
	return seq, ok
}

func (d *dedupe) add(r idRecord) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ring) < dedupeSize {
		d.ring = append(d.ring, r)
	} else {
		if old := d.ring[d.next]; d.seqs[old.digest] == old.seq {
			delete(d.seqs, old.digest)
		}
		d.ring[d.next] = r
		d.next = (d.next + 1) % dedupeSize
	}
	d.seqs[r.digest] = r.seq
}

// refill adds records found on disk, the latest last.
func (d *dedupe) refill(recs []idRecord) {
	slices.SortFunc(recs, func(a, b idRecord) int { return cmp.Compare(a.seq, b.seq) })
	for _, r := range recs {
		d.add(r)
	}
}

// segment encodes the remembered ids of one segment: sequence number 8 bytes
// big-endian and digest 16 each, then CRC-32C. It is empty when there are none.
func (d *dedupe) segment(c Class, first, last uint64) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b []byte
	for _, r := range d.ring {
		if r.class == c && r.seq >= first && r.seq <= last {
			b = append(binary.BigEndian.AppendUint64(b, r.seq), r.digest[:]...)
		}
	}
	if b == nil {
		return nil
	}
	return appendSum(b)
}

const idRecordBytes = 8 + 16

func decodeIDs(c Class, b []byte) []idRecord {
	b, ok := cutSum(b)
	if !ok || len(b)%idRecordBytes != 0 {
		return nil
	}
	recs := make([]idRecord, 0, len(b)/idRecordBytes)
	for ; len(b) > 0; b = b[idRecordBytes:] {
		recs = append(recs, idRecord{binary.BigEndian.Uint64(b), c, digest(b[8:24])})
	}
	return recs
}
