package intake

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// issue makes a certificate for name, signed by parent or by itself.
func issue(t *testing.T, name string, parent *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	signer, signerKey := tmpl, any(key)
	if parent == nil {
		tmpl.IsCA, tmpl.KeyUsage, tmpl.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	} else {
		signer, signerKey = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, signer, key.Public(), signerKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// Two systems of one hospital, both with a certificate of its CA: neither can
// send in the other's name.
func TestSendersOverMutualTLS(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Senders = []Sender{{Name: "his", Application: "HIS", Certificate: "his.example"}, {Name: "lis", Application: "LIS", Certificate: "lis.example"}}
	})
	ca := issue(t, "CA", nil)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Leaf)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &mllp.Server{Handler: r.intake.Handle, TLS: &tls.Config{
		Certificates: []tls.Certificate{issue(t, "127.0.0.1", &ca)}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, ln) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for _, tt := range []struct {
		certificate, application string
		code                     hl7.AckCode
	}{
		{"his.example", "HIS", hl7.AA}, {"lis.example", "LIS", hl7.AA}, {"lis.example", "HIS", hl7.AR}, {"his.example", "LIS", hl7.AR},
	} {
		config := &tls.Config{Certificates: []tls.Certificate{issue(t, tt.certificate, &ca)}, RootCAs: pool, ServerName: "127.0.0.1", InsecureSkipVerify: true} // the server's is not what is tested
		ack, err := mllp.Send(t.Context(), ln.Addr().String(), config, []byte(from(tt.application, "H", tt.certificate)))
		if err != nil || ack.Code != tt.code {
			t.Errorf("%s as %s: %+v %v", tt.certificate, tt.application, ack, err)
		}
	}
	r.wantEvents("his", map[Event]uint64{Stored: 1, WrongCertificate: 1})
	r.wantEvents("lis", map[Event]uint64{Stored: 1, WrongCertificate: 1})
}
