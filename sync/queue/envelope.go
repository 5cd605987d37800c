package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// An envelope is one item on disk. Integers are big-endian.
//
//	offset  size  field
//	     0     4  magic "cfq1"; lets salvage find envelopes without bbolt
//	     4     8  sequence number                      } written by the
//	    12    16  stamp, binds sequence to tag         } committer
//	    28     4  CRC-32C of bytes 4..28 and the head  }
//	    32     2  head length in bytes
//	    34        head: version, flags, class, lane count (1 each), received
//	              (8, Unix ns), plain length (4), sealed length (4), then id, kind,
//	              source and lanes, each a length byte and ASCII/UTF-8 text
//	              sealed payload: nonce 12, ciphertext, tag 16
//
// The head is the additional data of the seal, so neither lane, class nor id can
// be changed. The sequence number is not known when the caller seals; the
// committer binds it with stamp = AES-256(stamp key, seq ‖ first 8 tag bytes), a
// MAC over exactly one block. Both keys come from the segment's data key, so a
// record can move neither within its segment nor to another.
const (
	envMagic   = "cfq1"
	envVersion = 1
	envPrefix  = 34 // bytes before the head
	headFixed  = 20 // bytes of the head before its texts
	sealExtra  = 12 + 16

	flagZstd = 1 << 0
	maxHead  = headFixed + (1 + MaxIDBytes) + 2*(1+MaxNameBytes) + MaxLanes*(1+MaxLaneBytes)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errEnvelope is wrapped by every decoding error.
var errEnvelope = errors.New("envelope is malformed")

// envelope is a decoded envelope; Sealed and Head alias the input.
type envelope struct {
	Header
	flags    byte
	plainLen int
	head     []byte // the additional data
	stamp    []byte
	sealed   []byte
}

// appendEnvelopeHead appends prefix (sequence, stamp and CRC still zero) and
// head for it to dst. sealedLen counts nonce and tag.
func appendEnvelopeHead(dst []byte, it *Item, flags byte, sealedLen int) []byte {
	dst = append(dst, envMagic...)
	dst = append(dst, make([]byte, envPrefix-len(envMagic))...)
	start := len(dst)
	dst = append(dst, envVersion, flags, byte(it.Class), byte(len(it.Lanes)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(it.Received.UnixNano()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(it.Payload)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(sealedLen))
	dst = appendText(dst, it.ID)
	dst = appendText(dst, it.Kind)
	dst = appendText(dst, it.Source)
	for _, l := range it.Lanes {
		dst = appendText(dst, string(l))
	}
	binary.BigEndian.PutUint16(dst[start-2:], uint16(len(dst)-start))
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(append(dst, byte(len(s))), s...)
}

// finishEnvelope writes what only the committer knows into an envelope made by
// sealer.seal.
func finishEnvelope(env []byte, seq uint64, key *sealer) {
	headLen := int(binary.BigEndian.Uint16(env[32:]))
	binary.BigEndian.PutUint64(env[4:], seq)
	key.stamp(env[12:28], seq, env[len(env)-16:])
	sum := crc32.Update(0, castagnoli, env[4:28])
	sum = crc32.Update(sum, castagnoli, env[32:envPrefix+headLen])
	binary.BigEndian.PutUint32(env[28:], sum)
}

// decodeEnvelope checks and decodes an envelope that fills b exactly. It does
// not unseal. Errors wrap ErrDamaged and carry offsets, never content.
func decodeEnvelope(b []byte) (envelope, error) {
	e, n, err := scanEnvelope(b)
	if err == nil && n != len(b) {
		err = fmt.Errorf("%w: %d bytes after the sealed payload", errEnvelope, len(b)-n)
	}
	if err != nil {
		return envelope{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return e, nil
}

// scanEnvelope decodes the envelope at the beginning of b and returns its length.
func scanEnvelope(b []byte) (envelope, int, error) {
	if len(b) < envPrefix+headFixed || string(b[:4]) != envMagic {
		return envelope{}, 0, fmt.Errorf("%w: no magic", errEnvelope)
	}
	headLen := int(binary.BigEndian.Uint16(b[32:]))
	if headLen < headFixed || headLen > maxHead || envPrefix+headLen > len(b) {
		return envelope{}, 0, fmt.Errorf("%w: head of %d bytes", errEnvelope, headLen)
	}
	head := b[envPrefix : envPrefix+headLen]
	sum := crc32.Update(0, castagnoli, b[4:28])
	sum = crc32.Update(sum, castagnoli, b[32:envPrefix+headLen])
	if sum != binary.BigEndian.Uint32(b[28:]) {
		return envelope{}, 0, fmt.Errorf("%w: checksum", errEnvelope)
	}
	e := envelope{flags: head[1], head: head, stamp: b[12:28]}
	if head[0] != envVersion {
		return envelope{}, 0, fmt.Errorf("%w: version %d is not known here", errEnvelope, head[0])
	}
	e.Seq = binary.BigEndian.Uint64(b[4:])
	e.Class = Class(head[2])
	lanes := int(head[3])
	e.Received = time.Unix(0, int64(binary.BigEndian.Uint64(head[4:])))
	e.plainLen = int(binary.BigEndian.Uint32(head[12:]))
	sealedLen := int(binary.BigEndian.Uint32(head[16:]))
	if e.Class >= numClasses || lanes < 1 || lanes > MaxLanes || e.flags&^flagZstd != 0 ||
		e.plainLen > MaxPayloadBytes || sealedLen < sealExtra || sealedLen > MaxPayloadBytes+sealExtra {
		return envelope{}, 0, fmt.Errorf("%w: head field out of range", errEnvelope)
	}
	texts := make([]string, 3+lanes)
	rest := head[headFixed:]
	for i := range texts {
		if len(rest) == 0 || 1+int(rest[0]) > len(rest) {
			return envelope{}, 0, fmt.Errorf("%w: head ends in text %d", errEnvelope, i)
		}
		texts[i], rest = string(rest[1:1+int(rest[0])]), rest[1+int(rest[0]):]
	}
	if len(rest) != 0 {
		return envelope{}, 0, fmt.Errorf("%w: %d bytes too many in the head", errEnvelope, len(rest))
	}
	n := envPrefix + headLen + sealedLen
	if n > len(b) {
		return envelope{}, 0, fmt.Errorf("%w: %d of %d bytes", errEnvelope, len(b), n)
	}
	e.ID, e.Kind, e.Source = texts[0], texts[1], texts[2]
	e.Lanes = make([]Lane, lanes)
	for i := range e.Lanes {
		e.Lanes[i] = Lane(texts[3+i])
	}
	e.sealed = b[envPrefix+headLen : n]
	e.Size = n
	return e, n, nil
}
