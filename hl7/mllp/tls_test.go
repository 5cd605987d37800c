package mllp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/hl7"
)

// authority is a certificate authority of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var serial atomic.Int64

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
	return a
}

func (a *authority) issue(t testing.TB, notAfter time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: "his"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsServer demands certificates of ca.
func tlsServer(t testing.TB, ca *authority) *Server {
	return &Server{TLS: &tls.Config{Certificates: []tls.Certificate{ca.issue(t, time.Now().Add(time.Hour))}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert}}
}

// tlsClient has one.
func tlsClient(t testing.TB, ca *authority) *tls.Config {
	return &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.issue(t, time.Now().Add(time.Hour))}}
}

func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	hour := time.Now().Add(time.Hour)
	var subject atomic.Value
	srv := &Server{
		TLS: &tls.Config{Certificates: []tls.Certificate{ca.issue(t, hour)}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert},
		Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
			subject.Store(p.Name())
			return accept(ctx, msg, p)
		},
	}
	addr, e := serve(t, srv)
	config := func(cert ...tls.Certificate) *tls.Config { return &tls.Config{RootCAs: ca.pool, Certificates: cert} }

	ack, err := Send(t.Context(), addr, config(ca.issue(t, hour)), []byte(adt("1")))
	if err != nil || ack.Code != hl7.AA || subject.Load() != "his" {
		t.Fatalf("%+v %v, subject %v", ack, err, subject.Load())
	}
	e.want(t, PeerClosed)

	tls11 := config(ca.issue(t, hour))
	tls11.MaxVersion = tls.VersionTLS11
	for _, tt := range []struct {
		name   string
		config *tls.Config
		cause  Cause
	}{
		{"no certificate", config(), TLSHandshake},
		{"another authority", config(other.issue(t, hour)), CertificateRefused},
		{"expired", config(ca.issue(t, time.Now().Add(-time.Hour))), CertificateRefused},
		{"TLS 1.1", tls11, TLSHandshake},
		{"plain", nil, PlainOnTLSPort},
		{"server not trusted", &tls.Config{RootCAs: other.pool, Certificates: []tls.Certificate{ca.issue(t, hour)}}, TLSHandshake},
		{"wrong name expected", &tls.Config{RootCAs: ca.pool, ServerName: "his.example.org", Certificates: []tls.Certificate{ca.issue(t, hour)}}, TLSHandshake},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ack, err := Send(t.Context(), addr, tt.config, []byte(adt("1")))
			if err == nil || tt.config != nil && !errors.Is(err, ErrConnect) {
				t.Errorf("%+v %v", ack, err)
			}
			e.want(t, tt.cause)
		})
	}
	if n := srv.Stats().Messages; n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestReloadedCertificates(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	hour := time.Now().Add(time.Hour)
	var current atomic.Pointer[tls.Config]
	use := func(a *authority) {
		current.Store(&tls.Config{Certificates: []tls.Certificate{a.issue(t, hour)}, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert})
	}
	use(before)
	addr, e := serve(t, &Server{TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil }}})

	client := func(a *authority) *Client {
		c := &Client{Addr: addr, TLS: &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{a.issue(t, hour)}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	old, fresh := client(before), client(after)
	if _, err := old.Send(t.Context(), []byte(adt("1"))); err != nil {
		t.Fatal(err)
	}
	use(after)
	if _, err := old.Send(t.Context(), []byte(adt("2"))); err != nil {
		t.Errorf("on a connection made before: %v", err)
	}
	if _, err := fresh.Send(t.Context(), []byte(adt("3"))); err != nil {
		t.Errorf("with a certificate of the new authority: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	e.want(t, PeerClosed)
	old.TLS.RootCAs = after.pool // it knows the new server, the server no longer it
	if ack, err := old.Send(t.Context(), []byte(adt("4"))); !errors.Is(err, ErrConnect) {
		t.Errorf("with one of the old authority: %+v %v", ack, err)
	}
	e.want(t, CertificateRefused)
}

func TestReloadedServerCertificate(t *testing.T) {
	before, after := newAuthority(t), newAuthority(t)
	var current atomic.Pointer[tls.Certificate]
	use := func(a *authority) { cert := a.issue(t, time.Now().Add(time.Hour)); current.Store(&cert) }
	use(before)
	addr, _ := serve(t, &Server{TLS: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil }}})
	for _, a := range []*authority{before, after} {
		use(a)
		if _, err := Send(t.Context(), addr, &tls.Config{RootCAs: a.pool}, []byte(adt("1"))); err != nil {
			t.Error(err)
		}
	}
}

// A configuration that asks for less is not followed.
func TestLaxConfigurations(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	hour := time.Now().Add(time.Hour)
	certs := []tls.Certificate{ca.issue(t, hour)}
	tests := []struct {
		name           string
		server, client *tls.Config
		cause          Cause
	}{
		{"any client certificate", &tls.Config{ClientAuth: tls.RequireAnyClientCert}, &tls.Config{Certificates: []tls.Certificate{other.issue(t, hour)}}, CertificateRefused},
		{"a client certificate if there is one", &tls.Config{ClientAuth: tls.RequestClientCert}, &tls.Config{Certificates: []tls.Certificate{other.issue(t, hour)}}, CertificateRefused},
		{"TLS 1.0", &tls.Config{MinVersion: tls.VersionTLS10}, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, TLSHandshake},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.server.Certificates = certs
			srv := &Server{TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return tt.server, nil }}}
			addr, e := serve(t, srv)
			tt.client.RootCAs, tt.client.ServerName = ca.pool, "127.0.0.1"
			conn, err := tls.Dial("tcp", addr, tt.client)
			if err == nil {
				if _, err = conn.Write([]byte(frame("1"))); err == nil {
					_, err = conn.Read(make([]byte, 1))
				}
				_ = conn.Close()
			}
			if err == nil {
				t.Error("answered")
			}
			e.want(t, tt.cause)
			if n := srv.Stats().Messages; n != 0 {
				t.Errorf("%d messages taken", n)
			}
		})
	}
}

func TestPeerIsNamedWhenItsConnectionEnds(t *testing.T) {
	ca := newAuthority(t)
	names := make(chan string, 1)
	srv := tlsServer(t, ca)
	srv.OnEnd = func(p Peer, _ Cause) { names <- p.Name() }
	addr, _ := serve(t, srv)
	_, err := Send(t.Context(), addr, tlsClient(t, ca), []byte(adt("1")))
	if name := <-names; name != "his" || err != nil {
		t.Errorf("%q %v", name, err)
	}
}
