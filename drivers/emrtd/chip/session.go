package chip

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // what documents use
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what documents use
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// keys are a pair of session keys.
type keys struct {
	aes      bool
	enc, mac []byte
}

// newKeys derives them with a cipher of 1 (3DES) to 4 (AES-256).
func newKeys(kind int, secret []byte) keys {
	return keys{aes: kind != 1, enc: kdf(kind, secret, 1), mac: kdf(kind, secret, 2)}
}

// kdf is Doc 9303-11, 9.7.1.
func kdf(kind int, secret []byte, counter uint32) []byte {
	in := binary.BigEndian.AppendUint32(slices.Clone(secret), counter)
	short, long := sha1.Sum(in), sha256.Sum256(in) //nolint:gosec // see above
	switch kind {
	case 3:
		return long[:24]
	case 4:
		return long[:32]
	}
	return short[:16]
}

func (k keys) cipher() cipher.Block {
	var b cipher.Block
	var err error
	if k.aes {
		b, err = aes.NewCipher(k.enc)
	} else {
		b, err = des.NewTripleDESCipher(slices.Concat(k.enc, k.enc[:8])) //nolint:gosec // see above
	}
	if err != nil {
		panic(err) // kdf makes keys of the right length
	}
	return b
}

// sum is the checksum of a message that is padded already when padded is set; for 3DES
// everything is padded, for AES CMAC needs none.
func (k keys) sum(message []byte) []byte {
	if k.aes {
		return k.cmac(message)[:8]
	}
	return k.retail(fill(message, 8))
}

// retail is DES CBC with the first half of the key and a triple last block.
func (k keys) retail(message []byte) []byte {
	single, err := des.NewCipher(k.mac[:8]) //nolint:gosec // see above
	if err != nil {
		panic(err) // 8 bytes
	}
	triple, err := des.NewTripleDESCipher(slices.Concat(k.mac, k.mac[:8])) //nolint:gosec // see above
	if err != nil {
		panic(err) // 24 bytes
	}
	n := len(message) - 8
	chained := make([]byte, 8)
	if n > 0 {
		out := make([]byte, n)
		cipher.NewCBCEncrypter(single, make([]byte, 8)).CryptBlocks(out, message[:n])
		chained = out[n-8:]
	}
	last := make([]byte, 8)
	for i := range last {
		last[i] = chained[i] ^ message[n+i]
	}
	triple.Encrypt(last, last)
	return last
}

// cmac is RFC 4493, with the subkeys computed on numbers.
func (k keys) cmac(message []byte) []byte {
	b, err := aes.NewCipher(k.mac)
	if err != nil {
		panic(err) // kdf makes keys of the right length
	}
	l := make([]byte, 16)
	b.Encrypt(l, l)
	subkey := func(in []byte) []byte {
		hi, lo := binary.BigEndian.Uint64(in), binary.BigEndian.Uint64(in[8:])
		next := binary.BigEndian.AppendUint64(nil, hi<<1|lo>>63)
		low := lo << 1
		if hi>>63 == 1 {
			low ^= 0x87
		}
		return binary.BigEndian.AppendUint64(next, low)
	}
	k1 := subkey(l)
	whole, mask := message, k1
	if len(message) == 0 || len(message)%16 != 0 {
		whole, mask = fill(message, 16), subkey(k1)
	}
	whole = slices.Clone(whole)
	for i, c := range mask {
		whole[len(whole)-16+i] ^= c
	}
	out := make([]byte, len(whole))
	cipher.NewCBCEncrypter(b, make([]byte, 16)).CryptBlocks(out, whole)
	return out[len(out)-16:]
}

// fill pads with 80 00 …
func fill(b []byte, size int) []byte {
	out := append(slices.Clone(b), 0x80)
	for len(out)%size != 0 {
		out = append(out, 0)
	}
	return out
}

// session is secure messaging under way (Doc 9303-11, 9.8).
type session struct {
	keys
	counter []byte
}

func (s *session) step() {
	for i := len(s.counter) - 1; i >= 0; i-- {
		s.counter[i]++
		if s.counter[i] != 0 {
			break
		}
	}
}

func (s *session) vector() []byte {
	iv := make([]byte, len(s.counter))
	if s.aes {
		s.cipher().Encrypt(iv, s.counter)
	}
	return iv
}

// protected answers a command under secure messaging: what is wrong with it ends the
// session.
func (x *Chip) protected(r request) []byte {
	s := x.session
	if s == nil {
		return status(0x6982)
	}
	inner, ok := s.uncover(r)
	if !ok {
		x.session = nil
		return status(0x6988)
	}
	data, sw := x.answer(inner, true)
	return s.cover(data, sw)
}

// uncover checks a protected command and takes it out.
func (s *session) uncover(r request) (request, bool) {
	s.step()
	size := len(s.counter)
	in := request{ins: r.ins, p1: r.p1, p2: r.p2}
	objects := bytes.NewReader(r.data)
	var covered, sum []byte
	for objects.Len() > 0 {
		at := len(r.data) - objects.Len()
		tag, value, ok := object(objects)
		if !ok || sum != nil {
			return in, false
		}
		whole := r.data[at : len(r.data)-objects.Len()]
		switch tag {
		case 0x87:
			if len(value) < 1+size || (len(value)-1)%size != 0 || value[0] != 1 {
				return in, false
			}
			plain := make([]byte, len(value)-1)
			cipher.NewCBCDecrypter(s.cipher(), s.vector()).CryptBlocks(plain, value[1:])
			end := bytes.LastIndexByte(plain, 0x80)
			if end < 0 {
				return in, false
			}
			in.data = plain[:end]
		case 0x97:
			if len(value) != 1 {
				return in, false
			}
			if in.le = int(value[0]); in.le == 0 {
				in.le = 256
			}
		case 0x8E:
			sum = value
			continue
		default:
			return in, false
		}
		covered = append(covered, whole...)
	}
	message := slices.Concat(s.counter, fill([]byte{0x0C, r.ins, r.p1, r.p2}, size), covered)
	if s.aes {
		message = fill(message, size)
	}
	return in, hmac.Equal(sum, s.sum(message))
}

// cover protects an answer.
func (s *session) cover(data []byte, sw uint16) []byte {
	s.step()
	var body []byte
	if len(data) > 0 {
		plain := fill(data, len(s.counter))
		hidden := make([]byte, len(plain))
		cipher.NewCBCEncrypter(s.cipher(), s.vector()).CryptBlocks(hidden, plain)
		body = tlv(0x87, append([]byte{1}, hidden...))
	}
	body = append(body, tlv(0x99, status(sw))...)
	message := slices.Concat(s.counter, body)
	if s.aes {
		message = fill(message, len(s.counter))
	}
	return slices.Concat(body, tlv(0x8E, s.sum(message)), status(sw))
}

// object reads a data object with a tag of one byte.
func object(r *bytes.Reader) (tag byte, value []byte, ok bool) {
	tag, err := r.ReadByte()
	if err != nil {
		return 0, nil, false
	}
	n, err := r.ReadByte()
	if err != nil {
		return 0, nil, false
	}
	length := int(n)
	if n == 0x81 {
		if n, err = r.ReadByte(); err != nil {
			return 0, nil, false
		}
		length = int(n)
	} else if n > 0x7F {
		return 0, nil, false
	}
	value = make([]byte, length)
	got, err := r.Read(value)
	return tag, value, length == 0 || err == nil && got == length
}

// tlv writes a data object.
func tlv(tag uint16, value []byte) []byte {
	var out []byte
	if tag > 0xFF {
		out = append(out, byte(tag>>8))
	}
	out = append(out, byte(tag))
	switch {
	case len(value) > 0xFF:
		out = append(out, 0x82, byte(len(value)>>8))
	case len(value) > 0x7F:
		out = append(out, 0x81)
	}
	return append(append(out, byte(len(value))), value...)
}
