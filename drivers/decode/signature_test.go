package decode

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// RFC 7515, appendix A.3.
const (
	rfcJWS = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfcJWK = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
)

// RFC 9052, appendix C.2.1, and the key with id "11" of appendix C.7.1.
const (
	rfcCOSE    = "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
	rfcCOSEKey = `{"keys":[{"kty":"EC","crv":"P-256","kid":"11","x":"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8","y":"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"}]}`
)

func keysFrom(tb testing.TB, files map[string]string) Keys {
	tb.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	keys, err := LoadKeys(fsys)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

func pemOf(tb testing.TB, pub crypto.PublicKey) string {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func certificateOf(tb testing.TB, key *ecdsa.PrivateKey) []byte {
	tb.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// outcome says in one word what became of a signed value.
func outcome(t *testing.T, do string, in Value, keys Keys) string {
	t.Helper()
	v, warnings := through(pipeline(t, do), in, Options{Keys: keys})
	out := ""
	if v.Present() {
		out = "value"
	}
	for _, w := range warnings {
		out += "+" + w.Code
	}
	return out
}

const (
	verified   = "value"
	unverified = "value+signature_unverified"
	invalid    = "+signature_invalid"
)

func TestJWS(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	none := Keys{}
	right := keysFrom(t, map[string]string{"shc.json": rfcJWK})
	wrong := keysFrom(t, map[string]string{"shc.pem": pemOf(t, &other.PublicKey)})
	parts := strings.Split(rfcJWS, ".")
	for _, tt := range []struct {
		name, token string
		keys        Keys
		want        string
	}{
		{"right key", rfcJWS, right, verified},
		{"no key", rfcJWS, none, unverified},
		{"wrong key", rfcJWS, wrong, invalid},
		{"payload changed", parts[0] + "." + strings.Replace(parts[1], "eyJpc3M", "eyJpc3N", 1) + "." + parts[2], right, invalid},
		{"signature cut short", parts[0] + "." + parts[1] + "." + parts[2][:40], right, invalid},
		{"another algorithm", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", right, "+unreadable"},
		{"critical extension", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","crit":["b64"]}`)) + "." + parts[1] + "." + parts[2], right, "+unreadable"},
		{"two parts", parts[0] + "." + parts[1], right, "+unreadable"},
		{"no base 64", "!." + parts[1] + "." + parts[2], right, "+unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcome(t, "[jws: shc]", TextValue(tt.token), tt.keys); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// A SMART Health Card of a made-up person, from the digits of the QR code on.
func TestSmartHealthCard(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	payload := fromHex(t, deflated(`{"vc":{"credentialSubject":{"fhirBundle":{"entry":[{"resource":{"name":[{"family":"Anyperson"}]}}]}}}}`))
	token := signJWS(t, key, `{"zip":"DEF","alg":"ES256","kid":"k1"}`, payload)
	var digits strings.Builder
	for i := range len(token) {
		c := token[i] - 45
		digits.WriteString(string([]byte{'0' + c/10, '0' + c%10}))
	}
	point, err := key.PublicKey.Bytes() // 04, x, y
	if err != nil {
		t.Fatal(err)
	}
	x, y := point[1:33], point[33:]
	jwks := func(kid string) string {
		b, err := json.Marshal(map[string]any{"keys": []any{map[string]string{"kty": "EC", "crv": "P-256", "kid": kid,
			"x": base64.RawURLEncoding.EncodeToString(x), "y": base64.RawURLEncoding.EncodeToString(y)}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const do = "[decode: digit-pairs, text: ascii, jws: shc, json, path: vc/credentialSubject/fhirBundle/entry/0/resource/name/0/family]"
	for _, tt := range []struct{ name, kid, want string }{{"its key", "k1", ""}, {"only another issuer's key", "k2", "signature_unverified"}} {
		t.Run(tt.name, func(t *testing.T) {
			v, warnings := through(pipeline(t, do), TextValue(digits.String()), Options{Keys: keysFrom(t, map[string]string{"shc/issuer.json": jwks(tt.kid)})})
			if string(v.Bytes()) != "Anyperson" || len(warnings) > 1 || tt.want == "" != (len(warnings) == 0) || tt.want != "" && warnings[0].Code != tt.want {
				t.Errorf("got %q, %v", v.Bytes(), warnings)
			}
		})
	}
	bomb := fromHex(t, deflated(strings.Repeat("A", maxInflated+1)))
	if got := outcome(t, "[jws: shc]", TextValue(signJWS(t, key, `{"zip":"DEF","alg":"ES256"}`, bomb)), Keys{}); got != "+signature_unverified+unreadable" {
		t.Errorf("bomb: %s", got)
	}
}

func signJWS(tb testing.TB, key *ecdsa.PrivateKey, header string, payload []byte) string {
	tb.Helper()
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString(payload)
	return signed + "." + enc.EncodeToString(signES256(tb, key, []byte(signed)))
}

func signES256(tb testing.TB, key *ecdsa.PrivateKey, signed []byte) []byte {
	tb.Helper()
	sum := sha256.Sum256(signed)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func TestCOSE(t *testing.T) {
	message := fromHex(t, rfcCOSE)
	right := keysFrom(t, map[string]string{"dcc.json": rfcCOSEKey})
	other := keysFrom(t, map[string]string{"dcc.json": strings.Replace(rfcJWK, `"kty"`, `"kid":"11","kty"`, 1)})
	foreign := keysFrom(t, map[string]string{"dcc.json": strings.Replace(rfcJWK, `"kty"`, `"kid":"12","kty"`, 1)})
	changed := []byte(strings.Replace(string(message), "content", "Content", 1))
	for _, tt := range []struct {
		name string
		in   []byte
		keys Keys
		want string
	}{
		{"right key", message, right, verified},
		{"without its tag", message[1:], right, verified},
		{"no key", message, Keys{}, unverified},
		{"no key of that id", message, foreign, unverified},
		{"wrong key of that id", message, other, invalid},
		{"payload changed", changed, right, invalid},
		{"cut short", message[:40], right, "+unreadable"},
		{"no message", []byte{0x84, 0x40, 0xA0, 0xF6, 0x40}, right, "+unreadable"},
		{"critical header parameter", coseCritical(t), right, "+unreadable"},
		{"protected header that is none", []byte{0x84, 0x41, 0x01, 0xA0, 0x40, 0x40}, right, "+unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcome(t, "[cose: dcc]", BytesValue(tt.in), tt.keys); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// coseCritical is a message whose protected header {1: -7, 2: [99], 99: 0} must be
// understood.
func coseCritical(tb testing.TB) []byte {
	tb.Helper()
	b, err := cbor.Marshal([]any{[]byte("\xA3\x01\x26\x02\x81\x18\x63\x18\x63\x00"), map[int]any{}, []byte("x"), make([]byte, 64)})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// An EU digital certificate goes by the first eight bytes of its signer's certificate.
func TestCOSEByCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := certificateOf(t, key)
	sum := sha256.Sum256(cert)
	message := coseMessage(t, -7, sum[:8], func(signed []byte) []byte { return signES256(t, key, signed) })
	keys := keysFrom(t, map[string]string{"dcc/at.der": string(cert), "dcc/README.md": "not a key"})
	unknown := coseMessage(t, -7, []byte("another!"), func(signed []byte) []byte { return signES256(t, key, signed) })
	if got := outcome(t, "[cose: dcc]", BytesValue(unknown), keys); got != unverified {
		t.Errorf("signer that is not in the list: %s", got)
	}
	if got := outcome(t, "[cose: dcc, cbor, path: \"-260/1/nam/fn\"]", BytesValue(message), keys); got != verified {
		t.Errorf("got %s", got)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	message = coseMessage(t, -37, []byte("x"), func(signed []byte) []byte {
		sum := sha256.Sum256(signed)
		sig, err := rsa.SignPSS(rand.Reader, rsaKey, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		if err != nil {
			t.Fatal(err)
		}
		return sig
	})
	if got := outcome(t, "[cose: dcc]", BytesValue(message), keysFrom(t, map[string]string{"dcc.pem": pemOf(t, &rsaKey.PublicKey)})); got != verified {
		t.Errorf("PS256: %s", got)
	}
	if got := outcome(t, "[cose: dcc]", BytesValue(message), keysFrom(t, map[string]string{"dcc.pem": pemOf(t, &key.PublicKey)})); got != invalid {
		t.Errorf("PS256 with an EC key: %s", got)
	}
}

func coseMessage(tb testing.TB, alg int, kid []byte, sign func([]byte) []byte) []byte {
	tb.Helper()
	encode := func(v any) []byte {
		b, err := cbor.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
	protected := encode(map[int]any{1: alg, 4: kid})
	payload := encode(map[int]any{-260: map[int]any{1: map[string]any{"nam": map[string]string{"fn": "Mustermann"}}}})
	signature := sign(encode([]any{"Signature1", protected, []byte{}, payload}))
	return encode(cbor.Tag{Number: 18, Content: []any{protected, map[int]any{}, payload, signature}})
}

func TestSignedTail(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("V2\xff2\xff123420190101000000000\xffTest Person\xff")
	sum := sha256.Sum256(data)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signed := append(append([]byte{}, data...), signature...)
	forged := append([]byte{}, signed...)
	forged[30] ^= 1
	keys := keysFrom(t, map[string]string{"uidai.pem": pemOf(t, &key.PublicKey)})
	const do = "[signed-tail: {keys: uidai, algorithm: rsa-sha256, length: 256}, part: {by: FF, index: 3}]"
	for _, tt := range []struct {
		name string
		in   []byte
		keys Keys
		want string
	}{
		{"right key", signed, keys, verified},
		{"no key", signed, Keys{}, unverified},
		{"forged", forged, keys, invalid},
		{"shorter than a signature", signed[:256], keys, "+unreadable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := outcome(t, do, BytesValue(tt.in), tt.keys); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Mistakes in key files name the file; a private key is one of them.
func TestLoadKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, file, text, want string }{
		{"JWK Set", "a.json", rfcJWK, ""},
		{"PEM of a certificate and a key", "a.pem", pemOf(t, &key.PublicKey) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificateOf(t, key)})), ""},
		{"certificate in DER", "a.cer", string(certificateOf(t, key)), ""},
		{"certificate in PEM, named .crt", "a.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificateOf(t, key)})), ""},
		{"private key in PEM", "a.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), "a.pem: holds a private key"},
		{"private JWK", "a.json", strings.Replace(rfcJWK, `"kty"`, `"d":"AA","kty"`, 1), "a.json: holds a private key"},
		{"only a curve that no stage uses", "a.pem", pemOf(t, &large.PublicKey), "a.pem: no usable key"},
		{"point not on the curve", "a.json", strings.Replace(rfcJWK, "f83O", "g83O", 1), "a.json: no usable key"},
		{"short RSA", "a.json", `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, "a.json: no usable key"},
		{"no JSON", "a.json", "{", "a.json: no JWK Set"},
		{"no certificate", "a.der", "x", "a.der: no certificate in DER"},
		{"empty PEM", "a.pem", "", "a.pem: no "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys, err := LoadKeys(fstest.MapFS{tt.file: {Data: []byte(tt.text)}})
			switch {
			case tt.want == "" && (err != nil || len(keys.Sets()) != 1 || keys.Sets()[0] != "a"):
				t.Errorf("got %v, %v", keys.Sets(), err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	odd := fstest.MapFS{"a[1/issuer.json": {Data: []byte(rfcJWK)}} // no pattern of Glob
	if keys, err := LoadKeys(odd); err != nil || len(keys.Sets()) != 1 {
		t.Errorf("folder of an odd name: %v, %v", keys.Sets(), err)
	}
	big := fstest.MapFS{"a.pem": {Data: make([]byte, maxKeyFile+1)}}
	if _, err := LoadKeys(big); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}
