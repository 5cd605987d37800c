package emrtd

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
)

// maxCertificates bounds what EF.SOD brings along; real ones hold one.
const maxCertificates = 8

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

var (
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
)

// issued says whether the security object is signed by a document signer whose
// certificate one of the known authorities signed (passive authentication, Doc
// 9303-11, 5.1). It is false when none of them is the signer's, and ErrAltered when a
// signature that can be checked does not fit.
//
// Periods of validity and revocation lists are not judged: a document outlives its
// signer's key, and the site decides which authorities it knows.
func (s *security) issued(known []Authority) (bool, error) {
	for _, signer := range s.certificates() {
		for _, info := range s.signed.Signers {
			if !signer.is(info.Signer) {
				continue
			}
			for _, a := range known {
				if !bytes.Equal(a.c.subject, signer.issuer) {
					continue
				}
				if err := a.c.key.verify(signer.algorithm, nil, signer.body, signer.signature); err != nil {
					continue // another key of the same authority
				}
				if err := s.signature(info, signer); errors.Is(err, ErrAltered) {
					return false, err
				} else if err == nil {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

func (s *security) certificates() []*certificate {
	var out []*certificate
	for rest := s.signed.Certificates.Bytes; len(rest) > 0 && len(out) < maxCertificates; {
		var raw asn1.RawValue
		after, err := asn1.Unmarshal(rest, &raw)
		if err != nil {
			return out
		}
		rest = after
		if c, err := parseCertificate(raw.FullBytes); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// signature checks the signer's signature over the LDS security object (RFC 5652,
// 5.4 and 5.6).
func (s *security) signature(info signerInfo, signer *certificate) error {
	content := s.signed.Encapsulated.Content
	hash, ok := hashes[info.Digest.Algorithm.String()]
	if !ok {
		return fmt.Errorf("EF.SOD: %w: unknown hash function of the signer", ErrMalformed)
	}
	signed := content
	if len(info.Attributes.FullBytes) > 0 {
		h := hash.New()
		h.Write(content)
		if !holds(info.Attributes.Bytes, h.Sum(nil)) {
			return fmt.Errorf("EF.SOD: signed attributes: %w", ErrAltered)
		}
		signed = bytes.Clone(info.Attributes.FullBytes)
		signed[0] = 0x31 // SET OF in place of [0] IMPLICIT
	}
	if err := signer.key.verify(info.Algorithm, &hash, signed, info.Signature); err != nil {
		return fmt.Errorf("EF.SOD: signature: %w", err)
	}
	return nil
}

// holds says whether signed attributes name the content's type and hash.
func holds(attributes, sum []byte) bool {
	typed, digested := false, false
	for rest := attributes; len(rest) > 0; {
		var a attribute
		after, err := asn1.Unmarshal(rest, &a)
		if err != nil {
			return false
		}
		rest = after
		var oid asn1.ObjectIdentifier
		var value []byte
		switch {
		case a.Type.Equal(oidContentType):
			_, err = asn1.Unmarshal(a.Values.Bytes, &oid)
			typed = err == nil && oid.Equal(oidLDSSecurity)
		case a.Type.Equal(oidMessageDigest):
			_, err = asn1.Unmarshal(a.Values.Bytes, &value)
			digested = err == nil && bytes.Equal(value, sum)
		}
	}
	return typed && digested
}

// sum hashes a message.
func sum(h crypto.Hash, message []byte) []byte {
	w := h.New()
	w.Write(message)
	return w.Sum(nil)
}
