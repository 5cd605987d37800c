package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// meta.db holds what the segments themselves cannot: it is written by the acker
// alone. Every value ends in a CRC-32C; a row that fails it is ignored, which at
// worst delivers items again.
var (
	bucketAck  = []byte("ack")  // segment name -> ackSet
	bucketFoot = []byte("foot") // segment name -> footer of a segment that has none of its own
	bucketGap  = []byte("gap")  // lane -> Gap
	bucketIDs  = []byte("ids")  // segment name, unlinked -> id digests, 16 bytes each
	bucketSys  = []byte("sys")  // "high" -> highest sequence number ever assigned

	bucketBallast = []byte("ballast")
	metaBuckets   = [][]byte{bucketAck, bucketFoot, bucketGap, bucketIDs, bucketSys}
	keyHigh       = []byte("high")
)

// metaBallast is written and freed when meta.db is made, so that its blocks are
// there when the disk is full and acknowledgements must still be committed.
const metaBallast = 1 << 20

// renewDB copies the database at path, read-only and guarded, into a fresh file
// that replaces it; a missing one is created empty. prepare makes the buckets,
// put copies one pair and may say that it is damaged. A damaged database goes to quarantine and is reported;
// what could be read of it is kept.
func renewDB(path, quarantine string, prepare func(*bbolt.Tx) error,
	put func(tx *bbolt.Tx, bucket, k, v []byte) error,
) (db *bbolt.DB, damage error, err error) {
	tmp := path + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	db, err = createDB(tmp, 16<<20)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close()
			_ = os.Remove(tmp)
			db = nil
		}
	}()
	if err = db.Update(prepare); err != nil {
		return db, nil, err
	}
	_, statErr := os.Stat(path)
	exists := statErr == nil
	if exists {
		if damage, err = copyDB(db, path, put); err != nil {
			return db, nil, err
		}
		if damage != nil {
			if err = setAside(path, quarantine); err != nil {
				return db, damage, err
			}
		}
	}
	if !renameOpen {
		if err = db.Close(); err != nil {
			return db, damage, err
		}
	}
	if err = publish(tmp, path); err != nil {
		return db, damage, err
	}
	if !renameOpen {
		db, err = createDB(path, 16<<20)
	}
	return db, damage, err
}

// copyDB copies every pair of every bucket; damage ends the copy early.
func copyDB(to *bbolt.DB, path string, put func(tx *bbolt.Tx, bucket, k, v []byte) error) (damage, err error) {
	src, damage := openReadOnly(path)
	if damage != nil {
		if !errors.Is(damage, ErrDamaged) {
			return nil, damage
		}
		return damage, nil
	}
	defer src.Close()
	if !metaPagesIntact(path) {
		damage = fmt.Errorf("%w: %s: meta page", ErrDamaged, filepath.Base(path))
	}
	err = to.Update(func(dst *bbolt.Tx) error {
		var putErr error
		readErr := guard(func() error {
			return src.View(func(tx *bbolt.Tx) error {
				return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
					return walkBucket(b, func(k, v []byte) error {
						putErr = put(dst, name, k, v)
						return putErr
					})
				})
			})
		})
		if readErr != nil && (putErr == nil || errors.Is(putErr, ErrDamaged)) {
			damage, putErr = damaged(readErr), nil
		}
		return putErr
	})
	return damage, err
}

// openMeta opens meta.db anew.
func openMeta(dir, quarantine string) (db *bbolt.DB, damage, err error) {
	prepare := func(tx *bbolt.Tx) error {
		for _, b := range metaBuckets {
			if _, err := tx.CreateBucket(b); err != nil {
				return err
			}
		}
		ballast, err := tx.CreateBucket(bucketBallast)
		if err != nil {
			return err
		}
		return putCounted(ballast, keyHeader, make([]byte, metaBallast))
	}
	put := func(tx *bbolt.Tx, bucket, k, v []byte) error {
		b := tx.Bucket(bucket)
		if b == nil || string(bucket) == string(bucketBallast) {
			return nil
		}
		return putCounted(b, k, v)
	}
	db, damage, err = renewDB(filepath.Join(dir, "meta.db"), quarantine, prepare, put)
	if err != nil {
		return nil, damage, fmt.Errorf("open meta.db: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.DeleteBucket(bucketBallast) })
	if err != nil {
		_ = db.Close()
		return nil, damage, fmt.Errorf("open meta.db: %w", err)
	}
	return db, damage, nil
}

// putCounted stores a pair and keeps the bucket's sequence at its record count.
func putCounted(b *bbolt.Bucket, k, v []byte) error {
	if b.Get(k) == nil {
		if err := b.SetSequence(b.Sequence() + 1); err != nil {
			return err
		}
	}
	return b.Put(k, v)
}

// deleteCounted is the counterpart of putCounted.
func deleteCounted(b *bbolt.Bucket, k []byte) error {
	if b.Get(k) == nil {
		return nil
	}
	if err := b.SetSequence(b.Sequence() - 1); err != nil {
		return err
	}
	return b.Delete(k)
}

func encodeHigh(seq uint64) []byte { return appendSum(binary.BigEndian.AppendUint64(nil, seq)) }

func decodeHigh(b []byte) (uint64, bool) {
	b, ok := cutSum(b)
	if !ok || len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// Gap says that items of a lane were parked or dropped and the lane went on, so
// that the receiver learns of it with the lane's next item. It holds no patient
// data.
type Gap struct {
	Lane  Lane
	Count uint32 // items missing
	First uint64 // sequence numbers of the first and last of them
	Last  uint64
}

func (g *Gap) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, g.Count)
	b = binary.BigEndian.AppendUint64(b, g.First)
	b = binary.BigEndian.AppendUint64(b, g.Last)
	return appendSum(b)
}

func decodeGap(lane, b []byte) (Gap, bool) {
	b, ok := cutSum(b)
	if !ok || len(b) != 20 || len(lane) > MaxLaneBytes {
		return Gap{}, false
	}
	return Gap{Lane(lane), binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint64(b[12:])}, true
}
