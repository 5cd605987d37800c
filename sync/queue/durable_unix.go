//go:build unix

package queue

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// renameOpen says that an open database file can be renamed.
const renameOpen = true

// mapSize is how much address space to map for a segment. Mapping costs no
// memory here, so it leaves room for the largest overshoot.
func mapSize(segmentBytes int64) int { return int(4*segmentBytes) + 4*MaxPayloadBytes }

// syncDir makes renames and unlinks in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

// lockFile takes the store's lock; closing the file gives it back.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: stop the other daemon or choose another data_dir", ErrLocked)
		}
		return nil, err
	}
	return f, nil
}

// freeBytes is the disk space an unprivileged process may still use.
func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // types differ between systems
}

// diskFull reports whether err says that the disk or the user's quota is full.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
