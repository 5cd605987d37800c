package repository

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	bolt "go.etcd.io/bbolt"
)

// apply plans a transaction against the state in tx and, only when every entry
// can be done, writes it. A refusal leaves tx as it was, since it is decided
// before the first write; err ends the whole commit.
func (r *Repository) apply(tx *bolt.Tx, t transaction) (refusal, err error) {
	applied, mark := tx.Bucket(bApplied), r.hash("applied", t.key)
	if applied.Get(mark) != nil {
		return nil, nil
	}
	places, refusal := r.place(tx, &t)
	if refusal != nil {
		return refusal, nil
	}
	for _, e := range t.entries {
		if e.resource != nil {
			rewrite(e.resource, places)
		}
		if err := r.write(tx, e); err != nil {
			return nil, err
		}
	}
	return nil, applied.Put(mark, u64(uint64(time.Now().UnixNano())))
}

// place decides which resource each entry means and what its fullUrl becomes.
func (r *Repository) place(tx *bolt.Tx, t *transaction) (map[string]string, error) {
	places := map[string]string{}
	seen := map[string]bool{}
	for i := range t.entries {
		e := &t.entries[i]
		if e.cond {
			ids, err := r.find(tx, e.typ, e.system, e.value, 2)
			if err != nil {
				return nil, refuse(http.StatusInternalServerError, "exception", "Bundle.entry[%d]: the index is damaged", i)
			}
			switch {
			case len(ids) > 1:
				return nil, refuse(http.StatusPreconditionFailed, "multiple-matches", "Bundle.entry[%d]: the condition matches more than one resource", i)
			case len(ids) == 1:
				e.id = ids[0]
				if e.method == http.MethodPost {
					e.resource = nil // exists: create nothing
				}
			}
		}
		if e.id == "" {
			e.id = newID(t.key, i)
		}
		place := e.typ + "/" + e.id
		if seen[place] {
			return nil, refuse(http.StatusUnprocessableEntity, "duplicate", "Bundle.entry[%d]: a second entry for the same resource", i)
		}
		seen[place] = true
		if e.fullURL != "" {
			places[e.fullURL] = place
		}
	}
	return places, nil
}

// stored is what is sealed for each version.
type stored struct {
	Time     time.Time       `json:"t"`
	Type     string          `json:"y"`
	ID       string          `json:"i"`
	Deleted  bool            `json:"d,omitempty"`
	Resource json.RawMessage `json:"r,omitempty"`
}

// write adds a version. Content equal to the current version adds none.
func (r *Repository) write(tx *bolt.Tx, e entry) error {
	if e.resource == nil && e.method != http.MethodDelete {
		return nil
	}
	at := r.hash("resource", e.typ, e.id)
	version, current, err := r.current(tx, at)
	if err != nil {
		return err
	}
	live := version > 0 && !current.Deleted
	next := stored{Time: time.Now(), Type: e.typ, ID: e.id, Deleted: e.method == http.MethodDelete}
	if next.Deleted {
		if !live {
			return nil
		}
	} else {
		if live && partial(e.resource) {
			if e.resource, err = complete(e.resource, current.Resource); err != nil {
				return err
			}
		}
		e.resource["id"] = e.id
		if next.Resource, err = json.Marshal(e.resource); err != nil {
			return fmt.Errorf("encode %s: %w", e.typ, err)
		}
		if live && bytes.Equal(next.Resource, current.Resource) {
			return nil
		}
	}
	plain, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode %s: %w", e.typ, err)
	}
	key := append(bytes.Clone(at), u64(version+1)...)
	if err := tx.Bucket(bVersions).Put(key, r.seal.Seal(nil, nil, plain, key)); err != nil {
		return err
	}
	if err := tx.Bucket(bCurrent).Put(at, u64(version+1)); err != nil {
		return err
	}
	if err := r.index(tx, e, at, current); err != nil {
		return err
	}
	return count(tx, e.typ, live, !next.Deleted)
}

// index replaces the identifiers of the former version by those of the new one.
func (r *Repository) index(tx *bolt.Tx, e entry, at []byte, former stored) error {
	b := tx.Bucket(bIdentifiers)
	key := func(pair [2]string) []byte {
		return append(r.hash("identifier", e.typ, pair[0], pair[1]), at...)
	}
	if len(former.Resource) > 0 {
		var old map[string]any
		if err := json.Unmarshal(former.Resource, &old); err != nil {
			return fmt.Errorf("decode %s: %w", e.typ, err)
		}
		for _, pair := range identifiers(old) {
			if err := b.Delete(key(pair)); err != nil {
				return err
			}
		}
	}
	for _, pair := range identifiers(e.resource) {
		k := key(pair)
		if err := b.Put(k, r.seal.Seal(nil, nil, []byte(e.id), k)); err != nil {
			return err
		}
	}
	return nil
}

func count(tx *bolt.Tx, typ string, was, is bool) error {
	if was == is {
		return nil
	}
	b := tx.Bucket(bCounts)
	n := uint64(0)
	if v := b.Get([]byte(typ)); v != nil {
		n = binary.BigEndian.Uint64(v)
	}
	if is {
		n++
	} else {
		n--
	}
	return b.Put([]byte(typ), u64(n))
}

func (r *Repository) current(tx *bolt.Tx, at []byte) (uint64, stored, error) {
	v := tx.Bucket(bCurrent).Get(at)
	if v == nil {
		return 0, stored{}, nil
	}
	version := binary.BigEndian.Uint64(v)
	s, err := r.version(tx, at, version)
	return version, s, err
}

func (r *Repository) version(tx *bolt.Tx, at []byte, version uint64) (stored, error) {
	key := append(bytes.Clone(at), u64(version)...)
	sealed := tx.Bucket(bVersions).Get(key)
	if sealed == nil {
		return stored{}, ErrNotFound
	}
	plain, err := r.seal.Open(nil, nil, sealed, key)
	if err != nil {
		return stored{}, fmt.Errorf("unseal a resource: %w", err)
	}
	var s stored
	if err := json.Unmarshal(plain, &s); err != nil {
		return stored{}, fmt.Errorf("decode a resource: %w", err)
	}
	return s, nil
}
