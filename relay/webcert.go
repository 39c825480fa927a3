package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// Browsers take a certificate that nobody has signed where the page names its hash, and where it has an ECDSA key and is
// good for two weeks at most (WebTransport, 6.10: serverCertificateHashes). So the self-made one, which is good for twenty
// years, has others beside it for browsers. They are known to nobody but the page of the moment: they live in memory.

const (
	// shortTerm is how long one of them is in use, and shortSlack how much longer it is good before and after, as clocks
	// differ: 12 days in all.
	shortTerm  = 10 * 24 * time.Hour
	shortSlack = 24 * time.Hour
)

// shortCert is a certificate that is in use for shortTerm.
type shortCert struct {
	cert tls.Certificate
	from time.Time
	hash string // SHA-256, base64
}

// shortCerts are that of the moment and the one after it. The zero value makes them when they are asked for.
type shortCerts struct {
	mu        sync.Mutex
	now, next *shortCert
}

// at returns them. Whoever asks within shortTerm knows the one that is in use then.
func (s *shortCerts) at(now time.Time) (current, next *shortCert, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != nil && !now.Before(s.next.from) {
		s.now, s.next = s.next, nil
	}
	if s.now == nil || now.Before(s.now.from.Add(-shortSlack)) || !now.Before(s.now.from.Add(shortTerm)) { // the clock was set
		s.next = nil
		if s.now, err = newShortCert(now); err != nil {
			return nil, nil, err
		}
	}
	if s.next == nil {
		if s.next, err = newShortCert(s.now.from.Add(shortTerm)); err != nil {
			return nil, nil, err
		}
	}
	return s.now, s.next, nil
}

func newShortCert(from time.Time) (*shortCert, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("relay: a certificate for browsers: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("relay: a certificate for browsers: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "tincan relay"}, DNSNames: []string{"localhost"},
		NotBefore: from.Add(-shortSlack), NotAfter: from.Add(shortTerm + shortSlack),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("relay: a certificate for browsers: %w", err)
	}
	sum := sha256.Sum256(der)
	return &shortCert{
		cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, from: from,
		hash: base64.StdEncoding.EncodeToString(sum[:]),
	}, nil
}
