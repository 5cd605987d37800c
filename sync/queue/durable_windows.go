package queue

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// renameOpen says that an open database file cannot be renamed.
const renameOpen = false

// mapSize is how much to map for a segment. Windows makes the file that big.
func mapSize(segmentBytes int64) int { return int(segmentBytes) }

// syncDir does nothing: NTFS journals renames, and directories cannot be flushed.
func syncDir(string) error { return nil }

// lockFile takes the store's lock; closing the file gives it back.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if err != nil {
		_ = f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, fmt.Errorf("%w: stop the other daemon or choose another data_dir", ErrLocked)
		}
		return nil, err
	}
	return f, nil
}

// freeBytes is the disk space the service's account may still use.
func freeBytes(dir string) (int64, error) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}

// diskFull reports whether err says that the disk is full.
func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
