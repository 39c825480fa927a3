package netproto

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const fingerprintPrefix = "SHA256:"

// Fingerprint names the key of a relay's certificate, whose SubjectPublicKeyInfo in DER this is (RFC 5280, 4.1):
// "SHA256:" and the unpadded base64 of its SHA-256, as ssh names keys.
func Fingerprint(publicKeyInfo []byte) string { return FingerprintOf(sha256.Sum256(publicKeyInfo)) }

// FingerprintOf is the same where the SHA-256 is known.
func FingerprintOf(sum [sha256.Size]byte) string {
	return fingerprintPrefix + base64.RawStdEncoding.EncodeToString(sum[:])
}

// ParseFingerprint is the reverse of FingerprintOf. Not ok: it is none, but for example a part of one.
func ParseFingerprint(text string) (sum [sha256.Size]byte, ok bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(text, fingerprintPrefix))
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	copy(sum[:], b)
	return sum, FingerprintOf(sum) == text // it may have line breaks in it, or bits behind its end
}
