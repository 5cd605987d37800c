package emrtd

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" //nolint:gosec // of older documents
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

// security is the document security object, EF.SOD (Doc 9303-10, 4.6.2): a CMS
// SignedData (RFC 5652) over the hashes of the data groups.
type security struct {
	hash   crypto.Hash
	groups map[int][]byte // hashes by number of the data group
	signed signedData
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Encapsulated struct {
		Type    asn1.ObjectIdentifier
		Content []byte `asn1:"explicit,tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

type signerInfo struct {
	Version    int
	Signer     asn1.RawValue // issuer and serial number, or [0] key identifier
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
}

// ldsObject is LDSSecurityObject (Doc 9303-10, 4.6.2.3).
type ldsObject struct {
	Version int
	Hash    pkix.AlgorithmIdentifier
	Groups  []struct {
		Number int
		Hash   []byte
	}
	Info asn1.RawValue `asn1:"optional"`
}

var (
	oidSignedData  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidLDSSecurity = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 1}
)

// hashes are the hash functions that Doc 9303-12, 4.4 allows, by object identifier.
var hashes = map[string]crypto.Hash{
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.4": crypto.SHA224,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// parseSOD reads EF.SOD and judges nothing.
func parseSOD(file []byte) (*security, error) {
	malformed := func(what string) error { return fmt.Errorf("EF.SOD: %w: %s", ErrMalformed, what) }
	tag, head, length, ok, err := header(file)
	if err != nil || !ok || tag != tagSOD || length > len(file)-head {
		return nil, malformed("not one object 77")
	}
	var info contentInfo
	if _, err := asn1.Unmarshal(file[head:head+length], &info); err != nil || !info.Type.Equal(oidSignedData) {
		return nil, malformed("not CMS SignedData")
	}
	s := &security{groups: map[int][]byte{}}
	if _, err := asn1.Unmarshal(info.Content.Bytes, &s.signed); err != nil || !s.signed.Encapsulated.Type.Equal(oidLDSSecurity) {
		return nil, malformed("not a signed LDS security object")
	}
	var lds ldsObject
	if _, err := asn1.Unmarshal(s.signed.Encapsulated.Content, &lds); err != nil || len(lds.Groups) > 16 {
		return nil, malformed("LDS security object")
	}
	hash, known := hashes[lds.Hash.Algorithm.String()]
	if !known {
		return nil, malformed("unknown hash function")
	}
	s.hash = hash
	for _, g := range lds.Groups {
		s.groups[g.Number] = g.Hash
	}
	return s, nil
}

// has says whether a data group is under the signature.
func (s *security) has(group int) bool { return s != nil && s.groups[group] != nil }

// check compares a data group with its hash. One that has none is not the issuer's.
func (s *security) check(group int, file []byte) error {
	h := s.hash.New()
	h.Write(file)
	if !bytes.Equal(h.Sum(nil), s.groups[group]) {
		return fmt.Errorf("DG%d: %w", group, ErrAltered)
	}
	return nil
}
