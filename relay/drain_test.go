package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"testing"
	"time"
)

const nextFingerprint = "SHA256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbA"

var nextRelay = Next{Address: "b.example:9999", Fingerprint: nextFingerprint}

// startDraining runs a relay that ends by itself; ended tells when.
func startDraining(t *testing.T, cfg Config) (s *Server, ended <-chan error) {
	t.Helper()
	cfg.Addr, cfg.StateDir = netip.MustParseAddrPort("127.0.0.1:0"), t.TempDir()
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan error, 1)
	go func() { end <- s.Serve(context.Background()) }()
	t.Cleanup(func() { _ = s.Close() })
	return s, end
}

func ends(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(inTime):
		t.Fatal("Serve does not end")
	}
}

// Clients with voice are told at once where to go and how long there is, those without at the end; nobody new is let
// in.
func TestDrain(t *testing.T) {
	t.Parallel()
	s, ended := startDraining(t, Config{})
	plain, voice := dialTIP(t, s), dialTLS(t, s, &tls.Config{})
	plain.login("a", "a")
	voice.send(`{"KEY": 2, "NAME": "b", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	voice.want(3)
	voice.want(6)
	plain.users("a", "b")
	s.Drain(time.Hour, nextRelay)
	s.Drain(time.Minute, Next{}) // of no effect
	told := func(c *tipClient, seconds float64) {
		t.Helper()
		p := c.want(5)
		left, _ := p["TIME"].(float64)
		if left != seconds || p["RELAY"] != "b.example:9999" || p["FINGERPRINT"] != nextFingerprint {
			t.Errorf("%v", p)
		}
	}
	told(voice, 3600)
	late := dialTLS(t, s, &tls.Config{})
	late.send(`{"KEY": 2, "NAME": "c", "VOICE": 1, "FRESH": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	told(late, 3600)
	late.closed()
	plain.send(`{"KEY": 7, "PORT": 1}`)
	plain.want(0)
	voice.send(`{"KEY": 4}`)
	plain.users("a")
	select {
	case <-ended:
		t.Fatal("ended, and somebody is there")
	default:
	}
	_ = s.Close()
	told(plain, 0)
	ends(t, ended)
}

// A relay that drains ends when the last one has gone, and at its time whoever is there.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	s, ended := startDraining(t, Config{})
	s.Drain(time.Hour, Next{})
	ends(t, ended)

	s, ended = startDraining(t, Config{HoldTime: time.Hour})
	gone, stays := dialTIP(t, s), dialTIP(t, s)
	gone.login("a", "a")
	stays.login("b", "a", "b")
	s.Drain(time.Hour, Next{})
	_ = gone.conn.Close()
	stays.users("b")
	stays.send(`{"KEY": 4}`)
	ends(t, ended)

	s, ended = startDraining(t, Config{DrainTime: time.Millisecond})
	stays = dialTIP(t, s)
	stays.login("b", "b")
	s.Drain(0, Next{})
	if p := stays.want(5); len(p) != 2 || p["REASON"] == "" {
		t.Errorf("%v", p)
	}
	ends(t, ended)
}

func TestParseNext(t *testing.T) {
	for text, want := range map[string]Next{
		"b.example " + nextFingerprint:            nextRelay,
		" B.Example:9999   " + nextFingerprint:    nextRelay,
		"[::1]:77 " + nextFingerprint:             {"[::1]:77", nextFingerprint},
		"":                                        {},
		"b.example":                               {},
		"b.example:x " + nextFingerprint:          {},
		"b.example b":                             {},
		"b.example SHA256:b":                      {},
		"b.example " + nextFingerprint + "=":      {},
		"b.example " + nextFingerprint[:49] + "B": {}, // bits behind the end
		"b.example " + nextFingerprint + " c":     {},
	} {
		got, err := ParseNext(text)
		if got != want || (err != nil) != (want == Next{}) || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
