package fhirhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"cardferry/sync/upstream"
)

func newTransport(timeout time.Duration, conf *tls.Config) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &progressConn{conn, timeout}, nil
		},
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  timeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    16,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// progressConn fails a write that makes no progress for a while: a large Bundle
// may take minutes on a thin line, a dead line must not.
type progressConn struct {
	net.Conn
	stall time.Duration
}

// maxWrite is how much must go out within one stall time.
const maxWrite = 64 << 10

func (c *progressConn) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err = c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return n, err
		}
		m, err := c.Conn.Write(b[n:min(n+maxWrite, len(b))])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func clientTLS(c Config) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("upstream ca_file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("upstream ca_file: no PEM certificate in it")
		}
	}
	if c.CertFile == "" && c.KeyFile == "" {
		return conf, nil
	}
	load := func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("upstream client certificate: %w", err)
		}
		return &cert, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return conf, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// unreachable names why there is no answer. The text of the error has no URL.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var (
		urlErr  *url.Error
		netErr  net.Error
		dnsErr  *net.DNSError
		opErr   *net.OpError
		certErr *tls.CertificateVerificationError
		alert   tls.AlertError
		record  tls.RecordHeaderError
	)
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	code := "reset" // the connection ended before the answer did
	switch {
	case errors.As(err, &certErr), errors.As(err, &alert), errors.As(err, &record):
		code = "tls"
	case errors.As(err, &netErr) && netErr.Timeout():
		code = "timeout"
	case errors.As(err, &dnsErr):
		code = "dns"
	case errors.As(err, &opErr) && opErr.Op == "dial":
		code = "connect"
	}
	return &upstream.Unavailable{Code: code, Err: err}
}

// tokenFile is a bearer token that others renew. Safe for concurrent use.
type tokenFile struct {
	path string

	mu    sync.Mutex
	token string
	at    time.Time // modification time of what was read
}

func openToken(path string) (*tokenFile, error) {
	t := &tokenFile{path: path}
	if _, err := t.read(true); err != nil {
		return nil, err
	}
	return t, nil
}

// read returns the token, "" when none is configured; it reads the file when it
// changed or when forced.
func (t *tokenFile) read(force bool) (string, error) {
	if t.path == "" {
		return "", nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		return "", fmt.Errorf("upstream token_file: %w", err)
	}
	if !force && info.ModTime().Equal(t.at) {
		return t.token, nil
	}
	b, err := os.ReadFile(t.path)
	if err != nil {
		return "", fmt.Errorf("upstream token_file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", errors.New("upstream token_file: want one token and nothing else")
	}
	t.token, t.at = token, info.ModTime()
	return token, nil
}
