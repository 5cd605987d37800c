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
	"fmt"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"cardferry/hl7"
)

// script is what a scripted receiver does with one connection's messages.
type script func(conn net.Conn, n int, msg []byte)

// receiver listens on loopback and runs a script for every message, numbered
// over all connections from 1. The script writes raw bytes or closes.
func receiver(t testing.TB, do script) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			var f Framer
			buf := make([]byte, 4096)
			for {
				k, err := conn.Read(buf)
				if err != nil {
					break
				}
				if f.Feed(buf[:k], func(msg []byte) error { n++; do(conn, n, msg); return nil }) != nil {
					break
				}
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

func write(conn net.Conn, b []byte) { _, _ = conn.Write(b) }

func ackFor(msg []byte, code hl7.AckCode) []byte {
	return hl7.ACK(msg, hl7.AckInfo{Code: code, Now: time.Now(), Text: "said"})
}

func TestClientKeepsItsConnection(t *testing.T) {
	srv := &Server{}
	addr, _ := serve(t, srv)
	c := &Client{Addr: addr}
	for i := range 20 {
		ack, err := c.Send(t.Context(), []byte(adt(fmt.Sprint(i))))
		if err != nil || ack.Code != hl7.AA || string(ack.ControlID) != fmt.Sprint(i) || ack.Ignored != 0 {
			t.Fatalf("%d: %+v %v", i, ack, err)
		}
	}
	if n := srv.Stats().Accepted; n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), []byte(adt("again"))); err != nil {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClientUnderstandsOddAnswers(t *testing.T) {
	tests := []struct {
		name string
		do   script
		code hl7.AckCode
		skip int
	}{
		{"in pieces", func(c net.Conn, _ int, m []byte) {
			for _, b := range AppendFrame(nil, ackFor(m, hl7.AE)) {
				write(c, []byte{b})
			}
		}, hl7.AE, 0},
		{"without CR", func(c net.Conn, _ int, m []byte) {
			f := AppendFrame(nil, ackFor(m, hl7.AA))
			write(c, f[:len(f)-1])
		}, hl7.AA, 0},
		{"line feeds and noise around", func(c net.Conn, _ int, m []byte) {
			write(c, append(append([]byte("\r\n\x00xy"), AppendFrame(nil, ackFor(m, hl7.AR))...), '\n'))
		}, hl7.AR, 0},
		{"byte order mark and another version", func(c net.Conn, _ int, m []byte) {
			write(c, AppendFrame(nil, []byte("\uFEFFMSH|^~\\&|||||||ACK|9|P|2.2\nMSA|AA|ID1\n")))
		}, hl7.AA, 0},
		{"others' answers first", func(c net.Conn, _ int, m []byte) {
			write(c, AppendFrame(AppendFrame(nil, ackFor([]byte(adt("OTHER")), hl7.AA)), []byte("not HL7")))
			write(c, AppendFrame(nil, ackFor(m, hl7.CA)))
		}, hl7.CA, 2},
		{"more behind it", func(c net.Conn, _ int, m []byte) {
			write(c, AppendFrame(AppendFrame(nil, ackFor(m, hl7.AA)), ackFor(m, hl7.AE)))
		}, hl7.AA, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ack, err := Send(t.Context(), receiver(t, tt.do), nil, []byte(adt("ID1")))
			if err != nil || ack.Code != tt.code || ack.Ignored != tt.skip || len(ack.Raw) == 0 {
				t.Errorf("%+v %v", ack, err)
			}
		})
	}
}

func TestClientNeverTakesAnothersAnswer(t *testing.T) {
	late := make(chan []byte, 1)
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		if n == 1 {
			late <- AppendFrame(nil, ackFor(m, hl7.AA)) // not sent in time
			return
		}
		write(c, <-late)
		write(c, AppendFrame(nil, ackFor(m, hl7.AE)))
	})
	c := &Client{Addr: addr, AckFor: 50 * time.Millisecond}
	defer func() { _ = c.Close() }()
	if ack, err := c.Send(t.Context(), []byte(adt("1"))); !errors.Is(err, ErrAckTimeout) {
		t.Fatalf("%+v %v", ack, err)
	}
	c.AckFor = 10 * time.Second
	ack, err := c.Send(t.Context(), []byte(adt("2")))
	if err != nil || ack.Code != hl7.AE || ack.Ignored != 1 {
		t.Errorf("%+v %v", ack, err)
	}
}

func TestClientErrors(t *testing.T) {
	t.Run("not a message", func(t *testing.T) {
		if _, err := Send(t.Context(), "127.0.0.1:1", nil, []byte("HELLO")); !errors.Is(err, hl7.ErrNoMSH) {
			t.Error(err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		var op *net.OpError
		if _, err := Send(t.Context(), ln.Addr().String(), nil, []byte(adt("1"))); !errors.As(err, &op) || op.Op != "dial" {
			t.Error(err)
		}
	})
	t.Run("closed without an answer", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, _ []byte) { _ = c.Close() })
		if _, err := Send(t.Context(), addr, nil, []byte(adt("1"))); !errors.Is(err, ErrPeerClosed) {
			t.Error(err)
		}
	})
	t.Run("an HTTP server", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, _ []byte) { write(c, []byte("MSH|^~\\&|")) })
		if _, err := Send(t.Context(), addr, nil, []byte(adt("1"))); !errors.Is(err, ErrUnframed) {
			t.Error(err)
		}
	})
	t.Run("an answer over the limit", func(t *testing.T) {
		addr := receiver(t, func(c net.Conn, _ int, _ []byte) { write(c, append([]byte{startBlock}, make([]byte, 2000)...)) })
		c := &Client{Addr: addr, MaxAck: 1000}
		if _, err := c.Send(t.Context(), []byte(adt("1"))); !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		addr := receiver(t, func(net.Conn, int, []byte) { cancel() })
		if _, err := Send(ctx, addr, nil, []byte(adt("1"))); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestClientRedialsWhenAKeptConnectionWasClosed(t *testing.T) {
	addr := receiver(t, func(c net.Conn, n int, m []byte) {
		write(c, AppendFrame(nil, ackFor(m, hl7.AA)))
		if n == 1 { // the second message is written to a connection that is gone
			_ = c.Close()
		}
	})
	c := &Client{Addr: addr}
	defer func() { _ = c.Close() }()
	for i := range 2 {
		if ack, err := c.Send(t.Context(), []byte(adt(fmt.Sprint(i)))); err != nil || ack.Code != hl7.AA {
			t.Fatalf("%d: %+v %v", i, ack, err)
		}
	}
}

func TestClientDoesNotWaitWhenNoAnswerIsWanted(t *testing.T) {
	got := make(chan struct{}, 1)
	addr := receiver(t, func(net.Conn, int, []byte) { got <- struct{}{} })
	ack, err := Send(t.Context(), addr, nil, []byte("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|||NE|NE\r"))
	if err != nil || ack.Code != "" {
		t.Errorf("%+v %v", ack, err)
	}
	<-got
}

// authority is a certificate authority of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

var serial atomic.Int64

func newAuthority(t *testing.T) *authority {
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

func (a *authority) issue(t *testing.T, notAfter time.Time) tls.Certificate {
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

func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	hour := time.Now().Add(time.Hour)
	var subject atomic.Value
	srv := &Server{
		TLS: &tls.Config{Certificates: []tls.Certificate{ca.issue(t, hour)}, ClientCAs: ca.pool, ClientAuth: tls.RequireAndVerifyClientCert},
		Handler: func(ctx context.Context, msg []byte, p Peer) Reply {
			subject.Store(p.TLS.VerifiedChains[0][0].Subject.CommonName)
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
			if ack, err := Send(t.Context(), addr, tt.config, []byte(adt("1"))); err == nil {
				t.Errorf("accepted: %+v", ack)
			}
			e.want(t, tt.cause)
		})
	}
	if n := srv.Stats().Messages; n != 1 {
		t.Errorf("%d messages", n)
	}
}

func BenchmarkMLLPRoundTrip(b *testing.B) {
	addr, _ := serve(b, &Server{})
	msg := []byte(adt("1"))
	for _, conns := range []int{1, 16} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			b.SetParallelism(conns / 2)
			if conns == 1 {
				c := &Client{Addr: addr}
				defer func() { _ = c.Close() }()
				for b.Loop() {
					if _, err := c.Send(context.Background(), msg); err != nil {
						b.Fatal(err)
					}
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					c := &Client{Addr: addr}
					defer func() { _ = c.Close() }()
					for pb.Next() {
						if _, err := c.Send(context.Background(), msg); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
