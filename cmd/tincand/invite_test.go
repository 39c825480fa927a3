package main

import (
	"net/netip"
	"testing"
)

func TestHowToInvite(t *testing.T) {
	const print = "SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for _, tt := range []struct {
		flags flags
		addr  string
		want  string
	}{
		{flags{}, "[::]:9999", "tincan invite HOST ROOM --fingerprint " + print},
		{flags{}, "[::]:80", "tincan invite HOST:80 ROOM --fingerprint " + print},
		{flags{Host: "0.0.0.0"}, "0.0.0.0:80", "tincan invite HOST:80 ROOM --fingerprint " + print},
		{flags{Host: "2001:db8::1"}, "[2001:db8::1]:80", "tincan invite [2001:db8::1]:80 ROOM --fingerprint " + print},
		{flags{Host: "2001:db8::1"}, "[2001:db8::1]:9999", "tincan invite 2001:db8::1 ROOM --fingerprint " + print},
		{flags{ACME: "voice.example.org"}, "[::]:9999", "tincan invite voice.example.org ROOM"},
		{flags{Cert: "cert.pem"}, "[::]:80", "tincan invite HOST:80 ROOM"},
	} {
		if got := tt.flags.howToInvite(netip.MustParseAddrPort(tt.addr), print); got != tt.want {
			t.Errorf("%+v: %s, not %s", tt.flags, got, tt.want)
		}
	}
}
