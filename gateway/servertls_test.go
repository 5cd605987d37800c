package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/configs"
)

// issued is a self-signed certificate for 127.0.0.1 in PEM.
func issued(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func writeFiles(t *testing.T, files map[string][]byte) {
	t.Helper()
	for file, b := range files {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// shown is the name in the certificate that a new connection to l is shown.
func shown(t *testing.T, l net.Listener, client *tls.Config) (string, error) {
	t.Helper()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "x") // the client reads it after its handshake
			_ = c.Close()
		}
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return "", err
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestRenewedCertificateIsUsedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	files := configs.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	cert, key := issued(t, "old")
	writeFiles(t, map[string][]byte{files.CertFile: cert, files.KeyFile: key})
	var log bytes.Buffer
	conf, err := newServerTLS(files, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(tcp, conf)
	defer func() { _ = l.Close() }()
	anyServer := &tls.Config{InsecureSkipVerify: true} // the test looks at which one is shown

	expect := func(step, want string) {
		t.Helper()
		if got, err := shown(t, l, anyServer); got != want || err != nil {
			t.Errorf("%s: shown %q, %v; want %q", step, got, err, want)
		}
	}
	expect("at the start", "old")
	cert, key = issued(t, "new, from a renewal")
	writeFiles(t, map[string][]byte{files.CertFile: cert, files.KeyFile: key})
	expect("renewed", "new, from a renewal")
	writeFiles(t, map[string][]byte{files.CertFile: []byte("half a fi")})
	expect("damaged", "new, from a renewal")
	expect("still damaged", "new, from a renewal")
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("told %d times of the damaged file:\n%s", n, log.String())
	}
}

func TestClientMustShowACertificateOfTheCA(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	serverCert, serverKey := issued(t, "server")
	ourCert, ourKey := issued(t, "ours")
	theirCert, theirKey := issued(t, "theirs")
	writeFiles(t, map[string][]byte{
		at("server.pem"): serverCert, at("server.key"): serverKey, at("ours.pem"): ourCert, at("ours.key"): ourKey,
		at("theirs.pem"): theirCert, at("theirs.key"): theirKey,
	})
	conf, err := newServerTLS(configs.TLS{CertFile: at("server.pem"), KeyFile: at("server.key"), ClientCAFile: at("ours.pem")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(tcp, conf)
	defer func() { _ = l.Close() }()
	for _, tt := range []struct {
		name, cert, key string
		taken           bool
	}{
		{"its own", at("ours.pem"), at("ours.key"), true},
		{"another CA's", at("theirs.pem"), at("theirs.key"), false},
		{"none", "", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := clientTLS(at("server.pem"), tt.cert, tt.key)
			if err != nil {
				t.Fatal(err)
			}
			_, err = shown(t, l, client)
			var alert *net.OpError
			if taken := err == nil; taken != tt.taken || !taken && (!errors.As(err, &alert) || alert.Op != "remote error") {
				t.Errorf("taken %v, want %v (%v)", taken, tt.taken, err)
			}
		})
	}
}
