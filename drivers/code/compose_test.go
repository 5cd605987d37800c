package code_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// Composers of signed codes, with keys that live as long as the test.

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ecKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func rsaKey() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) }

// publicPEM is the public half as a site stores it.
func publicPEM(key crypto.Signer) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.Public()))})
}

// es256 signs as JOSE and COSE do: r and s of 32 bytes each.
func es256(key *ecdsa.PrivateKey, message []byte) []byte {
	sum := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

// squeeze compresses with what make returns for a buffer.
func squeeze(data []byte, compressor func(io.Writer) io.WriteCloser) []byte {
	var b bytes.Buffer
	w := compressor(&b)
	_ = must(w.Write(data))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func deflated(data []byte) []byte {
	return squeeze(data, func(w io.Writer) io.WriteCloser { return must(flate.NewWriter(w, flate.BestCompression)) })
}

func zlibbed(data []byte) []byte {
	return squeeze(data, func(w io.Writer) io.WriteCloser { return must(zlib.NewWriterLevel(w, zlib.BestCompression)) })
}

func gzipped(data []byte) []byte {
	return squeeze(data, func(w io.Writer) io.WriteCloser { return must(gzip.NewWriterLevel(w, gzip.BestCompression)) })
}

// smartHealthCard composes "shc:/…" of a payload (SMART Health Cards Framework).
func smartHealthCard(key *ecdsa.PrivateKey, payload []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(`{"zip":"DEF","alg":"ES256","kid":"test"}`)) + "." + b64(deflated(payload))
	var digits strings.Builder
	for _, c := range signed + "." + b64(es256(key, []byte(signed))) {
		fmt.Fprintf(&digits, "%02d", c-45)
	}
	return "shc:/" + digits.String()
}

func healthCardPayload(family string) []byte {
	return must(json.Marshal(map[string]any{
		"iss": "https://issuer.example.org", "nbf": 1767225600,
		"vc": map[string]any{"credentialSubject": map[string]any{"fhirBundle": map[string]any{"entry": []any{map[string]any{
			"resource": map[string]any{"resourceType": "Patient", "name": []any{map[string]any{"family": family}}, "birthDate": "1990-03-02"},
		}}}}},
	}))
}

// digitalCovidCertificate composes "HC1:…" of claims (eHealth Network, volume 3).
func digitalCovidCertificate(key *ecdsa.PrivateKey, claims []byte) string {
	protected := must(cbor.Marshal(map[int]any{1: -7}))
	signature := es256(key, must(cbor.Marshal([]any{"Signature1", protected, []byte{}, claims})))
	message := must(cbor.Marshal(cbor.Tag{Number: 18, Content: []any{protected, map[int]any{}, claims, signature}}))
	return "HC1:" + base45(zlibbed(message))
}

func certificateClaims(family string) []byte {
	return must(cbor.Marshal(map[int]any{1: "XX", 6: 1767225600, -260: map[int]any{
		1: map[string]any{"nam": map[string]any{"fn": family, "gn": "Anna"}, "dob": "1990-03-02"},
	}}))
}

// base45 is RFC 9285.
func base45(data []byte) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	var out strings.Builder
	for ; len(data) > 1; data = data[2:] {
		n := int(data[0])<<8 | int(data[1])
		out.Write([]byte{alphabet[n%45], alphabet[n/45%45], alphabet[n/2025]})
	}
	if len(data) == 1 {
		out.Write([]byte{alphabet[data[0]%45], alphabet[data[0]/45]})
	}
	return out.String()
}

// aadhaar composes the digits of an Aadhaar Secure QR code of version 2 (UIDAI).
func aadhaar(key *rsa.PrivateKey, name string) string {
	fields := []string{"V2", "0", "000020260101120000000", name, "02-03-1990", "F", "", "Pune", "", "1", "", "411001", "", "Maharashtra", "", "", "Pune", "0000"}
	body := append([]byte(strings.Join(fields, "\xFF")), 0xFF)
	sum := sha256.Sum256(body)
	return decimal(gzipped(append(body, must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:]))...)))
}

func decimal(data []byte) string { return new(big.Int).SetBytes(data).String() }

func TestComposersAgreeWithThemselves(t *testing.T) {
	// RFC 9285, section 4.3.
	if got := base45([]byte("Hello!!")); got != "%69 VD92EX0" {
		t.Error(got)
	}
	if got := base45([]byte("ietf!")); got != "QED8WEX0" {
		t.Error(got)
	}
}
