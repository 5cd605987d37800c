package decode

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	slashpath "path"
	"slices"
	"strings"
)

// Keys are sets of public keys by name. A profile names a set; what is in it is the
// site's to say. The zero value has none. It is immutable and safe for concurrent
// use.
type Keys struct{ sets map[string][]publicKey }

// publicKey is an *ecdsa.PublicKey on P-256 or an *rsa.PublicKey of 2048 bits or more.
type publicKey struct {
	key crypto.PublicKey
	ids []string // key ids that name it, as bytes
	// bare keys came without an id (a PUBLIC KEY, a JWK without kid): they stand for
	// whatever id a message has.
	bare bool
}

// Bounds of key files.
const (
	maxKeyFile = 8 << 20 // a national trust list has some thousand certificates
	maxKeys    = 1 << 14
	minRSA     = 2048 // bits
)

// Sets returns the names of the sets, sorted.
func (k Keys) Sets() []string { return KeysOf(k.sets) }

// LoadKeys reads public keys. A directory SET, or a file SET.json, SET.pem, SET.crt,
// SET.cer or SET.der, at the root of the file system makes the set SET. JSON is a JWK
// Set (RFC 7517), PEM holds any number of PUBLIC KEY and CERTIFICATE blocks, the
// others one certificate in DER. Keys that no stage can use (other curves, short RSA)
// are left out; a set without any usable key, and a private key, are mistakes. All
// are reported together, as *Error.
func LoadKeys(fsys fs.FS) (Keys, error) {
	keys := Keys{sets: map[string][]publicKey{}}
	d := NewDecoder("")
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return keys, fmt.Errorf("list key sets: %w", err)
	}
	for _, e := range entries {
		files := []string{e.Name()}
		set := strings.TrimSuffix(e.Name(), slashpath.Ext(e.Name()))
		if e.IsDir() {
			set = e.Name()
			if files, err = filesIn(fsys, set); err != nil {
				return keys, fmt.Errorf("list keys of %s: %w", set, err)
			}
		}
		files = slices.DeleteFunc(files, func(f string) bool { return !keyFile(f) })
		for _, f := range files {
			found, err := loadKeyFile(fsys, f)
			if err != nil {
				d.fail(&Error{File: f, Message: err.Error()})
			}
			keys.sets[set] = append(keys.sets[set], found...)
		}
		if len(files) > 0 && len(keys.sets[set]) == 0 {
			d.fail(&Error{File: e.Name(), Message: errUnusable.Error()})
		}
		if len(keys.sets[set]) > maxKeys {
			d.fail(&Error{File: e.Name(), Message: fmt.Sprintf("more than %d keys in one set", maxKeys)})
		}
	}
	return keys, d.Err()
}

// filesIn lists a folder, whose name may be anything.
func filesIn(fsys fs.FS, folder string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, folder)
	files := make([]string, len(entries))
	for i, e := range entries {
		files[i] = slashpath.Join(folder, e.Name())
	}
	return files, err
}

func keyFile(name string) bool {
	return slices.Contains([]string{".json", ".pem", ".crt", ".cer", ".der"}, slashpath.Ext(name)) && !strings.HasPrefix(slashpath.Base(name), ".")
}

func loadKeyFile(fsys fs.FS, name string) ([]publicKey, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read keys: %w", err)
	case len(b) > maxKeyFile:
		return nil, fmt.Errorf("larger than %d bytes", maxKeyFile)
	case slashpath.Ext(name) != ".json" && !bytes.Contains(b, []byte("-----BEGIN")):
		return parseDER(b)
	}
	return parseKeys(b, slashpath.Ext(name) == ".json")
}

// ParseKeys reads sets by name, each a JWK Set or PEM, as LoadKeys reads those of a
// folder. An error names the set.
func ParseKeys(sets map[string]string) (Keys, error) {
	keys := Keys{sets: map[string][]publicKey{}}
	for _, set := range KeysOf(sets) {
		text := strings.TrimSpace(sets[set])
		found, err := parseKeys([]byte(text), strings.HasPrefix(text, "{"))
		if err == nil && len(found) == 0 {
			err = errUnusable
		}
		if err != nil {
			return Keys{}, fmt.Errorf("keys %s: %w", set, err)
		}
		keys.sets[set] = found
	}
	return keys, nil
}

func parseKeys(b []byte, jwks bool) ([]publicKey, error) {
	if jwks {
		return parseJWKS(b)
	}
	return parsePEM(b)
}

func parseDER(b []byte) ([]publicKey, error) {
	cert, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, fmt.Errorf("no certificate in DER: %w", err)
	}
	return appendCertificate(nil, cert), nil
}

func parsePEM(b []byte) (keys []publicKey, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return keys, nil
		}
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, errPrivateKey
		case block.Type == "PUBLIC KEY":
			pub, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("no public key: %w", err)
			}
			if k, ok := usable(pub); ok {
				k.bare = true
				keys = append(keys, k)
			}
		case block.Type == "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("no certificate: %w", err)
			}
			keys = appendCertificate(keys, cert)
		}
	}
}

// appendCertificate adds a certificate's key. In messages it goes by the first eight
// bytes of the certificate's SHA-256 (EU DCC) or by its subject key identifier.
func appendCertificate(keys []publicKey, cert *x509.Certificate) []publicKey {
	k, ok := usable(cert.PublicKey)
	if !ok {
		return keys
	}
	sum := sha256.Sum256(cert.Raw)
	k.ids = append(k.ids, string(sum[:8]), string(sum[:]))
	if len(cert.SubjectKeyId) > 0 {
		k.ids = append(k.ids, string(cert.SubjectKeyId))
	}
	return append(keys, k)
}

// usable takes the keys that the stages know how to verify with.
func usable(pub any) (publicKey, bool) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return publicKey{key: k}, k.Curve == elliptic.P256()
	case *rsa.PublicKey:
		return publicKey{key: k}, k.N.BitLen() >= minRSA
	}
	return publicKey{}, false
}

var errUnusable = errors.New("no usable key; want P-256 or RSA of 2048 bits or more")

// errPrivateKey is a mistake that must be loud: the private half belongs nowhere near
// a reader.
var errPrivateKey = errors.New("holds a private key; put only public keys here, and renew this one")

// jwk is a JSON Web Key (RFC 7517, RFC 7518 section 6).
type jwk struct {
	Kty, Crv, X, Y, N, E, Kid string
	D, K                      string // of private and symmetric keys
}

func parseJWKS(b []byte) ([]publicKey, error) {
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(b, &set); err != nil {
		return nil, fmt.Errorf("no JWK Set: %w", err)
	}
	var keys []publicKey
	for _, j := range set.Keys {
		if j.D != "" || j.K != "" {
			return nil, errPrivateKey
		}
		k, ok := j.public()
		if !ok {
			continue
		}
		if k.bare = j.Kid == ""; !k.bare {
			k.ids = append(k.ids, j.Kid)
		}
		for _, enc := range []*base64.Encoding{base64.RawURLEncoding, base64.StdEncoding} { // a COSE key id is bytes
			if raw, err := enc.DecodeString(j.Kid); err == nil && len(raw) > 0 {
				k.ids = append(k.ids, string(raw))
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (j jwk) public() (publicKey, bool) {
	number := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return nil
		}
		return b
	}
	switch {
	case j.Kty == "EC" && j.Crv == "P-256":
		point := slices.Concat([]byte{4}, number(j.X), number(j.Y))
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		return publicKey{key: pub}, err == nil
	case j.Kty == "RSA":
		e := new(big.Int).SetBytes(number(j.E))
		if !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return publicKey{}, false
		}
		return usable(&rsa.PublicKey{N: new(big.Int).SetBytes(number(j.N)), E: int(e.Int64())})
	}
	return publicKey{}, false
}

// candidates are the keys that may have made a signature: those of its key id, else
// bare ones; all without a key id.
func (k Keys) candidates(set, id string) []publicKey {
	keys := k.sets[set]
	if id == "" {
		return keys
	}
	named := func(k publicKey) bool { return slices.Contains(k.ids, id) }
	found := slices.DeleteFunc(slices.Clone(keys), func(k publicKey) bool { return !named(k) })
	if len(found) > 0 {
		return found
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k publicKey) bool { return !k.bare })
}

// verify looks for a key that a signature fits. Without a key to try, the value
// passes with the warning "signature_unverified". If none fits, the warning is
// "signature_invalid" and the field is absent: a forged value is nobody's.
func (e *evaluation) verify(set, id string, fits func(crypto.PublicKey) bool) error {
	keys := e.opt.Keys.candidates(set, id)
	if len(keys) == 0 {
		e.warn("signature_unverified")
		return nil
	}
	if slices.ContainsFunc(keys, func(k publicKey) bool { return fits(k.key) }) {
		return nil
	}
	e.warn("signature_invalid")
	return errAbsent
}
