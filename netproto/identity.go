package netproto

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Identity is what tells a member from all others in every session: an Ed25519 public key (RFC 8032).
type Identity [ed25519.PublicKeySize]byte

// ErrIdentity says that a text names no Identity.
var ErrIdentity = errors.New("no identity")

const identityPrefix = "ed25519:"

// String names the key: "ed25519:" and its unpadded base64.
func (id Identity) String() string {
	return identityPrefix + base64.RawStdEncoding.EncodeToString(id[:])
}

// ParseIdentity is the reverse of String. Its error is ErrIdentity.
func ParseIdentity(text string) (id Identity, err error) {
	coded, ok := strings.CutPrefix(text, identityPrefix)
	key, err := base64.RawStdEncoding.Strict().DecodeString(coded)
	if !ok || err != nil || len(key) != len(id) || identityPrefix+coded != Identity(key).String() { // which has no line breaks
		return id, fmt.Errorf("%w: %q should be %s and 43 letters, digits, + and /", ErrIdentity, text, identityPrefix)
	}
	return Identity(key), nil
}

// SignedFreshSize is the size in bytes of a Fresh with an identity behind it.
const SignedFreshSize = FreshSize + ed25519.PublicKeySize + ed25519.SignatureSize + identityTag

const identityTag = 16 // of AES-GCM

// Sign returns what a member brings who has an identity: f, and behind it the identity's public key and its signature
// of f, room and name, sealed for those who share the passphrase. So the relay cannot tell that it is the same one as
// elsewhere.
func (f *Fresh) Sign(identity ed25519.PrivateKey, key PassphraseKey, room, name string) []byte {
	text := append(bytes.Clone(identity.Public().(ed25519.PublicKey)), ed25519.Sign(identity, f.signed(room, name))...)
	return f.identitySealer(key).Seal(bytes.Clone(f[:]), make([]byte, 12), text, nil)
}

// Signer is whose signature is behind a Fresh. Not ok: there is none, or it is of another Fresh, room, name or
// passphrase.
//
// That alone does not show that its owner is there now: a relay can repeat what somebody has brought before. Who wraps
// a SenderKey besides has the X25519 key, which is of one session.
func Signer(brought []byte, key PassphraseKey, room, name string) (id Identity, ok bool) {
	if len(brought) != SignedFreshSize {
		return id, false
	}
	f := (*Fresh)(brought)
	text, err := f.identitySealer(key).Open(nil, make([]byte, 12), brought[FreshSize:], nil)
	if err != nil || !f.Knows(key, room, name) {
		return id, false
	}
	copy(id[:], text)
	return id, ed25519.Verify(id[:], f.signed(room, name), text[len(id):])
}

// signed is what an identity signs. The passphrase is in the tag of f.
func (f *Fresh) signed(room, name string) []byte {
	text := appendBytes(appendBytes([]byte("tincan v1 identity"), room), name)
	return append(text, f[:]...)
}

// identitySealer seals one thing only, as f is of one session: so the nonce may be zero.
func (f *Fresh) identitySealer(key PassphraseKey) cipher.AEAD {
	block, err := aes.NewCipher(derive(key[:], nil, "tincan v1 identity"+string(f.Public()), 16))
	if err != nil {
		panic("netproto: " + err.Error()) // 16 bytes are an AES key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("netproto: " + err.Error())
	}
	return aead
}

// FitFresh tells whether what somebody has brought has one of the sizes that there are.
func FitFresh(brought []byte) bool {
	return len(brought) == 0 || len(brought) == FreshSize || len(brought) == SignedFreshSize
}

// ComparisonCode is what the owners of two identities see both and read to each other: 60 digits, in groups of five.
// Each half is of one of the keys, as in Signal's safety numbers: so to imitate one takes a key with its very 30
// digits, 2^99 tries, where of a code of both keys together a pair that collides would do, which takes the root of
// that.
func ComparisonCode(a, b Identity) string {
	low, high := a.digits(), b.digits()
	if low > high {
		low, high = high, low
	}
	return low + " " + high
}

func (id Identity) digits() string {
	sum := sha512.Sum512(append([]byte("tincan v1 code"), id[:]...))
	groups := make([]string, 6)
	for i := range groups {
		n := uint64(0)
		for _, b := range sum[5*i : 5*i+5] {
			n = n<<8 | uint64(b)
		}
		groups[i] = fmt.Sprintf("%05d", n%100000)
	}
	return strings.Join(groups, " ")
}
