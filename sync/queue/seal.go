package queue

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/klauspost/compress/zstd"
)

// dictionary1 is what typical payloads have in common, as raw content for zstd:
// synthetic HL7 v2 messages and FHIR resources, commonest last. Stored items need
// it: never change it, add a second one under a new id.
//
//go:embed dictionary1.txt
var dictionary1 []byte

const dictionaryID = 1

// codec compresses and decompresses payloads; safe for concurrent use.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newCodec() (*codec, error) {
	// Speed over ratio: the dictionary does most of the work. Entropy coding would
	// save a fifth of the bytes and cost a third of the items per second.
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithEncoderDictRaw(dictionaryID, dictionary1),
		zstd.WithNoEntropyCompression(true),
		zstd.WithEncoderCRC(false), // GCM authenticates
		zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("zstd encoder: %w", err)
	}
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
		zstd.WithDecoderDictRaw(dictionaryID, dictionary1),
		zstd.WithDecoderMaxMemory(MaxPayloadBytes+1))
	if err != nil {
		return nil, fmt.Errorf("zstd decoder: %w", err)
	}
	return &codec{enc, dec}, nil
}

// close ends the decoder's goroutines.
func (c *codec) close() {
	c.dec.Close()
	_ = c.enc.Close()
}

// sealer holds the keys of one file; safe for concurrent use.
type sealer struct {
	codec *codec
	aead  cipher.AEAD
	block cipher.Block // stamps
}

const dekBytes = 32

// newDEK returns a fresh data key and its wrapped form.
func newDEK(keys Keyring) (dek, wrapped []byte, err error) {
	dek = make([]byte, dekBytes)
	_, _ = rand.Read(dek) // never fails, see crypto/rand
	if wrapped, err = keys.Wrap(dek); err != nil {
		return nil, nil, fmt.Errorf("wrap data key: %w", err)
	}
	return dek, wrapped, nil
}

func newSealer(c *codec, dek []byte) (*sealer, error) {
	if len(dek) != dekBytes {
		return nil, fmt.Errorf("%w: data key of %d bytes, want %d", ErrKeys, len(dek), dekBytes)
	}
	derive := func(use string) (cipher.Block, error) {
		k, err := hkdf.Key(sha256.New, dek, nil, "cardferry queue "+use, 32)
		if err != nil {
			return nil, err
		}
		return aes.NewCipher(k)
	}
	seal, err := derive("seal")
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	stamp, err := derive("stamp")
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	// Random nonces: a counter would repeat after a rolled-back commit.
	aead, err := cipher.NewGCMWithRandomNonce(seal)
	if err != nil {
		return nil, fmt.Errorf("AES-GCM: %w", err)
	}
	return &sealer{c, aead, stamp}, nil
}

// seal appends it as an envelope to dst; the committer finishes it.
func (k *sealer) seal(dst []byte, it *Item) []byte {
	plain, flags := it.Payload, byte(0)
	if len(plain) >= 64 {
		if z := k.codec.enc.EncodeAll(plain, make([]byte, 0, len(plain)/2)); len(z) < len(plain) {
			plain, flags = z, flagZstd
		}
	}
	start := len(dst)
	dst = appendEnvelopeHead(dst, it, flags, len(plain)+sealExtra)
	return k.aead.Seal(dst, nil, plain, dst[start+envPrefix:])
}

// open returns the payload of e. An error wraps ErrDamaged.
func (k *sealer) open(e *envelope) ([]byte, error) {
	var want [16]byte
	k.stamp(want[:], e.Seq, e.sealed[len(e.sealed)-16:])
	if subtle.ConstantTimeCompare(want[:], e.stamp) != 1 {
		return nil, fmt.Errorf("%w: item %d is not at the place it was stored", ErrDamaged, e.Seq)
	}
	plain, err := k.aead.Open(nil, nil, e.sealed, e.head)
	if err != nil {
		return nil, fmt.Errorf("%w: item %d fails authentication", ErrDamaged, e.Seq)
	}
	if e.flags&flagZstd != 0 {
		plain, err = k.codec.dec.DecodeAll(plain, make([]byte, 0, e.plainLen))
		if err != nil {
			return nil, fmt.Errorf("%w: item %d does not decompress", ErrDamaged, e.Seq)
		}
	}
	if len(plain) != e.plainLen {
		return nil, fmt.Errorf("%w: item %d has %d bytes, want %d", ErrDamaged, e.Seq, len(plain), e.plainLen)
	}
	return plain, nil
}

// stamp writes the 16-byte MAC that ties a sequence number to a tag.
func (k *sealer) stamp(dst []byte, seq uint64, tag []byte) {
	var in [16]byte
	binary.BigEndian.PutUint64(in[:], seq)
	copy(in[8:], tag[:8])
	k.block.Encrypt(dst, in[:])
}
