package engine

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// Who invites meets the relay as one who joins does, and says nothing to it.
func TestMeet(t *testing.T) {
	r := startRelay(t, certificate(t), func(net.Conn) { t.Error("it says who we are") })
	cfg := Config{Address: r.address(), KnownRelays: t.TempDir() + "/known"}
	for _, trust := range []Trust{TrustFirst, TrustKnown} {
		if print, got, err := Meet(t.Context(), cfg); print != r.fingerprint() || got != trust || err != nil {
			t.Errorf("%s, %v, %v", print, got, err)
		}
	}
	for _, given := range []string{someFingerprint, verified} {
		cfg.Fingerprint = given
		var changed *CertificateChangedError
		if _, _, err := Meet(t.Context(), cfg); !errors.As(err, &changed) || changed.Known != given {
			t.Errorf("%s: %v", given, err)
		}
	}
	if _, _, err := Meet(t.Context(), Config{}); !errors.Is(err, ErrAddress) {
		t.Error(err)
	}
}

// Who is invited to a relay with a verified certificate takes no other one, not even at the first meeting.
func TestVerifiedIsDemanded(t *testing.T) {
	ca := newAuthority(t)
	r := startRelay(t, ca.issue("relay.test", time.Now().Add(time.Hour)), nil)
	cfg := Config{KnownRelays: t.TempDir() + "/known", Fingerprint: verified, roots: ca.pool}
	c := named(t, r, &fakeResolver{}, cfg)
	if link := c.Stats().Link; link.Trust != TrustVerified {
		t.Errorf("%+v", link)
	}
	_, port, _ := net.SplitHostPort(r.address())
	cfg.Address, cfg.Name, cfg.resolver = "relay.test:"+port, "Bob", &fakeResolver{all: addrs("127.0.0.1")}
	cfg.roots, cfg.KnownRelays = newAuthority(t).pool, t.TempDir()+"/none"
	_, err := Join(t.Context(), cfg)
	var changed *CertificateChangedError
	if !errors.As(err, &changed) || changed.Known != verified || changed.Unverified == nil {
		t.Error(err)
	}
	if _, err := os.Stat(cfg.KnownRelays); err == nil {
		t.Error("it is remembered")
	}
}
