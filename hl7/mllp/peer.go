package mllp

import (
	"crypto/tls"
	"net/netip"
)

// Peer is who sent a message.
type Peer struct {
	Addr netip.AddrPort
	Conn uint64 // number of the connection since the server was made, from 1
	// TLS is the state of the connection, nil on a plain one. A certificate in it
	// was verified: see [Peer.Name].
	TLS *tls.ConnectionState
}

// String is the peer's address.
func (p Peer) String() string { return p.Addr.String() }

// Name is what the peer's verified certificate calls it: the common name of the
// subject, else the first DNS name, else the first URI of the subject
// alternative name. It is empty on a plain connection, without a certificate, and
// for a certificate that no authority in the server's ClientCAs vouches for.
func (p Peer) Name() string {
	if p.TLS == nil || len(p.TLS.VerifiedChains) == 0 || len(p.TLS.VerifiedChains[0]) == 0 {
		return ""
	}
	cert := p.TLS.VerifiedChains[0][0]
	switch {
	case cert.Subject.CommonName != "":
		return cert.Subject.CommonName
	case len(cert.DNSNames) > 0:
		return cert.DNSNames[0]
	case len(cert.URIs) > 0:
		return cert.URIs[0].String()
	}
	return ""
}
