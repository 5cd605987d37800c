package usbmock

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed bridge/bridge.c
var bridgeC []byte

//go:embed bridge/usbip.h
var usbipH []byte

// build returns the path of the compiled bridge. It is kept in the user's cache,
// by the hash of its source, so that it is compiled once.
func build() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("keep the compiled bridge: %w", err)
	}
	sum := sha256.Sum256(append(bytes.Clone(bridgeC), usbipH...))
	dir := filepath.Join(cache, "cardferry")
	binary := filepath.Join(dir, fmt.Sprintf("usbmock-%x", sum[:6]))
	if _, err := os.Stat(binary); !errors.Is(err, fs.ErrNotExist) {
		return binary, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keep the compiled bridge: %w", err)
	}
	work, err := os.MkdirTemp(dir, "usbmock-build")
	if err != nil {
		return "", fmt.Errorf("compile the bridge: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	for name, source := range map[string][]byte{"bridge.c": bridgeC, "usbip.h": usbipH} {
		if err := os.WriteFile(filepath.Join(work, name), source, 0o600); err != nil {
			return "", fmt.Errorf("compile the bridge: %w", err)
		}
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "umockdev-1.0").Output()
	if err != nil {
		return "", fmt.Errorf("%w: pkg-config does not know umockdev-1.0: %w", ErrUnavailable, err)
	}
	//nolint:gosec // G204: what pkg-config says
	cc := exec.Command("gcc", append([]string{"-O2", "-o", "bridge", "bridge.c"}, strings.Fields(string(flags))...)...)
	cc.Dir = work
	if out, err := cc.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile the bridge: %w: %s", err, bytes.TrimSpace(out))
	}
	// Renaming is atomic: test binaries of several packages may be doing this at once.
	if err := os.Rename(filepath.Join(work, "bridge"), binary); err != nil {
		return "", fmt.Errorf("keep the compiled bridge: %w", err)
	}
	return binary, nil
}
