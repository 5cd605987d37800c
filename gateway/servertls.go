package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"cardferry/configs"
)

// serverTLS is the TLS side of a listener. A renewed certificate or CA is used from the
// next handshake on, without a restart; one that cannot be read leaves the old in use and
// is logged once. It is safe for concurrent use.
type serverTLS struct {
	files configs.TLS
	log   *slog.Logger

	mu     sync.Mutex
	stamps [3]stamp
	conf   *tls.Config
}

// stamp is how a changed file is noticed.
type stamp struct {
	modified time.Time
	size     int64
}

// newServerTLS returns a configuration that follows its files. They must be right now.
func newServerTLS(files configs.TLS, log *slog.Logger) (*tls.Config, error) {
	s := &serverTLS{files: files, log: log, stamps: stampsOf(files)}
	var err error
	if s.conf, err = loadServerTLS(files); err != nil {
		return nil, err
	}
	conf := s.conf.Clone()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current(), nil }
	return conf, nil
}

func (s *serverTLS) current() *tls.Config {
	now := stampsOf(s.files)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now == s.stamps {
		return s.conf
	}
	s.stamps = now
	conf, err := loadServerTLS(s.files)
	if err != nil {
		s.log.Error("the renewed TLS certificate cannot be used; the old one stays in use", "error", err)
		return s.conf
	}
	s.log.Info("the TLS certificate was renewed", "file", s.files.CertFile)
	s.conf = conf
	return conf
}

// stampsOf looks at the files; one that is not there has no stamp.
func stampsOf(t configs.TLS) (stamps [3]stamp) {
	for i, file := range []string{t.CertFile, t.KeyFile, t.ClientCAFile} {
		if info, err := os.Stat(file); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

func loadServerTLS(t configs.TLS) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls certificate: %w", err)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	if t.ClientCAFile == "" {
		return conf, nil
	}
	if conf.ClientCAs, err = certPool(t.ClientCAFile); err != nil {
		return nil, fmt.Errorf("tls client CA: %w", err)
	}
	conf.ClientAuth = tls.RequireAndVerifyClientCert
	return conf, nil
}

// clientTLS is the TLS side of a connection that this machine makes. Empty files take the
// system's CAs and no certificate.
func clientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if caFile != "" {
		if conf.RootCAs, err = certPool(caFile); err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
	}
	if certFile != "" {
		if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
			return nil, fmt.Errorf("cert_file: %w", err)
		}
		conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(certFile, keyFile) // it may have been renewed
			return &cert, err
		}
	}
	return conf, nil
}

func certPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no PEM certificate in " + file)
	}
	return pool, nil
}
