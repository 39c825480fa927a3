package address

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ text, dial, key string }{
		{"voice.example.org", "voice.example.org:9999", ""},
		{"Voice.Example.ORG:80", "voice.example.org:80", ""},
		{"Voice.Example.ORG.", "voice.example.org.:9999", "voice.example.org:9999"},
		{"voice.example.org.:80", "voice.example.org.:80", "voice.example.org:80"},
		{"localhost:1", "localhost:1", ""},
		{"LocalHost.:1", "localhost:1", ""},
		{"192.0.2.7", "192.0.2.7:9999", ""},
		{"192.0.2.7:65535", "192.0.2.7:65535", ""},
		{"::1", "[::1]:9999", ""},
		{"[2001:db8::1]", "[2001:db8::1]:9999", ""},
		{"[2001:db8::1]:7", "[2001:db8::1]:7", ""},
		{"[2001:DB8:0::0001]:7", "[2001:db8::1]:7", ""},
		{"::ffff:192.0.2.7", "192.0.2.7:9999", ""},
		{"fe80::1%vEth0", "[fe80::1%vEth0]:9999", ""},
		{"[fe80::1%vEth0]", "[fe80::1%vEth0]:9999", ""},
		{"[FE80::1%vEth0]:7", "[fe80::1%vEth0]:7", ""},
		{"fe80::1%vEth0:7", "[fe80::1%vEth0]:7", ""},
		{"fe80::1%2", "[fe80::1%2]:9999", ""},
	} {
		a, err := Parse(tt.text)
		if tt.key == "" {
			tt.key = tt.dial
		}
		if err != nil || a.String() != tt.dial || a.Key() != tt.key {
			t.Errorf("%q: %s, key %s, %v; want %s, %s", tt.text, a, a.Key(), err, tt.dial, tt.key)
		}
	}
	for _, text := range []string{
		"", ":9999", "host:", "host:0", "host:65536", "host:x", "host:-1", "host:+80", "host:8 0", "a:b:c", "[::1", "::1]", "[]", "[]:1",
		"[::1]:", "[::1]:x", "[::1]x", "fe80::1", "[fe80::1]:7", "fe80::1%", "[fe80::1%]:7", "fe80::1%vEth0:", "fe80::1%vEth0:0", "192.0.2.7%eth0", "host%eth0",
		"http://host", "ho st", "host/x", "user@host", "host\x00", "host\x7f", ".", "..", "host..", ".host", "[host]",
	} {
		if a, err := Parse(text); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v, %v", text, a, err)
		} else if !strings.Contains(err.Error(), "host:port") {
			t.Errorf("%q: no remedy in %q", text, err)
		}
	}
}
