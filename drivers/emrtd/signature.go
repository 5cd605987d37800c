package emrtd

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// publicKey is RSA, or a point on a curve.
type publicKey struct {
	rsa   *rsa.PublicKey
	curve *curve
	point point
}

var (
	oidRSA        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSAPSS     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidEC         = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidPrimeField = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}
)

// namedCurves are SEC 2 and RFC 5639 names of the curves, by object identifier.
var namedCurves = map[string]int{
	"1.2.840.10045.3.1.7":   12,
	"1.3.132.0.34":          15,
	"1.3.132.0.35":          18,
	"1.3.36.3.3.2.8.1.1.7":  13,
	"1.3.36.3.3.2.8.1.1.9":  14,
	"1.3.36.3.3.2.8.1.1.11": 16,
	"1.3.36.3.3.2.8.1.1.13": 17,
}

// signatures are the algorithms of Doc 9303-12, 4.4 with the hash in their name; the
// ones of BSI TR-03111, 5.2.1 write r ‖ s in place of DER.
var signatures = map[string]struct {
	hash  crypto.Hash
	plain bool
}{
	"1.2.840.113549.1.1.5":    {crypto.SHA1, false},
	"1.2.840.113549.1.1.14":   {crypto.SHA224, false},
	"1.2.840.113549.1.1.11":   {crypto.SHA256, false},
	"1.2.840.113549.1.1.12":   {crypto.SHA384, false},
	"1.2.840.113549.1.1.13":   {crypto.SHA512, false},
	"1.2.840.10045.4.1":       {crypto.SHA1, false},
	"1.2.840.10045.4.3.1":     {crypto.SHA224, false},
	"1.2.840.10045.4.3.2":     {crypto.SHA256, false},
	"1.2.840.10045.4.3.3":     {crypto.SHA384, false},
	"1.2.840.10045.4.3.4":     {crypto.SHA512, false},
	"0.4.0.127.0.7.1.1.4.1.1": {crypto.SHA1, true},
	"0.4.0.127.0.7.1.1.4.1.2": {crypto.SHA224, true},
	"0.4.0.127.0.7.1.1.4.1.3": {crypto.SHA256, true},
	"0.4.0.127.0.7.1.1.4.1.4": {crypto.SHA384, true},
	"0.4.0.127.0.7.1.1.4.1.5": {crypto.SHA512, true},
}

// specifiedDomain is ECParameters with the curve written out (X9.62, C.2).
type specifiedDomain struct {
	Version int
	Field   struct {
		Type  asn1.ObjectIdentifier
		Prime *big.Int
	}
	Curve struct {
		A, B []byte
		Seed asn1.BitString `asn1:"optional"`
	}
	Base     []byte
	Order    *big.Int
	Cofactor *big.Int `asn1:"optional"`
}

func parsePublicKey(a pkix.AlgorithmIdentifier, key []byte) (*publicKey, error) {
	unknown := fmt.Errorf("%w: public key of an unknown kind", ErrMalformed)
	switch {
	case a.Algorithm.Equal(oidRSA), a.Algorithm.Equal(oidRSAPSS):
		var k struct {
			N *big.Int
			E int
		}
		if _, err := asn1.Unmarshal(key, &k); err != nil || k.N.Sign() <= 0 || k.N.BitLen() > 8192 || k.E < 3 {
			return nil, unknown
		}
		return &publicKey{rsa: &rsa.PublicKey{N: k.N, E: k.E}}, nil
	case a.Algorithm.Equal(oidEC):
		c := parseDomain(a.Parameters.FullBytes)
		if c == nil {
			return nil, unknown
		}
		q, err := c.parse(key)
		return &publicKey{curve: c, point: q}, err
	}
	return nil, unknown
}

// parseDomain finds the curve, by its name or by its parameters; nil when it is none
// of those that documents use.
func parseDomain(der []byte) *curve {
	var name asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(der, &name); err == nil {
		return curves[namedCurves[name.String()]]
	}
	var d specifiedDomain
	if _, err := asn1.Unmarshal(der, &d); err != nil || !d.Field.Type.Equal(oidPrimeField) {
		return nil
	}
	for _, c := range curves {
		if c.p.Cmp(d.Field.Prime) != 0 || c.n.Cmp(d.Order) != 0 || c.a.Cmp(new(big.Int).SetBytes(d.Curve.A)) != 0 || c.b.Cmp(new(big.Int).SetBytes(d.Curve.B)) != 0 {
			continue
		}
		base, err := c.parse(d.Base)
		if err == nil && base.x.Cmp(c.generator.x) == 0 && base.y.Cmp(c.generator.y) == 0 {
			return c // the generator too: another one would make signatures forgeable
		}
	}
	return nil
}

// verify checks a signature over a message. digest is the hash that a SignerInfo names
// beside an algorithm without one; nil for certificates. The error is ErrAltered when
// the signature does not fit, else ErrMalformed.
func (k *publicKey) verify(a pkix.AlgorithmIdentifier, digest *crypto.Hash, message, signature []byte) error {
	known, ok := signatures[a.Algorithm.String()]
	hash := known.hash
	if a.Algorithm.Equal(oidRSAPSS) {
		hash, ok = pssHash(a.Parameters.FullBytes)
		if !ok || k.rsa == nil {
			return fmt.Errorf("%w: parameters of RSASSA-PSS", ErrMalformed)
		}
		if rsa.VerifyPSS(k.rsa, hash, sum(hash, message), signature, nil) != nil {
			return ErrAltered
		}
		return nil
	}
	if !ok && digest != nil && (a.Algorithm.Equal(oidRSA) || a.Algorithm.Equal(oidEC)) {
		hash, ok = *digest, true
	}
	if !ok {
		return fmt.Errorf("%w: unknown signature algorithm", ErrMalformed)
	}
	if k.rsa != nil {
		if rsa.VerifyPKCS1v15(k.rsa, hash, sum(hash, message), signature) != nil {
			return ErrAltered
		}
		return nil
	}
	var rs struct{ R, S *big.Int }
	if half := len(signature) / 2; known.plain {
		rs.R, rs.S = new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
	} else if _, err := asn1.Unmarshal(signature, &rs); err != nil {
		return ErrAltered
	}
	if !k.curve.verify(k.point, sum(hash, message), rs.R, rs.S) {
		return ErrAltered
	}
	return nil
}

// pssHash reads RSASSA-PSS-params (RFC 4055, 3.1); without any it is SHA-1. The hash
// of MGF1 has to be the same one, as Doc 9303-12, 4.4.1 wants it.
func pssHash(der []byte) (crypto.Hash, bool) {
	var p struct {
		Hash pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:0"`
		MGF  pkix.AlgorithmIdentifier `asn1:"optional,explicit,tag:1"`
		Salt int                      `asn1:"optional,explicit,tag:2,default:20"`
		Tail int                      `asn1:"optional,explicit,tag:3,default:1"`
	}
	if _, err := asn1.Unmarshal(der, &p); err != nil {
		return 0, false
	}
	if len(p.Hash.Algorithm) == 0 && len(p.MGF.Algorithm) == 0 {
		return crypto.SHA1, true
	}
	var inner pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &inner); err != nil || !inner.Algorithm.Equal(p.Hash.Algorithm) {
		return 0, false
	}
	h, ok := hashes[p.Hash.Algorithm.String()]
	return h, ok
}

// verify is ECDSA (FIPS 186-5, 6.4.2).
func (c *curve) verify(public point, digest []byte, r, s *big.Int) bool {
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(c.n) >= 0 || s.Cmp(c.n) >= 0 {
		return false
	}
	e := new(big.Int).SetBytes(digest)
	if extra := 8*len(digest) - c.n.BitLen(); extra > 0 {
		e.Rsh(e, uint(extra))
	}
	w := new(big.Int).ModInverse(s, c.n)
	u1 := new(big.Int).Mul(e, w)
	u2 := new(big.Int).Mul(r, w)
	q, ok := c.affine(c.add(c.times(u1.Mod(u1, c.n), c.generator), c.times(u2.Mod(u2, c.n), public)))
	return ok && q.x.Mod(q.x, c.n).Cmp(r) == 0
}
