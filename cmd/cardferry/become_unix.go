//go:build !windows

package main

import (
	"fmt"
	"os"
	"syscall"
)

// become makes root act as the owner of the data directory: a file that root
// made there could not be opened by the daemon.
func become(dataDir string) error {
	info, err := os.Stat(dataDir)
	if err != nil {
		return fmt.Errorf("data_dir: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || st.Uid == 0 {
		return nil
	}
	if err := syscall.Setgid(int(st.Gid)); err != nil {
		return fmt.Errorf("act as the owner of data_dir: %w", err)
	}
	if err := syscall.Setuid(int(st.Uid)); err != nil {
		return fmt.Errorf("act as the owner of data_dir: %w", err)
	}
	return nil
}
