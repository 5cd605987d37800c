package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// guard runs a read of a mapped file. bbolt panics on damaged pages, and a wild
// page number makes the read fault; both become an error that wraps ErrDamaged.
// The panic's text is left out, it may quote page content.
func guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: page structure (%T)", ErrDamaged, r)
		}
	}()
	return f()
}

// damaged makes what bbolt says about a broken file wrap ErrDamaged, and leaves
// errors of the system alone.
func damaged(err error) error {
	for _, e := range []error{berrors.ErrInvalid, berrors.ErrChecksum, berrors.ErrVersionMismatch, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	var sys *fs.PathError
	if err == nil || errors.Is(err, ErrDamaged) || errors.As(err, &sys) || errors.Is(err, berrors.ErrTimeout) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// metaPagesIntact reports whether both meta pages of a bbolt file check. With
// one broken, bbolt silently shows the state before the last commit.
func metaPagesIntact(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	// A page header is 16 bytes; the meta after it ends in the FNV-1a of its
	// first 56 bytes, all little-endian on the machines we build for.
	for page := range int64(2) {
		var b [16 + 64]byte
		if _, err := f.ReadAt(b[:], page*pageSize); err != nil {
			return false
		}
		h := fnv.New64a()
		_, _ = h.Write(b[16 : 16+56])
		if h.Sum64() != binary.LittleEndian.Uint64(b[16+56:]) {
			return false
		}
	}
	return true
}

// walkBucket calls fn for each pair of a bucket and checks that there are as many
// as the bucket's own counter says, so that a damaged page cannot hide records.
func walkBucket(b *bbolt.Bucket, fn func(k, v []byte) error) error {
	n := uint64(0)
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		n++
		if err := fn(k, v); err != nil {
			return err
		}
	}
	if n != b.Sequence() {
		return fmt.Errorf("%w: %d records, want %d", ErrDamaged, n, b.Sequence())
	}
	return nil
}
