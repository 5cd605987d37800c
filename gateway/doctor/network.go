package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"cardferry/configs"
)

// dialWithin is how long the platform has to take a connection.
const dialWithin = 5 * time.Second

// expiresSoon is when a certificate is worth a warning.
const expiresSoon = 30 * 24 * time.Hour

func checkUpstream(ctx context.Context, m Machine) []Finding {
	const check = "platform"
	u := m.Config.Upstream
	switch u.Kind {
	case configs.UpstreamNone:
		return warn(check, "no platform is configured; everything stays in the queue", "set upstream.kind and upstream.url")
	case configs.UpstreamRepository:
		return ok(check, "this machine is the platform")
	}
	out := checkSecret("upstream.token_file", u.TokenFile)
	parsed, err := url.Parse(u.URL)
	if err != nil {
		return append(out, fail(check, "upstream.url cannot be used", "correct it")...)
	}
	port := parsed.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[parsed.Scheme]
	}
	var secure *peerTLS
	if parsed.Scheme == "https" {
		secure = &peerTLS{key: "upstream", ca: u.CAFile, cert: u.CertFile, private: u.KeyFile}
	}
	return append(out, checkReach(ctx, check, net.JoinHostPort(parsed.Hostname(), port), secure)...)
}

// checkDestinations looks at the hospital's systems that messages go back to.
func checkDestinations(ctx context.Context, m Machine) []Finding {
	var out []Finding
	for i, d := range m.Config.HL7.Destinations {
		var secure *peerTLS
		if d.TLS {
			secure = &peerTLS{key: fmt.Sprintf("hl7.destinations[%d]", i), ca: d.CAFile, cert: d.CertFile, private: d.KeyFile}
		}
		out = append(out, checkReach(ctx, "hl7 "+d.Name, d.Address, secure)...)
	}
	return out
}

// peerTLS is how a peer is spoken to over TLS, and the configuration's key for it.
type peerTLS struct{ key, ca, cert, private string }

// checkReach says whether addr takes connections, and TLS ones unless secure is nil.
func checkReach(ctx context.Context, check, addr string, secure *peerTLS) []Finding {
	dialer := net.Dialer{Timeout: dialWithin}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fail(check, fmt.Sprintf("%s cannot be reached: %v", addr, err), "check name, route and firewall; nothing is lost meanwhile, the queue keeps it")
	}
	defer func() { _ = conn.Close() }()
	if secure == nil {
		return ok(check, addr+" takes connections")
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fail(check, addr+" is no host:port", "correct it")
	}
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if secure.ca != "" {
		pemBytes, err := os.ReadFile(secure.ca)
		if err != nil {
			return fail(check, fmt.Sprintf("%s.ca_file: %v", secure.key, err), "put the other side's CA there")
		}
		conf.RootCAs = x509.NewCertPool()
		conf.RootCAs.AppendCertsFromPEM(pemBytes)
	}
	if secure.cert != "" {
		if cert, err := tls.LoadX509KeyPair(secure.cert, secure.private); err == nil {
			conf.Certificates = []tls.Certificate{cert}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	client := tls.Client(conn, conf)
	if err := client.HandshakeContext(ctx); err != nil {
		return fail(check, fmt.Sprintf("%s: TLS: %v", addr, err), "check "+secure.key+".ca_file, the clock, and the client certificate")
	}
	out := ok(check, addr+" takes TLS connections")
	if certs := client.ConnectionState().PeerCertificates; len(certs) > 0 && time.Until(certs[0].NotAfter) < expiresSoon {
		out = append(out, warn(check, "the certificate of "+addr+" ends on "+certs[0].NotAfter.Format(time.DateOnly), "tell the people who run it")...)
	}
	return out
}

func checkCertificates(_ context.Context, m Machine) []Finding {
	c := m.Config
	var out []Finding
	type pair struct{ key, cert, private string }
	pairs := []pair{
		{"hl7.tls", c.HL7.TLS.CertFile, c.HL7.TLS.KeyFile},
		{"ingest.tls", c.Ingest.TLS.CertFile, c.Ingest.TLS.KeyFile},
		{"upstream", c.Upstream.CertFile, c.Upstream.KeyFile},
	}
	for i, d := range c.HL7.Destinations {
		pairs = append(pairs, pair{fmt.Sprintf("hl7.destinations[%d]", i), d.CertFile, d.KeyFile})
	}
	for _, t := range pairs {
		if t.cert == "" {
			continue
		}
		out = append(out, checkSecret(t.key+".key_file", t.private)...)
		out = append(out, checkCertificate(t.key+".cert_file", t.cert)...)
	}
	out = append(out, checkSecret("ingest.token_file", c.Ingest.TokenFile)...)
	for _, k := range c.Readers.CardKeys {
		out = append(out, checkSecret("readers.card_keys "+k.Name, k.File)...)
	}
	return out
}

func checkCertificate(key, path string) []Finding {
	const check = "certificate"
	text, err := os.ReadFile(path)
	if err != nil {
		return fail(check, fmt.Sprintf("%s: %v", key, err), "put the certificate there")
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return fail(check, key+" holds no PEM certificate", "convert it: openssl x509 -inform DER")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fail(check, key+" holds no certificate that can be read", "make it anew")
	}
	left := time.Until(cert.NotAfter)
	day := cert.NotAfter.Format(time.DateOnly)
	switch {
	case left <= 0:
		return fail(check, key+" ended on "+day, "renew it; the new one is used without a restart")
	case left < expiresSoon:
		return warn(check, key+" ends on "+day, "renew it; the new one is used without a restart")
	}
	return ok(check, key+" is good until "+day)
}
