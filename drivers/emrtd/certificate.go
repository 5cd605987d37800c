package emrtd

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"path"
)

// Authority is the certificate of a country signing authority (CSCA, Doc 9303-12).
type Authority struct{ c *certificate }

// certificate is what passive authentication needs of an X.509 certificate. The
// standard library refuses those with brainpool curves or with curve parameters
// written out, which are most of those of travel documents.
type certificate struct {
	issuer, subject []byte // DER
	serial          *big.Int
	keyID           []byte // subject key identifier; nil for none
	key             *publicKey
	body, signature []byte
	algorithm       pkix.AlgorithmIdentifier
}

type rawCertificate struct {
	Body struct {
		Raw       asn1.RawContent
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    *big.Int
		Algorithm pkix.AlgorithmIdentifier
		Issuer    asn1.RawValue
		Validity  asn1.RawValue
		Subject   asn1.RawValue
		Key       struct {
			Algorithm pkix.AlgorithmIdentifier
			Key       asn1.BitString
		}
		IssuerID   asn1.BitString   `asn1:"optional,tag:1"`
		SubjectID  asn1.BitString   `asn1:"optional,tag:2"`
		Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
	}
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

var oidSubjectKeyID = asn1.ObjectIdentifier{2, 5, 29, 14}

func parseCertificate(der []byte) (*certificate, error) {
	var raw rawCertificate
	if rest, err := asn1.Unmarshal(der, &raw); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: not an X.509 certificate", ErrMalformed)
	}
	key, err := parsePublicKey(raw.Body.Key.Algorithm, raw.Body.Key.Key.Bytes)
	if err != nil {
		return nil, err
	}
	c := &certificate{
		issuer: raw.Body.Issuer.FullBytes, subject: raw.Body.Subject.FullBytes, serial: raw.Body.Serial, key: key,
		body: raw.Body.Raw, signature: raw.Signature.RightAlign(), algorithm: raw.Algorithm,
	}
	for _, e := range raw.Body.Extensions {
		if e.Id.Equal(oidSubjectKeyID) {
			if _, err := asn1.Unmarshal(e.Value, &c.keyID); err != nil {
				return nil, fmt.Errorf("%w: subject key identifier", ErrMalformed)
			}
		}
	}
	return c, nil
}

// is says whether the certificate is the one that a SignerInfo names, by issuer and
// serial number or by key identifier (RFC 5652, 5.3).
func (c *certificate) is(signer asn1.RawValue) bool {
	if signer.Class == asn1.ClassContextSpecific && signer.Tag == 0 {
		return c.keyID != nil && bytes.Equal(signer.Bytes, c.keyID)
	}
	var named struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	_, err := asn1.Unmarshal(signer.FullBytes, &named)
	return err == nil && bytes.Equal(named.Issuer.FullBytes, c.issuer) && named.Serial.Cmp(c.serial) == 0
}

// ParseAuthority reads one certificate, DER or PEM.
func ParseAuthority(file []byte) (Authority, error) {
	if block, _ := pem.Decode(file); block != nil {
		file = block.Bytes
	}
	c, err := parseCertificate(file)
	if err != nil {
		return Authority{}, err
	}
	return Authority{c}, nil
}

const (
	maxAuthorityFile = 64 << 10
	maxAuthorities   = 4096 // all countries with all their generations are a few hundred
)

// LoadAuthorities reads every certificate at the root of a file system: files named
// *.cer, *.crt, *.der or *.pem, one certificate each. The good ones are returned beside
// an error that names the others.
func LoadAuthorities(fsys fs.FS) ([]Authority, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("list country signing certificates: %w", err)
	}
	var out []Authority
	var errs []error
	for _, e := range entries {
		switch path.Ext(e.Name()) {
		case ".cer", ".crt", ".der", ".pem":
		default:
			continue
		}
		if len(out) == maxAuthorities {
			errs = append(errs, fmt.Errorf("more than %d country signing certificates", maxAuthorities))
			break
		}
		a, err := readAuthority(fsys, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("country signing certificate %s: %w", e.Name(), err))
			continue
		}
		out = append(out, a)
	}
	return out, errors.Join(errs...)
}

func readAuthority(fsys fs.FS, name string) (Authority, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return Authority{}, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxAuthorityFile+1))
	if err != nil {
		return Authority{}, err
	}
	if len(b) > maxAuthorityFile {
		return Authority{}, fmt.Errorf("%w: larger than %d bytes", ErrMalformed, maxAuthorityFile)
	}
	return ParseAuthority(b)
}
