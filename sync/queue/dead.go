package queue

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// Policy says what a parked item does to its lanes.
type Policy uint8

// The policies.
const (
	// Hold stops the item's lanes until a person retries or drops it: the
	// default for ADT and merges, whose order is their meaning.
	Hold Policy = iota
	// Continue lets the lanes go on; the next item of each carries a Gap.
	Continue
)

// String returns the policy's name.
func (p Policy) String() string {
	if p == Continue {
		return "continue"
	}
	return "hold"
}

// Parked says why an item is parked. Nothing in it may hold patient data.
type Parked struct {
	Code      string `json:"code"`                // stable: "http_422", "translate", …
	Detail    string `json:"detail,omitempty"`    // positions and codes only
	Responder string `json:"responder,omitempty"` // who refused it
	Policy    Policy `json:"policy"`
}

// CodeDamaged parks an item that is stored but fails its checks.
const CodeDamaged = "damaged"

// ParkedItem is a parked item without its payload.
type ParkedItem struct {
	Header
	Parked
	At      time.Time // when it was parked last
	Parks   int       // how often it was parked
	Retried bool      // waiting to be delivered again
}

// Limits of the texts of a parked item; longer ones are cut.
const (
	maxParkedCode   = 64
	maxParkedDetail = 512
)

// dead is dead.db, the parked items. Safe for concurrent use.
type dead struct {
	db  *bbolt.DB
	key *sealer
}

var bucketParked = []byte("p") // sequence number -> parkedRecord

// parkedRecord is a parked item on disk, big-endian: note length 4, note (JSON),
// envelope sealed under dead.db's key, CRC-32C. The envelope of a damaged item is
// what was found, byte for byte.
type parkedRecord struct {
	note     parkedNote
	envelope []byte
}

type parkedNote struct {
	Parked
	At      time.Time `json:"at"`
	Parks   int       `json:"parks"`
	Retry   bool      `json:"retry,omitempty"`
	Damaged bool      `json:"damaged,omitempty"`
	// Lanes are kept beside the envelope, so that a hold survives damage.
	Lanes []Lane `json:"lanes"`
}

func (r *parkedRecord) encode() ([]byte, error) {
	note, err := json.Marshal(r.note)
	if err != nil {
		return nil, fmt.Errorf("encode parked note: %w", err)
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 8+len(note)+len(r.envelope)), uint32(len(note)))
	return appendSum(append(append(b, note...), r.envelope...)), nil
}

// decodeParked decodes a record; the envelope aliases b. Errors wrap ErrDamaged.
func decodeParked(b []byte) (parkedRecord, error) {
	var r parkedRecord
	b, ok := cutSum(b)
	if !ok || len(b) < 4 {
		return r, fmt.Errorf("%w: parked item fails its checksum", ErrDamaged)
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > int64(len(b)-4) {
		return r, fmt.Errorf("%w: parked item is cut short", ErrDamaged)
	}
	if err := json.Unmarshal(b[4:4+n], &r.note); err != nil {
		return r, fmt.Errorf("%w: parked note", ErrDamaged)
	}
	if len(r.note.Lanes) > MaxLanes || r.note.Parks < 0 {
		return r, fmt.Errorf("%w: parked note", ErrDamaged)
	}
	r.envelope = b[4+n:]
	return r, nil
}

// openDead opens dead.db anew; the records keep the key they were sealed under.
func openDead(dir, quarantine string, keys Keyring, codec *codec) (d *dead, damage, err error) {
	dek, wrapped, err := newDEK(keys)
	if err != nil {
		return nil, nil, err
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	fresh := fileHeader{numClasses, id, wrapped}
	prepare := func(tx *bbolt.Tx) error {
		h, err := tx.CreateBucket(bucketHeader)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucket(bucketParked); err != nil {
			return err
		}
		return putHeader(h, &fresh)
	}
	// The old header replaces the fresh one: buckets come in name order, "h"
	// before "p", so a file whose header is lost keeps none of its records.
	headerRead := false
	put := func(tx *bbolt.Tx, bucket, k, v []byte) error {
		switch string(bucket) {
		case string(bucketHeader):
			head, err := decodeFileHeader(v)
			if errors.Is(err, ErrDamaged) && string(k) == string(keyHeader) {
				return nil // the spare follows
			} else if err != nil {
				return err
			}
			if dek, err = keys.Unwrap(head.wrapped); err != nil {
				return fmt.Errorf("%w: dead.db: %w", ErrKeys, err)
			}
			headerRead = true
			return putHeader(tx.Bucket(bucketHeader), &head)
		case string(bucketParked):
			if !headerRead || len(k) != 8 {
				return fmt.Errorf("%w: parked items without header", ErrDamaged)
			}
			return putCounted(tx.Bucket(bucketParked), k, v)
		}
		return nil
	}
	db, damage, err := renewDB(filepath.Join(dir, "dead.db"), quarantine, prepare, put)
	if err != nil {
		return nil, damage, fmt.Errorf("open dead.db: %w", err)
	}
	key, err := newSealer(codec, dek)
	if err != nil {
		_ = db.Close()
		return nil, damage, err
	}
	return &dead{db, key}, damage, nil
}

// put stores or replaces a parked item, durably.
func (d *dead) put(seq uint64, r *parkedRecord) error {
	b, err := r.encode()
	if err != nil {
		return err
	}
	err = guard(func() error {
		return d.db.Update(func(tx *bbolt.Tx) error { return putCounted(tx.Bucket(bucketParked), seqKey(seq), b) })
	})
	if err != nil {
		return fmt.Errorf("store parked item: %w", err)
	}
	return nil
}

// remove forgets a parked item, durably.
func (d *dead) remove(seq uint64) error {
	err := guard(func() error {
		return d.db.Update(func(tx *bbolt.Tx) error { return deleteCounted(tx.Bucket(bucketParked), seqKey(seq)) })
	})
	if err != nil {
		return fmt.Errorf("remove parked item: %w", err)
	}
	return nil
}

// get returns a copy of a record, or an error that wraps ErrNotFound.
func (d *dead) get(seq uint64) (parkedRecord, error) {
	var r parkedRecord
	err := guard(func() error {
		return d.db.View(func(tx *bbolt.Tx) error {
			v := tx.Bucket(bucketParked).Get(seqKey(seq))
			if v == nil {
				return fmt.Errorf("%w: item %d is not parked", ErrNotFound, seq)
			}
			var err error
			r, err = decodeParked(append([]byte(nil), v...))
			return err
		})
	})
	return r, err
}

// each calls fn with every record in sequence order. A record that does not
// decode is given with a note that says so.
func (d *dead) each(fn func(seq uint64, r parkedRecord) error) error {
	return guard(func() error {
		return d.db.View(func(tx *bbolt.Tx) error {
			return tx.Bucket(bucketParked).ForEach(func(k, v []byte) error {
				r, err := decodeParked(v)
				if err != nil {
					r.note = parkedNote{Parked: Parked{Code: CodeDamaged, Policy: Continue}, Damaged: true}
				}
				return fn(binary.BigEndian.Uint64(k), r)
			})
		})
	})
}

// item returns the whole item of a record.
func (d *dead) item(r *parkedRecord) (Item, error) {
	if r.note.Damaged {
		return Item{}, fmt.Errorf("%w: the payload cannot be read", ErrDamaged)
	}
	return openEnvelope(d.key, r.envelope)
}

// openEnvelope decodes and unseals an envelope.
func openEnvelope(key *sealer, b []byte) (Item, error) {
	e, err := decodeEnvelope(b)
	if err != nil {
		return Item{}, err
	}
	payload, err := key.open(&e)
	if err != nil {
		return Item{}, err
	}
	return Item{
		Seq: e.Seq, ID: e.ID, Lanes: e.Lanes, Class: e.Class, Kind: e.Kind,
		Source: e.Source, Received: e.Received, Payload: payload,
	}, nil
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
