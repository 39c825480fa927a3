package main

import (
	"strings"
	"testing"

	"github.com/tincan-voice/tincan/engine"
)

func TestAddressee(t *testing.T) {
	peers := []engine.PeerStats{
		{Session: 7, Name: "Ann"}, {Session: 8, Name: "Ann Lee"}, {Session: 9, Name: "Bob"}, {Session: 10, Name: "Bob"}, {Session: 11, Name: "7"},
	}
	for _, tt := range []struct {
		text    string
		session uint32
		rest    string
		err     string
	}{
		{"Ann", 7, "", ""}, {"Ann 10m noise", 7, "10m noise", ""}, {"Ann Lee 10m", 8, "10m", ""}, {"Ann Leeward", 7, "Leeward", ""},
		{"Anna", 0, "", "nobody here"}, {"", 0, "", "nobody here"}, {"Bob", 0, "", "several"}, {"10 go", 10, "go", ""}, {"7", 7, "", ""},
	} {
		session, rest, err := addressee(peers, tt.text)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v", tt.text, err)
			}
			continue
		}
		if session != tt.session || rest != tt.rest || err != nil {
			t.Errorf("%q: %d, %q, %v", tt.text, session, rest, err)
		}
	}
}
