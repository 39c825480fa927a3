package relay

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// controlProtocol is the ALPN name (RFC 7301) of control connections. A
// client need not name one; who names only others is refused.
const controlProtocol = "tincan"

// certLife is long because clients pin the key: an end would gain nothing.
const certLife = 20 * 365 * 24 * time.Hour

// identity is the certificate with its key, and what clients pin of it.
type identity struct {
	cert        tls.Certificate
	fingerprint string
}

// certFiles returns where the certificate and its key are. The self-made one is in one file.
func certFiles(cfg Config) [2]string {
	if cfg.CertFile != "" {
		return [2]string{cfg.CertFile, cfg.KeyFile}
	}
	own := filepath.Join(cfg.StateDir, "relay.pem")
	return [2]string{own, own}
}

// ensureCertificate makes a certificate when there is none and none is configured.
func ensureCertificate(cfg Config) error {
	if cfg.CertFile != "" {
		return nil
	}
	path := certFiles(cfg)[0]
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeCertificate(path); err != nil {
			return fmt.Errorf("relay: making a certificate: %w", err)
		}
	}
	return nil
}

// loadIdentity loads the configured certificate, or the self-made one.
func loadIdentity(cfg Config) (*identity, error) {
	files := certFiles(cfg)
	cert, err := tls.LoadX509KeyPair(files[0], files[1])
	switch {
	case err != nil && cfg.CertFile != "":
		return nil, fmt.Errorf("relay: certificate: %w", err)
	case err != nil:
		return nil, fmt.Errorf("relay: certificate: %w (remove %s and start again to get a new one: clients will warn of the change)", err, files[0])
	}
	print, err := fingerprint(cert)
	if err != nil {
		return nil, err
	}
	return &identity{cert, print}, nil
}

// makeCertificate writes an ECDSA P-256 key and a self-signed certificate to path.
func makeCertificate(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "tincan relay"},
		NotBefore:    time.Now().Add(-time.Hour), // clocks differ
		NotAfter:     time.Now().Add(certLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	return writeKey(path, [][]byte{cert}, key)
}

// writeKey writes a key and the certificates before it to path.
func writeKey(path string, certs [][]byte, key crypto.Signer) error {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	var text []byte
	for _, cert := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	}
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)

	return replaceFile(path, text)
}

// replaceFile writes a file, all or nothing, for the relay's user alone.
func replaceFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "relay-*.tmp") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// fingerprint is what clients pin and people compare: the SHA-256 of the
// public key, written as ssh does.
func fingerprint(cert tls.Certificate) (string, error) {
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return "", fmt.Errorf("relay: certificate: %w", err)
	}
	return netproto.Fingerprint(leaf.RawSubjectPublicKeyInfo), nil
}

func (s *Server) tlsConfig() *tls.Config {
	protocols := []string{controlProtocol, netproto.TunnelProtocol}
	if s.web != nil {
		protocols = append(protocols, webProtocol)
	}
	return &tls.Config{
		// Called between a client's first word and what has to be computed for the answer. When all come at once, as
		// after a restart, that is most of a second's work, and voice would wait behind it.
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return nil, hello.Conn.(*link).takeTurn(s.turns)
		},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if cert := s.renewal.get(hello.ServerName); cert != nil {
				return cert, nil
			}
			return &s.identity.Load().cert, nil
		},
		MinVersion: tls.VersionTLS13,
		NextProtos: protocols,
		// Clients keep no tickets: to make them would only cost memory.
		SessionTicketsDisabled: true,
		// What a tunnel has ready goes into one record; packages take few anyway.
		DynamicRecordSizingDisabled: true,
	}
}
