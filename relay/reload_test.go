package relay

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
)

// A new certificate is for who comes from now on; a bad one changes nothing.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "own.pem")
	renew := func() {
		t.Helper()
		if err := makeCertificate(file); err != nil {
			t.Fatal(err)
		}
	}
	renew()
	s := startServer(t, Config{CertFile: file, KeyFile: file})
	shown := func() string {
		t.Helper()
		c := dialTLS(t, s, &tls.Config{})
		print, err := fingerprint(tls.Certificate{Certificate: [][]byte{c.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw}})
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	first := s.Fingerprint()
	c := dialTLS(t, s, &tls.Config{})
	c.login("a", "a")
	renew()
	if got := shown(); got != first {
		t.Errorf("shows %s before Reload, want %s", got, first)
	}
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	second := s.Fingerprint()
	if got := shown(); second == first || got != second {
		t.Errorf("shows %s after Reload, says %s, before %s", got, second, first)
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Reload() == nil {
		t.Error("a bad certificate is taken")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if s.Reload() == nil {
		t.Error("no certificate is taken")
	}
	if got := shown(); got != second || s.Fingerprint() != second {
		t.Errorf("shows %s after bad ones, want %s", got, second)
	}
	c.send(`{"KEY": 7, "PORT": 1}`) // who was there is still there
	c.want(0)

	// The self-made one is read again, and never made anew: clients would warn.
	own := startServer(t, Config{StateDir: dir})
	if err := os.Remove(filepath.Join(dir, "relay.pem")); err != nil {
		t.Fatal(err)
	}
	if before := own.Fingerprint(); own.Reload() == nil || own.Fingerprint() != before {
		t.Error("a new certificate without a word")
	}
}
