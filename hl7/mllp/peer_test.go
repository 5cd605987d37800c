package mllp

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"testing"
)

func TestPeerName(t *testing.T) {
	uri := &url.URL{Scheme: "urn", Opaque: "oid:1.2.3"}
	tests := []struct {
		name string
		cert x509.Certificate
		want string
	}{
		{"common name first", x509.Certificate{Subject: pkix.Name{CommonName: "his"}, DNSNames: []string{"his.example.org"}, URIs: []*url.URL{uri}}, "his"},
		{"then DNS", x509.Certificate{DNSNames: []string{"his.example.org", "other"}, URIs: []*url.URL{uri}}, "his.example.org"},
		{"then URI", x509.Certificate{URIs: []*url.URL{uri}}, "urn:oid:1.2.3"},
		{"nothing to go by", x509.Certificate{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := Peer{TLS: &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{&tt.cert}}}}
			if got := p.Name(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	if got := (Peer{}).Name(); got != "" {
		t.Errorf("on a plain connection %q", got)
	}
	shown := Peer{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "anyone"}}}}}
	if got := shown.Name(); got != "" {
		t.Errorf("of a certificate nobody verified %q", got)
	}
}
