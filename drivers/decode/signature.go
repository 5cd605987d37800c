package decode

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"

	"github.com/fxamacker/cbor/v2"
	"go.yaml.in/yaml/v3"
)

// keySet is the argument of stages that verify: the name of a set of keys.
type keySet struct{ set string }

func (*keySet) Shape() Shape {
	return Shape{Type: ShapeText, Pattern: `^[A-Za-z][A-Za-z0-9-]*$`, Doc: "name of a set of public keys that the site has"}
}

func (k *keySet) DecodeNode(d *Decoder, n *yaml.Node) {
	if k.set = d.Text(n); !PlainName(k.set) {
		d.Fail(n, "want the plain name of a set of keys")
	}
}

// jws verifies a compact JSON Web Signature (RFC 7515) and takes its payload,
// inflated if the header says zip: DEF as SMART Health Cards do.
type jws struct{ keySet }

func (*jws) kinds() (in, out Kind) { return KindText, KindBytes }

func (x *jws) apply(e *evaluation, v Value) (Value, error) {
	parts := bytes.Split(v.b, []byte("."))
	if len(parts) != 3 {
		return Value{}, errUnreadable
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.AppendDecode(nil, p); err != nil {
			return Value{}, errUnreadable
		}
	}
	var header struct {
		Alg, Kid, Zip string
		Crit          []string
	}
	if json.Unmarshal(raw[0], &header) != nil || header.Alg != "ES256" || header.Crit != nil || header.Zip != "" && header.Zip != "DEF" {
		return Value{}, errUnreadable
	}
	signed := v.b[:len(parts[0])+1+len(parts[1])]
	if err := e.verify(x.set, header.Kid, func(pub crypto.PublicKey) bool { return fitsES256(pub, signed, raw[2]) }); err != nil {
		return Value{}, err
	}
	payload := raw[1]
	if header.Zip == "DEF" {
		var ok bool
		if payload, ok = readBounded(flate.NewReader(bytes.NewReader(payload))); !ok {
			return Value{}, errUnreadable
		}
	}
	return BytesValue(payload), nil
}

// fitsES256 verifies ECDSA on P-256 with SHA-256, the signature being r and s of 32
// bytes each (RFC 7518, section 3.4; RFC 9053, section 2.1).
func fitsES256(pub crypto.PublicKey, signed, signature []byte) bool {
	key, ok := pub.(*ecdsa.PublicKey)
	if !ok || len(signature) != 64 {
		return false
	}
	sum := sha256.Sum256(signed)
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// cose verifies a COSE_Sign1 message (RFC 9052, section 4.2), tagged or not, and takes
// its payload.
type cose struct{ keySet }

// COSE header parameters and algorithms (IANA, CBOR Object Signing and Encryption).
const (
	coseAlg   = 1
	coseCrit  = 2
	coseKid   = 4
	coseES256 = -7
	cosePS256 = -37
)

func (*cose) kinds() (in, out Kind) { return KindBytes, KindBytes }

func (x *cose) apply(e *evaluation, v Value) (Value, error) {
	tree, err := decodeCBOR(v.b)
	if err != nil {
		return Value{}, err
	}
	message, _ := tree.([]any)
	if len(message) != 4 {
		return Value{}, errUnreadable
	}
	protected, ok1 := message[0].([]byte)
	unprotected, ok2 := message[1].(map[any]any)
	payload, ok3 := message[2].([]byte)
	signature, ok4 := message[3].([]byte)
	header := map[any]any{}
	if len(protected) > 0 {
		tree, err := decodeCBOR(protected)
		if header, _ = tree.(map[any]any); err != nil || header == nil {
			return Value{}, errUnreadable
		}
	}
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Value{}, errUnreadable
	}
	alg, ok := header[uint64(coseAlg)].(int64)
	// What crit lists must be understood (section 3.1), and nothing of it is here.
	if _, critical := header[uint64(coseCrit)]; critical || !ok || alg != coseES256 && alg != cosePS256 {
		return Value{}, errUnreadable
	}
	id, ok := header[uint64(coseKid)].([]byte)
	if !ok {
		id, _ = unprotected[uint64(coseKid)].([]byte)
	}
	// Sig_structure, section 4.4
	signed, err := cbor.Marshal([]any{"Signature1", protected, []byte{}, payload})
	if err != nil {
		return Value{}, errUnreadable
	}
	fits := fitsES256
	if alg == cosePS256 {
		fits = fitsPS256
	}
	if err := e.verify(x.set, string(id), func(pub crypto.PublicKey) bool { return fits(pub, signed, signature) }); err != nil {
		return Value{}, err
	}
	return BytesValue(payload), nil
}

// fitsPS256 verifies RSASSA-PSS with SHA-256 and a salt as long as the hash (RFC 8230,
// section 2).
func fitsPS256(pub crypto.PublicKey, signed, signature []byte) bool {
	key, ok := pub.(*rsa.PublicKey)
	sum := sha256.Sum256(signed)
	return ok && rsa.VerifyPSS(key, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
}

// signedTail verifies a signature at the end of the bytes over all before it, and
// takes it off.
type signedTail struct {
	Keys      string `yaml:"keys,required" doc:"name of a set of public keys that the site has"`
	Algorithm string `yaml:"algorithm,required" doc:"rsa-sha256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2)"`
	Length    int    `yaml:"length,required" doc:"of the signature in bytes"`
}

func (x *signedTail) DecodeNode(d *Decoder, n *yaml.Node) {
	if !keysIn(d, n, x) {
		return
	}
	if x.Algorithm != "rsa-sha256" || !PlainName(x.Keys) || x.Length < minRSA/8 || x.Length > 1024 {
		d.Fail(n, "want keys: SET, algorithm: rsa-sha256 and the signature's length in bytes, such as 256")
	}
}

func (*signedTail) kinds() (in, out Kind) { return KindBytes, KindBytes }

func (x *signedTail) apply(e *evaluation, v Value) (Value, error) {
	n := len(v.b) - x.Length
	if n <= 0 {
		return Value{}, errUnreadable
	}
	signed, signature := v.b[:n:n], v.b[n:]
	sum := sha256.Sum256(signed)
	if err := e.verify(x.Keys, "", func(pub crypto.PublicKey) bool {
		key, ok := pub.(*rsa.PublicKey)
		return ok && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}); err != nil {
		return Value{}, err
	}
	return BytesValue(signed), nil
}
