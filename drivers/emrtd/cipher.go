package emrtd

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"  //nolint:gosec // BAC and older documents know nothing else
	"crypto/sha1" //nolint:gosec // Doc 9303-11, 9.7.1
	"crypto/sha256"
	"crypto/subtle"
)

// suite is a block cipher with its key length as Doc 9303-11 uses it, for encryption
// in CBC mode and for checksums of 8 bytes.
type suite struct {
	name string
	key  int // bytes
}

var (
	tripleDES = suite{"3DES", 16}
	aes128    = suite{"AES-128", 16}
	aes192    = suite{"AES-192", 24}
	aes256    = suite{"AES-256", 32}
)

// What a derived key is for (Doc 9303-11, 9.7.1).
const (
	forEncryption = 1
	forMAC        = 2
	forPassword   = 3
)

// derive is the key derivation function of Doc 9303-11, 9.7.1: the hash of the secret
// and a counter. The parity of a DES key does not matter to the cipher.
func (s suite) derive(secret []byte, purpose byte) []byte {
	in := append(bytes.Clone(secret), 0, 0, 0, purpose)
	if s.key > 16 {
		sum := sha256.Sum256(in)
		return sum[:s.key]
	}
	sum := sha1.Sum(in) //nolint:gosec // see above
	return sum[:s.key]
}

// block returns the cipher for a key of the suite's length.
func (s suite) block(key []byte) cipher.Block {
	var b cipher.Block
	var err error
	if s == tripleDES {
		b, err = des.NewTripleDESCipher(append(bytes.Clone(key), key[:8]...)) //nolint:gosec // see above
	} else {
		b, err = aes.NewCipher(key)
	}
	if err != nil {
		panic(err) // keys come from derive and have the right length
	}
	return b
}

func (s suite) blockSize() int {
	if s == tripleDES {
		return des.BlockSize
	}
	return aes.BlockSize
}

// encrypt and decrypt work on whole blocks, in CBC mode.
func encrypt(b cipher.Block, iv, data []byte) []byte {
	out := make([]byte, len(data))
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, data)
	return out
}

func decrypt(b cipher.Block, iv, data []byte) []byte {
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, iv).CryptBlocks(out, data)
	return out
}

// pad is ISO/IEC 9797-1 padding method 2.
func pad(data []byte, size int) []byte {
	out := append(bytes.Clone(data), 0x80)
	return append(out, make([]byte, (size-len(out)%size)%size)...)
}

// unpad undoes pad; false when there is no padding.
func unpad(data []byte) ([]byte, bool) {
	i := len(bytes.TrimRight(data, "\x00")) - 1
	if i < 0 || data[i] != 0x80 {
		return nil, false
	}
	return data[:i], true
}

// mac is the checksum of 8 bytes of a message: ISO/IEC 9797-1 MAC algorithm 3 with
// padding for 3DES, CMAC cut to 8 bytes for AES (Doc 9303-11, 9.8.6). Secure messaging
// pads its message beforehand in both cases; that is the caller's.
func (s suite) mac(key, message []byte) []byte {
	if s == tripleDES {
		return retailMAC(key, pad(message, des.BlockSize))
	}
	return cmac(s.block(key), message)[:8]
}

// retailMAC is ISO/IEC 9797-1 MAC algorithm 3 with DES, of whole blocks.
func retailMAC(key, message []byte) []byte {
	first, err := des.NewCipher(key[:8]) //nolint:gosec // see above
	if err != nil {
		panic(err) // 8 bytes
	}
	second, err := des.NewCipher(key[8:16]) //nolint:gosec // see above
	if err != nil {
		panic(err) // 8 bytes
	}
	h := make([]byte, des.BlockSize)
	for at := 0; at < len(message); at += des.BlockSize {
		subtle.XORBytes(h, h, message[at:at+des.BlockSize])
		first.Encrypt(h, h)
	}
	second.Decrypt(h, h)
	first.Encrypt(h, h)
	return h
}

// cmac is NIST SP 800-38B for blocks of 16 bytes.
func cmac(b cipher.Block, message []byte) []byte {
	double := func(in []byte) []byte {
		out := make([]byte, len(in))
		carry := byte(0)
		for i := len(in) - 1; i >= 0; i-- {
			out[i] = in[i]<<1 | carry
			carry = in[i] >> 7
		}
		out[len(out)-1] ^= 0x87 * carry
		return out
	}
	zero := make([]byte, aes.BlockSize)
	k := make([]byte, aes.BlockSize)
	b.Encrypt(k, zero)
	k = double(k)
	if len(message) == 0 || len(message)%aes.BlockSize != 0 {
		k = double(k)
		message = pad(message, aes.BlockSize)
	}
	h := zero
	for at := 0; at < len(message); at += aes.BlockSize {
		subtle.XORBytes(h, h, message[at:at+aes.BlockSize])
		if at+aes.BlockSize == len(message) {
			subtle.XORBytes(h, h, k)
		}
		b.Encrypt(h, h)
	}
	return h
}
