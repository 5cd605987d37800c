package outbound

import (
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
)

// authority is a CA that lives for one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.cert, a.key = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) issue(c *x509.Certificate, parent *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "test"}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	c.NotBefore = c.NotAfter.Add(-48 * time.Hour)
	by, with := c, key
	if parent != nil {
		by, with = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// leaf is a certificate for 127.0.0.1 that is good until then.
func (a *authority) leaf(until time.Time) tls.Certificate {
	a.t.Helper()
	cert, key := a.issue(&x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	ca, foreign := newAuthority(t), newAuthority(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	server := func(cert tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{cert}} }
	mutual := server(ca.leaf(soon))
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool
	client := func(certs ...tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ca.pool, Certificates: certs}
	}
	tests := []struct {
		name           string
		server, client *tls.Config
		code           string // empty: it arrives
	}{
		{"TLS", server(ca.leaf(soon)), client(), ""},
		{"mTLS", mutual, client(ca.leaf(soon)), ""},
		{"mTLS without a certificate", mutual, client(), CodeTLS},
		{"mTLS with a foreign certificate", mutual, client(foreign.leaf(soon)), CodeTLS},
		{"mTLS with an expired certificate", mutual, client(ca.leaf(past)), CodeTLS},
		{"a server of a foreign CA", server(foreign.leaf(soon)), client(), CodeTLS},
		{"an expired server", server(ca.leaf(past)), client(), CodeTLS},
		{"a server without TLS", nil, client(), CodeTLS},
		{"plain to a TLS port", server(ca.leaf(soon)), nil, CodeClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHIS(t, nil)
			h.server.TLS = tt.server
			h.start("")
			d := to(h)
			d.TLS = tt.client
			g := start(t, options(t.TempDir(), d))
			g.send("his", oru("M1"))
			if tt.code == "" {
				h.wants("M1")
				g.delivered(1)
				return
			}
			s := g.until("a failure", func(s DestinationState) bool { return s.Failed > 1 })
			if s.LastError != tt.code || s.Up || s.Parked != 0 {
				t.Errorf("state %+v\n%s", s, g.log)
			}
			h.nothing()
		})
	}
}

func TestNoSuchHost(t *testing.T) {
	g := start(t, options(t.TempDir(), Destination{Name: "his", Addr: "his.invalid:2575"}))
	g.send("his", oru("M1"))
	if s := g.until("a failure", func(s DestinationState) bool { return s.Failed > 0 }); s.LastError != CodeDNS {
		t.Errorf("state %+v", s)
	}
}
