package queue

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// pageSize is fixed so that a store can move between machines; 4 KiB is right
// for compressed items.
const pageSize = 4096

// lockWait bounds how long bbolt waits for a file lock inside a locked store.
const lockWait = 5 * time.Second

// createDB creates a bbolt file that only this process ever writes.
func createDB(path string, segmentBytes int64) (*bbolt.DB, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         lockWait,
		NoFreelistSync:  true, // the file is never reopened for writing
		FreelistType:    bbolt.FreelistMapType,
		PageSize:        pageSize,
		InitialMmapSize: mapSize(segmentBytes), // no remapping, so readers never block the committer
		NoStatistics:    true,
	})
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", filepath.Base(path), err)
	}
	db.AllocSize = int(min(max(segmentBytes/4, 64<<10), 16<<20))
	return db, nil
}

// openReadOnly opens a bbolt file without the walk over its pages that opening
// for writing takes. A damaged file yields an error that wraps ErrDamaged.
func openReadOnly(path string) (db *bbolt.DB, err error) {
	err = guard(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockWait, NoStatistics: true})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), damaged(err))
	}
	return db, nil
}

// publish renames a finished file into its place, durably.
func publish(tmp, path string) error {
	if err := os.Rename(tmp, path); err != nil { //nolint:gosec // the operator names the folder
		return err
	}
	return syncDir(filepath.Dir(path))
}

// preread reads a file once from front to back, because bbolt's mapping tells
// the kernel not to read ahead.
func preread(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		if n, err := f.Read(buf); n == 0 || err != nil {
			return nil // an unreadable file is reported by whoever needs its content
		}
	}
}
