// Package repository is the end of the line when this machine is itself the
// platform: a small FHIR R4 store that takes the same transactions an upstream
// server would. It makes each transaction effective once, by its idempotency
// key, keeps every version, and finds resources by identifier.
//
// On disk (one bbolt file) nothing is readable without the machine's key:
// resources are sealed, ids and identifiers appear only as keyed hashes.
package repository

import (
	"context"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"cardferry/sync/upstream"
)

var (
	// ErrNotFound says that no such resource or version exists.
	ErrNotFound = errors.New("no such resource")
	// ErrClosed says that the repository was closed.
	ErrClosed = errors.New("repository is closed")
)

// The buckets. Hash is HMAC-SHA-256 cut to 16 bytes.
var (
	bApplied     = []byte("applied")     // hash(idempotency key) -> time applied, Unix ns, 8 bytes
	bCurrent     = []byte("current")     // hash(type, id) -> version, 8 bytes
	bVersions    = []byte("versions")    // hash(type, id) + version -> sealed resource
	bIdentifiers = []byte("identifiers") // hash(type, system, value) + hash(type, id) -> sealed "type/id"
	bCounts      = []byte("counts")      // type -> live resources, 8 bytes
)

// maxGroup bounds how many transactions share one commit.
const maxGroup = 256

// Repository is open until Close and safe for concurrent use.
type Repository struct {
	db       *bolt.DB
	seal     cipher.AEAD
	hashKey  []byte
	requests chan delivery
	closing  chan struct{}
	done     chan struct{}
	once     sync.Once
}

type delivery struct {
	tx   transaction
	done chan error
}

// Open opens or creates the file at path. seal carries its own nonces (as
// cipher.NewGCMWithRandomNonce does).
func Open(path string, seal cipher.AEAD, hashKey []byte) (*Repository, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bApplied, bCurrent, bVersions, bIdentifiers, bCounts} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare repository: %w", err), db.Close())
	}
	r := &Repository{
		db: db, seal: seal, hashKey: hashKey,
		requests: make(chan delivery), closing: make(chan struct{}), done: make(chan struct{}),
	}
	go r.commit()
	return r, nil
}

// Close waits for the commit under way and closes the file.
func (r *Repository) Close() error {
	r.once.Do(func() { close(r.closing) })
	<-r.done
	return r.db.Close()
}

// Deliver applies a transaction Bundle and returns when it is on disk. A key
// that was applied before changes nothing. What can never be applied is an
// *upstream.Refused.
func (r *Repository) Deliver(ctx context.Context, req upstream.Request) error {
	tx, err := parse(req)
	if err != nil {
		return err
	}
	d := delivery{tx: tx, done: make(chan error, 1)}
	select {
	case r.requests <- d:
	case <-ctx.Done():
		return &upstream.Unavailable{Code: "cancelled", Err: ctx.Err()}
	case <-r.closing:
		return &upstream.Unavailable{Code: "closed", Err: ErrClosed}
	}
	return <-d.done // a commit under way always ends
}

// commit is the one writer: it takes whatever waits and commits it at once.
func (r *Repository) commit() {
	defer close(r.done)
	for {
		var group []delivery
		select {
		case d := <-r.requests:
			group = append(group, d)
		case <-r.closing:
			return
		}
	more:
		for len(group) < maxGroup {
			select {
			case d := <-r.requests:
				group = append(group, d)
			default:
				break more
			}
		}
		refusals := make([]error, len(group))
		err := r.db.Update(func(tx *bolt.Tx) error {
			for i, d := range group {
				var err error
				if refusals[i], err = r.apply(tx, d.tx); err != nil {
					return err
				}
			}
			return nil
		})
		for i, d := range group {
			switch {
			case err != nil:
				d.done <- &upstream.Unavailable{Code: "commit", Err: fmt.Errorf("commit to repository: %w", err)}
			default:
				d.done <- refusals[i]
			}
		}
	}
}

// Counts returns the number of live resources by type.
func (r *Repository) Counts() (map[string]int, error) {
	counts := map[string]int{}
	err := r.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bCounts).ForEach(func(k, v []byte) error {
			counts[string(k)] = int(binary.BigEndian.Uint64(v))
			return nil
		})
	})
	return counts, err
}

// hash stands for parts on disk; each part is preceded by its length.
func (r *Repository) hash(parts ...string) []byte {
	h := hmac.New(sha256.New, r.hashKey)
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)[:16]
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
