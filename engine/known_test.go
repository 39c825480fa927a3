package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the file of known relays says, what is asked for, and what the relay presents.
func TestKnownRelays(t *testing.T) {
	const (
		other = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		relay = "relay.test:9999"
	)
	unverified := errors.New("signed by nobody")
	for _, tt := range []struct {
		name           string
		file           string
		given, vouched string
		unverified     error
		trust          Trust
		refused        string // by what is known
		added          string
	}{
		{"first", "", "", "", unverified, TrustFirst, "", someFingerprint},
		{"first, verified", "", "", "", nil, TrustVerified, "", verified},
		{"known", someFingerprint, "", "", unverified, TrustKnown, "", ""},
		{"one of two that are known", other + " " + someFingerprint, "", "", unverified, TrustKnown, "", ""},
		{"changed", other, "", "", unverified, 0, other, ""},
		{"known, now verified", someFingerprint, "", "", nil, TrustVerified, "", verified},
		{"changed, now verified", other, "", "", nil, TrustVerified, "", verified},
		{"verified", verified, "", "", nil, TrustVerified, "", ""},
		{"no more verified", verified, "", "", unverified, 0, verified, ""},
		{"no more verified, and the key from before that", someFingerprint + " " + verified, "", "", unverified, 0, verified, ""},
		{"the same, the other way round", verified + " " + someFingerprint, "", "", unverified, 0, verified, ""},
		{"vouched for", "", "", someFingerprint, unverified, TrustVouched, "", someFingerprint},
		{"vouched for, and changed", other, "", someFingerprint, unverified, 0, other, ""},
		{"vouched for, and no more verified", verified, "", someFingerprint, unverified, 0, verified, ""},
		{"given", "", someFingerprint, "", unverified, TrustGiven, "", someFingerprint},
		{"another one given", "", other, "", unverified, 0, other, ""},
		{"another one given, verified", "", other, "", nil, 0, other, ""},
		{"given and changed", other, someFingerprint, "", unverified, TrustGiven, "", ""},
		{"given and no more verified", verified, someFingerprint, "", unverified, TrustGiven, "", ""},
		{"verified demanded", "", verified, "", nil, TrustVerified, "", verified},
		{"verified demanded, known", someFingerprint, verified, "", unverified, 0, verified, ""},
		{"verified demanded, first", "", verified, "", unverified, 0, verified, ""},
		{"given and verified", other, someFingerprint, "", nil, TrustGiven, "", verified},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "known")
			var text strings.Builder
			for says := range strings.FieldsSeq(tt.file) {
				text.WriteString(relay + " " + says + "\n")
			}
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			p := presented{fingerprint: someFingerprint, unverified: tt.unverified}
			trust, err := known{path, relay}.check(p, tt.given, tt.vouched)
			var changed *CertificateChangedError
			switch {
			case tt.refused == "" && err != nil, trust != tt.trust:
				t.Errorf("%v, %v", trust, err)
			case tt.refused != "" && (!errors.As(err, &changed) || changed.Known != tt.refused):
				t.Errorf("%v", err)
			}
			if tt.added != "" {
				text.WriteString(relay + " " + tt.added + "\n")
			}
			if now, err := os.ReadFile(path); string(now) != text.String() || err != nil {
				t.Errorf("the file is %q, %v", now, err)
			}
		})
	}
}
