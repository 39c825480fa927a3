package engine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// Fingerprints of nobody.
const (
	fingerprintA = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA"
	fingerprintB = "SHA256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbA"
	fingerprintX = "SHA256:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxA"
)

const someFingerprint = "SHA256:Y0ykPhSrpLOJNW3l8pKG2UdH5dneTKG8TalW73OqRC8"

// authority issues certificates, as one of the system's roots does.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, pool: x509.NewCertPool()}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

// issue makes a certificate with a key of its own for a name, good until then.
func (a *authority) issue(name string, until time.Time) *tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A certificate that the roots verify may be renewed with another key: between calls, in mid-call, and for the tunnel.
// One that they do not verify is refused from then on, however it is made.
func TestVerifiedCertificate(t *testing.T) {
	ca, later := newAuthority(t), time.Now().Add(time.Hour)
	r := startRelay(t, ca.issue("relay.test", later), nil)
	r.keep = true
	cfg := Config{KnownRelays: t.TempDir() + "/known", roots: ca.pool}
	c := named(t, r, &fakeResolver{}, cfg)
	if link := c.Stats().Link; link.Trust != TrustVerified {
		t.Errorf("%+v", link)
	}
	relay := c.control.get().relay
	r.die()
	r.cert = ca.issue("relay.test", later)
	r.restart()
	await(t, c, "back in mid-call", anyEvent[Reconnected])
	conn, err := tls.Dial("tcp", r.address(), tlsTo("relay.test"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if state := conn.ConnectionState(); !relay.again(state) || Fingerprint(state.PeerCertificates[0]) == relay.fingerprint {
		t.Error("the tunnel would not be dialed after a renewal")
	}
	c.Leave()
	named(t, r, &fakeResolver{}, cfg).Leave()
	if text, err := os.ReadFile(cfg.KnownRelays); err != nil || !strings.HasSuffix(string(text), " verified\n") || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%q, %v", text, err)
	}

	for what, cert := range map[string]*tls.Certificate{
		"expired":         ca.issue("relay.test", time.Now().Add(-time.Minute)),
		"of another name": ca.issue("other.test", later),
		"self-made":       certificate(t),
		"of other roots":  newAuthority(t).issue("relay.test", later),
	} {
		r.die()
		r.cert = cert
		r.restart()
		_, port, _ := net.SplitHostPort(r.address())
		bad := cfg
		bad.Address, bad.Name, bad.resolver = "relay.test:"+port, "Ann", &fakeResolver{all: addrs("127.0.0.1")}
		_, err := Join(t.Context(), bad)
		var changed *CertificateChangedError
		if !errors.As(err, &changed) || changed.Known != verified || changed.Unverified == nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Who was told the fingerprint trusts nothing else, not even the first time.
func TestGivenFingerprint(t *testing.T) {
	r := startRelay(t, certificate(t), nil)
	cfg := Config{Address: r.address(), Name: "Ann", KnownRelays: t.TempDir() + "/known", Fingerprint: someFingerprint}
	_, err := Join(context.Background(), cfg)
	var changed *CertificateChangedError
	if !errors.As(err, &changed) || changed.Presented != r.fingerprint() || !strings.Contains(err.Error(), "asked for") {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(cfg.KnownRelays); err == nil {
		t.Errorf("the file has %q", text)
	}
	for _, tt := range []struct {
		fingerprint string
		trust       Trust
	}{{r.fingerprint(), TrustGiven}, {"", TrustKnown}} {
		cfg.Fingerprint = tt.fingerprint
		if c := join(t, r, cfg); c.Stats().Link.Trust != tt.trust {
			t.Errorf("%q: %v", tt.fingerprint, c.Stats().Link.Trust)
		}
	}
	cfg.KnownRelays += "2"
	if c := join(t, r, cfg); c.Stats().Link.Trust != TrustFirst {
		t.Errorf("first: %v", c.Stats().Link.Trust)
	}
}
