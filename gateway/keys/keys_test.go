package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T, dir string) *Keys {
	t.Helper()
	k, err := Open(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	a := open(t, dir)
	info, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v %v", info, err)
	}
	wrapped, err := a.Wrap([]byte("data key"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Unwrap(wrapped)
	if err != nil || string(got) != "data key" {
		t.Errorf("after reopening: %q %v", got, err)
	}
}

func TestLostKeyIsNeverReplacedOverSealedData(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, true); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, fileName)); err == nil {
		t.Error("a key was made")
	}
}

func TestSystemdCredentialWins(t *testing.T) {
	creds, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(creds, credential), bytes.Repeat([]byte{7}, keySize), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", creds)
	open(t, dir)
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("a key file was made beside the credential: %v", entries)
	}
}

func TestForeignOrDamagedKeysAreRefused(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	wrapped, _ := a.Wrap([]byte("data key"))
	if _, err := b.Unwrap(wrapped); !errors.Is(err, ErrUnwrap) {
		t.Errorf("another machine: %v", err)
	}
	wrapped[len(wrapped)-1] ^= 1
	if _, err := a.Unwrap(wrapped); !errors.Is(err, ErrUnwrap) {
		t.Errorf("damaged: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, false); err == nil {
		t.Error("a short key was taken")
	}
}

func TestHashesAreKeyedAndUnambiguous(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	if first := a.Lane("x", "y"); first != a.Lane("x", "y") || first == b.Lane("x", "y") {
		t.Error("lane is not a keyed hash")
	}
	if a.Lane("xy", "") == a.Lane("x", "y") || a.Lane("x") == a.ItemID("x")[:32] {
		t.Error("different things share a hash")
	}
}
