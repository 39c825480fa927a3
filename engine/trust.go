package engine

import (
	"crypto/tls"
	"crypto/x509"
)

// Trust is why a relay is taken for the one that it is.
type Trust int

// The reasons.
const (
	TrustNone     Trust = iota // there is no TLS
	TrustFirst                 // none but that it is met for the first time; from now on its key is known
	TrustKnown                 // its key was met before
	TrustVouched               // another relay that is trusted has sent us there, and said what its key is
	TrustGiven                 // Config.Fingerprint demands it
	TrustVerified              // the system's roots verify its certificate for the name that was dialed
	TrustNetwork               // Config.Network vouches for it
)

var trustNames = [...]string{"none", "first", "known", "vouched", "given", "verified", "network"}

// String returns the reason in one word.
func (t Trust) String() string {
	if t >= 0 && int(t) < len(trustNames) {
		return trustNames[t]
	}
	return "?"
}

// presented is what a relay has shown of itself.
type presented struct {
	fingerprint string // of its certificate, "" without TLS
	host        string // that was dialed
	roots       *x509.CertPool
	unverified  error // why its certificate is not one that the roots verify for the host; nil: it is
}

// tlsTo is the client's side of TLS to a host. What is presented is looked at afterwards.
func tlsTo(host string, protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, ServerName: host, InsecureSkipVerify: true, NextProtos: protocols}
}

// look is what was presented in a handshake. The roots are the system's if there are none.
func look(state tls.ConnectionState, host string, roots *x509.CertPool) presented {
	leaf := state.PeerCertificates[0]
	chain := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: chain})
	return presented{Fingerprint(leaf), host, roots, err}
}

// again tells whether another connection leads to the same relay: the same key, or another one that is verified too,
// as after a renewal.
func (p *presented) again(state tls.ConnectionState) bool {
	other := look(state, p.host, p.roots)
	return other.fingerprint == p.fingerprint || p.unverified == nil && other.unverified == nil
}
