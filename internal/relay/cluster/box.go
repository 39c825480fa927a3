package cluster

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/tincan-voice/tincan/netproto"
)

// LeastSecret is the least length of a cluster's secret in bytes: 128 bits, if they are random.
const LeastSecret = 16

// box seals messages: AES-256-GCM with random nonces (NIST SP 800-38D, 8.2.2), under a key that comes from the secret
// by HKDF (RFC 5869). The topic is authenticated too. So whoever carries the messages can lose and delay them,
// and say again what a relay said that is gone.
type box struct {
	aead   cipher.AEAD
	secret []byte
}

func newBox(secret []byte) *box {
	block, err := aes.NewCipher(derive(secret, "tincan v1 cluster messages"))
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCMWithRandomNonce(block); err == nil {
			return &box{aead, secret}
		}
	}
	panic("cluster: " + err.Error()) // the size of the key is right
}

// derive makes a key of 32 bytes.
func derive(secret []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, info, netproto.KeySize)
	if err != nil {
		panic("cluster: " + err.Error()) // the size is right
	}
	return key
}

func (b *box) seal(topic string, text []byte) []byte {
	return b.aead.Seal(nil, nil, text, []byte(topic))
}

var errForged = errors.New("a message that was not made with the cluster's secret")

func (b *box) open(topic string, data []byte) ([]byte, error) {
	text, err := b.aead.Open(nil, nil, data, []byte(topic))
	if err != nil {
		return nil, errForged
	}
	return text, nil
}

// everyone is the topic that all relays subscribe to.
const everyone = "tincan.relays"

// topicOf is the topic of a room. Whoever carries the messages does not learn its name.
func (b *box) topicOf(room string) string {
	mac := hmac.New(sha256.New, derive(b.secret, "tincan v1 cluster topics"))
	mac.Write([]byte(room))
	return "tincan.room." + hex.EncodeToString(mac.Sum(nil)[:16])
}

// trunkKey is the hop key of the trunks from one relay to another one.
func (b *box) trunkKey(from, to instance) netproto.HopKey {
	return netproto.HopKey(derive(b.secret, "tincan v1 cluster trunk"+string(from[:])+string(to[:])))
}

// NetworkKey is rooms.Cluster.Network.
func NetworkKey(secret []byte) [netproto.KeySize]byte {
	return [netproto.KeySize]byte(derive(secret, "tincan v1 cluster networks"))
}
