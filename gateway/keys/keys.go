// Package keys owns the machine's secret and everything derived from it: the
// wrapping of the queue's data keys, the sealing of what else is kept, and the
// keyed hashes that stand for patients in ordering keys and indexes.
//
// One 256-bit machine key is made at first start. Each purpose gets a key of
// its own by HKDF (RFC 5869), so that no two uses share one.
package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

const (
	keySize  = 32
	fileName = "machine.key"
	// credential is the name of the systemd credential that replaces the file
	// (LoadCredentialEncrypted=), so that the key never rests on the same disk.
	credential = "cardferry.machine-key"
)

var (
	// ErrMissing says that sealed data is there but the key is not. Making a new
	// key would turn weeks of queued data into noise, so nothing is made.
	ErrMissing = errors.New("the machine key is missing but sealed data exists; restore " + fileName + " from the backup, or move the data directory away to start empty")
	// ErrUnwrap says that a wrapped key was made with another machine key or was
	// changed.
	ErrUnwrap = errors.New("key does not belong to this machine, or is damaged")
)

// Keys is the machine's key hierarchy. It is immutable and safe for concurrent
// use.
type Keys struct {
	wrap   cipher.AEAD
	lane   hasher
	item   hasher
	master []byte
}

// Open takes the machine key from the systemd credential, or from machine.key
// in dir. With neither there it makes one, unless sealed is true: then data
// sealed with a lost key exists and Open returns [ErrMissing].
func Open(dir string, sealed bool) (*Keys, error) {
	if c := os.Getenv("CREDENTIALS_DIRECTORY"); c != "" {
		b, err := os.ReadFile(filepath.Join(c, credential)) //nolint:gosec // systemd names the folder
		if err == nil {
			return derive(b)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read systemd credential %s: %w", credential, err)
		}
	}
	path := filepath.Join(dir, fileName)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		return derive(b)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read machine key: %w", err)
	case sealed:
		return nil, ErrMissing
	}
	b = make([]byte, keySize)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	if err := create(dir, path, b); err != nil {
		return nil, fmt.Errorf("make machine key: %w", err)
	}
	return derive(b)
}

// create writes the key under a temporary name, syncs and renames it, so that a
// power cut leaves either a whole key or none.
func create(dir, path string, key []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func derive(master []byte) (*Keys, error) {
	if len(master) != keySize {
		return nil, fmt.Errorf("the machine key has %d bytes, not %d; restore it from the backup", len(master), keySize)
	}
	k := &Keys{master: master}
	var err error
	if k.wrap, err = aead(k.purpose("wrap")); err != nil {
		return nil, err
	}
	k.lane, k.item = newHasher(k.purpose("lane")), newHasher(k.purpose("item"))
	return k, nil
}

func (k *Keys) purpose(name string) []byte {
	b, err := hkdf.Key(sha256.New, k.master, nil, "cardferry/v1/"+name, keySize)
	if err != nil {
		panic("hkdf: " + err.Error()) // only for absurd lengths
	}
	return b
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Wrap seals a data key (AES-256-GCM, random nonce).
func (k *Keys) Wrap(dek []byte) ([]byte, error) {
	return k.wrap.Seal(nil, nil, dek, []byte("dek/v1")), nil
}

// Unwrap opens what Wrap made; [ErrUnwrap] when it cannot.
func (k *Keys) Unwrap(wrapped []byte) ([]byte, error) {
	dek, err := k.wrap.Open(nil, nil, wrapped, []byte("dek/v1"))
	if err != nil {
		return nil, ErrUnwrap
	}
	return dek, nil
}

// Sealing returns an AEAD (AES-256-GCM that carries its own random nonce) and a
// hash key for one store, both bound to its name.
func (k *Keys) Sealing(store string) (cipher.AEAD, []byte, error) {
	a, err := aead(k.purpose("seal/" + store))
	return a, k.purpose("index/" + store), err
}

// Lane returns the ordering key for the thing that parts name, for example a
// patient's identifier and its assigning authority: 32 hex digits of a keyed
// hash. Plain hashes of identity numbers can be guessed in hours.
func (k *Keys) Lane(parts ...string) string { return k.lane.digest(parts)[:32] }

// ItemID returns the idempotency key for what parts name: 40 hex digits of a
// keyed hash.
func (k *Keys) ItemID(parts ...string) string { return k.item.digest(parts)[:40] }

// hasher makes keyed hashes. HMACs are kept: every message needs three. It is safe for
// concurrent use.
type hasher struct{ kept *sync.Pool }

// scratch is an HMAC-SHA-256 with the space to feed it from.
type scratch struct {
	hmac hash.Hash
	b    []byte
}

func newHasher(key []byte) hasher {
	return hasher{&sync.Pool{New: func() any { return &scratch{hmac: hmac.New(sha256.New, key)} }}}
}

// digest is the hex HMAC-SHA-256 of parts, each preceded by its length so that
// no two lists collide.
func (h hasher) digest(parts []string) string {
	s := h.kept.Get().(*scratch)
	defer h.kept.Put(s)
	s.hmac.Reset()
	for _, p := range parts {
		s.b = binary.BigEndian.AppendUint64(s.b[:0], uint64(len(p)))
		s.hmac.Write(s.b)
		for len(p) > 0 { // in pieces: a message is as long as it likes
			s.b = append(s.b[:0], p[:min(len(p), maxScratch)]...)
			p = p[len(s.b):]
			s.hmac.Write(s.b)
		}
	}
	s.b = s.hmac.Sum(s.b[:0])
	sum := hex.EncodeToString(s.b)
	clear(s.b[:cap(s.b)]) // it held what was hashed
	return sum
}

// maxScratch bounds what a kept hasher holds, bytes.
const maxScratch = 4 << 10
