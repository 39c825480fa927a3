package netproto

import (
	"strings"
	"testing"
)

func TestParseFingerprint(t *testing.T) {
	good := FingerprintOf([32]byte{1, 2, 3})
	for text, want := range map[string]bool{
		good: true, "": false, "SHA256:": false, "SHA256:AAEC": false, good[:49]: false, good + "=": false, good + "A": false,
		strings.TrimPrefix(good, "SHA256:"): false, "sha256:" + good[7:]: false, good[:49] + "B": false, good[:20] + "\n" + good[20:]: false,
	} {
		if _, ok := ParseFingerprint(text); ok != want {
			t.Errorf("%q: %v", text, ok)
		}
	}
}
