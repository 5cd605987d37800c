package chip

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what documents use
	"encoding/asn1"
	"math/big"
	"slices"
)

// externalAuthenticate is the second half of BAC (Doc 9303-11, 4.3).
func (x *Chip) externalAuthenticate(r request) ([]byte, uint16) {
	challenge := x.challenge
	x.challenge = nil
	if len(r.data) != 40 {
		return nil, 0x6700
	}
	x.Tries++
	seed := sha1.Sum([]byte(x.c.KeyInfo)) //nolint:gosec // see above
	k := newKeys(1, seed[:16])
	if !hmac.Equal(k.sum(r.data[:32]), r.data[32:]) {
		return nil, 0x6300
	}
	plain := make([]byte, 32)
	cipher.NewCBCDecrypter(k.cipher(), make([]byte, 8)).CryptBlocks(plain, r.data[:32])
	theirs, ours, part := plain[:8], plain[8:16], plain[16:]
	if !bytes.Equal(ours, challenge) {
		return nil, 0x6300
	}
	own := x.random(16)
	answer := make([]byte, 32)
	cipher.NewCBCEncrypter(k.cipher(), make([]byte, 8)).CryptBlocks(answer, slices.Concat(challenge, theirs, own))
	answer = append(answer, k.sum(answer)...)
	for i := range own {
		own[i] ^= part[i]
	}
	x.session = &session{keys: newKeys(1, own), counter: slices.Concat(challenge[4:], theirs[4:])}
	return answer, 0x9000
}

// exchange is PACE under way.
type exchange struct {
	way       Way
	domain    *domain
	password  []byte
	step      int
	nonce     []byte
	generator affine
	session   keys
	ours      []byte // public keys of the second exchange
	theirs    []byte
}

// oid is id-PACE-ECDH-GM and the cipher, without tag and length.
func (w Way) oid() []byte { return []byte{4, 0, 127, 0, 7, 2, 2, 4, 2, byte(w.Cipher)} }

// cardAccess is EF.CardAccess (Doc 9303-11, 9.2).
func cardAccess(ways []Way) []byte {
	type info struct {
		Protocol           asn1.ObjectIdentifier
		Version, Parameter int
	}
	var set []info
	for _, w := range ways {
		set = append(set, info{asn1.ObjectIdentifier{0, 4, 0, 127, 0, 7, 2, 2, 4, 2, w.Cipher}, 2, w.Parameter})
	}
	b, err := asn1.MarshalWithParams(set, "set")
	if err != nil {
		panic(err) // numbers only
	}
	return b
}

// setAuthentication is MSE:Set AT (Doc 9303-11, 4.4.4.1).
func (x *Chip) setAuthentication(r request) uint16 {
	x.pace = nil
	var oid, reference, parameter []byte
	for in := bytes.NewReader(r.data); in.Len() > 0; {
		tag, value, ok := object(in)
		if !ok {
			return 0x6A80
		}
		switch tag {
		case 0x80:
			oid = value
		case 0x83:
			reference = value
		case 0x84:
			parameter = value
		}
	}
	e := &exchange{}
	switch {
	case bytes.Equal(reference, []byte{1}) && x.c.KeyInfo != "":
		sum := sha1.Sum([]byte(x.c.KeyInfo)) //nolint:gosec // see above
		e.password = sum[:]
	case bytes.Equal(reference, []byte{2}) && x.c.CAN != "":
		e.password = []byte(x.c.CAN)
	default:
		return 0x6A88
	}
	for _, w := range x.c.PACE {
		if bytes.Equal(w.oid(), oid) && (parameter == nil || bytes.Equal(parameter, []byte{byte(w.Parameter)})) && domains[w.Parameter] != nil {
			e.way, e.domain = w, domains[w.Parameter]
			x.pace = e
			return 0x9000
		}
	}
	return 0x6A80
}

// generalAuthenticate goes through the four steps (Doc 9303-11, 4.4.4.2).
func (x *Chip) generalAuthenticate(r request) ([]byte, uint16) {
	e := x.pace
	x.pace = nil // any mistake ends the protocol
	tag, inner, ok := object(bytes.NewReader(r.data))
	if !ok || tag != 0x7C {
		return nil, 0x6A80
	}
	var value []byte
	if len(inner) > 0 {
		if tag, value, ok = object(bytes.NewReader(inner)); !ok {
			return nil, 0x6A80
		}
	}
	e.step++
	chained := r.cla == 0x10
	var out []byte
	switch {
	case e.step == 1 && chained && value == nil:
		out = tlv(0x80, e.hide(x.random(16)))
	case e.step == 2 && chained && tag == 0x81:
		out, ok = e.mapNonce(x, value)
	case e.step == 3 && chained && tag == 0x83:
		out, ok = e.agree(x, value)
	case e.step == 4 && !chained && tag == 0x85:
		x.Tries++
		if !hmac.Equal(value, e.token(e.ours)) {
			return nil, 0x6300
		}
		size := 8
		if e.session.aes {
			size = 16
		}
		x.session = &session{keys: e.session, counter: make([]byte, size)}
		return tlv(0x7C, tlv(0x86, e.token(e.theirs))), 0x9000
	default:
		return nil, 0x6A80
	}
	if !ok {
		return nil, 0x6A80
	}
	x.pace = e
	return tlv(0x7C, out), 0x9000
}

// hide encrypts the nonce with the password.
func (e *exchange) hide(nonce []byte) []byte {
	e.nonce = nonce
	k := keys{aes: e.way.Cipher != 1, enc: kdf(e.way.Cipher, e.password, 3)}
	b := k.cipher()
	out := make([]byte, len(nonce))
	cipher.NewCBCEncrypter(b, make([]byte, b.BlockSize())).CryptBlocks(out, nonce)
	return out
}

func (e *exchange) mapNonce(x *Chip, theirs []byte) ([]byte, bool) {
	other, ok := e.domain.decode(theirs)
	if !ok {
		return nil, false
	}
	d := x.scalar(e.domain)
	h := e.domain.times(d, other)
	e.generator = e.domain.plus(e.domain.times(new(big.Int).SetBytes(e.nonce), e.domain.g), h)
	return tlv(0x82, e.domain.encode(e.domain.times(d, e.domain.g))), true
}

func (e *exchange) agree(x *Chip, theirs []byte) ([]byte, bool) {
	other, ok := e.domain.decode(theirs)
	if !ok {
		return nil, false
	}
	d := x.scalar(e.domain)
	e.ours, e.theirs = e.domain.encode(e.domain.times(d, e.generator)), theirs
	shared := e.domain.encode(e.domain.times(d, other))
	e.session = newKeys(e.way.Cipher, shared[1:1+(len(shared)-1)/2])
	return tlv(0x84, e.ours), true
}

// token is the authentication token for a public key (Doc 9303-11, 4.4.3.4).
func (e *exchange) token(public []byte) []byte {
	return e.session.sum(tlv(0x7F49, append(tlv(0x06, e.way.oid()), tlv(0x86, public)...)))
}

// scalar is a private key: as many random bytes as the field has.
func (x *Chip) scalar(d *domain) *big.Int {
	k := new(big.Int).SetBytes(x.random((d.p.BitLen() + 7) / 8))
	return k.Add(k.Mod(k, new(big.Int).Sub(d.n, big.NewInt(1))), big.NewInt(1))
}
