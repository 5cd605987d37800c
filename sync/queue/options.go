package queue

import (
	"errors"
	"log/slog"
	"time"
)

// Keyring wraps the data keys of the store's files. Implementations are safe for
// concurrent use. Unwrap of what Wrap returned yields the same 32 bytes, also in
// a later process.
type Keyring interface {
	Wrap(dek []byte) ([]byte, error)
	Unwrap(wrapped []byte) ([]byte, error)
}

// Options configure a store. Only Keys is required.
type Options struct {
	Keys Keyring
	// SegmentBytes is the size at which a segment is closed and the next one
	// begun; 64 MiB when zero.
	SegmentBytes int64
	// QuotaBytes limits the store's files together; 40 GiB when zero. From 70 %
	// on the store warns, from 90 % it refuses backfill, from 95 % live, from
	// 98 % express.
	QuotaBytes int64
	// ReserveBytes is the free disk space below which only express is accepted;
	// zero leaves the file system to say when it is full.
	ReserveBytes int64
	// Window is how many undelivered items per class are kept in memory as
	// headers; 16,384 when zero.
	Window int
	// Logger receives warnings and errors, never patient data; discarded when nil.
	Logger *slog.Logger

	now   func() time.Time         // time.Now when nil
	fault func(point string) error // failpoint hook of tests
}

func (o Options) withDefaults() Options {
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.QuotaBytes <= 0 {
		o.QuotaBytes = 40 << 30
	}
	if o.Window <= 0 {
		o.Window = 16384
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.fault == nil {
		o.fault = func(string) error { return nil }
	}
	return o
}

// The errors a caller decides on.
var (
	// ErrLocked says that another process has the store open. Stop it, or point
	// this one at another directory.
	ErrLocked = errors.New("queue is in use by another process")
	// ErrFull says that quota, free-disk reserve or the disk itself leaves no
	// room for this class. Nothing was stored; the sender must keep the item and
	// try again. It goes away by itself when space returns.
	ErrFull = errors.New("queue is full")
	// ErrSuspect says that the disk failed to store the item for a reason other
	// than space. The item may or may not be there; the sender must try again
	// with the same ID. After a second such failure within ten minutes the store
	// refuses everything until it is opened again.
	ErrSuspect = errors.New("queue storage failed")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("queue is closed")
	// ErrKeys says that the keyring could not unwrap a file's key: restore the
	// machine's key or use the hospital's recovery key.
	ErrKeys = errors.New("queue key cannot be unwrapped")
	// ErrDamaged says that a stored record or file fails its checks.
	ErrDamaged = errors.New("stored data is damaged")
	// ErrNotFound says that no stored item has that sequence number.
	ErrNotFound = errors.New("no such item in the queue")
	// ErrStale says that a claim was already done, released or parked.
	ErrStale = errors.New("claim is no longer held")
)
