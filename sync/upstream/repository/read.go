package repository

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Resource is one version of a resource as it was stored.
type Resource struct {
	Type        string
	ID          string
	Version     uint64 // from 1
	LastUpdated time.Time
	Deleted     bool
	JSON        []byte // with id and meta; nil when deleted
}

// Read returns the current version, [ErrNotFound] when there never was one.
func (r *Repository) Read(typ, id string) (Resource, error) {
	var out Resource
	err := r.db.View(func(tx *bolt.Tx) error {
		version, s, err := r.current(tx, r.hash("resource", typ, id))
		if err != nil {
			return err
		}
		if version == 0 {
			return ErrNotFound
		}
		out, err = finish(s, version)
		return err
	})
	return out, err
}

// Version returns one version of a resource.
func (r *Repository) Version(typ, id string, version uint64) (Resource, error) {
	var out Resource
	err := r.db.View(func(tx *bolt.Tx) error {
		s, err := r.version(tx, r.hash("resource", typ, id), version)
		if err != nil {
			return err
		}
		out, err = finish(s, version)
		return err
	})
	return out, err
}

// Search returns the live resources of a type that carry an identifier, at most
// limit of them.
func (r *Repository) Search(typ, system, value string, limit int) ([]Resource, error) {
	var out []Resource
	err := r.db.View(func(tx *bolt.Tx) error {
		ids, err := r.find(tx, typ, system, value, limit)
		if err != nil {
			return err
		}
		for _, id := range ids {
			version, s, err := r.current(tx, r.hash("resource", typ, id))
			if err != nil {
				return err
			}
			res, err := finish(s, version)
			if err != nil {
				return err
			}
			out = append(out, res)
		}
		return nil
	})
	return out, err
}

// find returns the ids of live resources with an identifier.
func (r *Repository) find(tx *bolt.Tx, typ, system, value string, limit int) ([]string, error) {
	var ids []string
	prefix := r.hash("identifier", typ, system, value)
	c := tx.Bucket(bIdentifiers).Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix) && len(ids) < limit; k, v = c.Next() {
		id, err := r.seal.Open(nil, nil, v, k)
		if err != nil {
			return nil, err
		}
		ids = append(ids, string(id))
	}
	return ids, nil
}

// finish adds meta.versionId and meta.lastUpdated.
func finish(s stored, version uint64) (Resource, error) {
	out := Resource{Type: s.Type, ID: s.ID, Version: version, LastUpdated: s.Time, Deleted: s.Deleted}
	if s.Deleted {
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(s.Resource))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return out, err
	}
	meta, _ := m["meta"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
	}
	meta["versionId"] = strconv.FormatUint(version, 10)
	meta["lastUpdated"] = s.Time.UTC().Format("2006-01-02T15:04:05.000Z")
	m["meta"] = meta
	var err error
	out.JSON, err = json.Marshal(m)
	return out, err
}
