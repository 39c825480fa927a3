package netproto

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/argon2"
)

// KeySize is the size in bytes of all keys but those that seal.
const KeySize = 32

// RoomSecret is what those in a room who share a passphrase, or have none, share in one epoch: see Epoch.
type RoomSecret [KeySize]byte

// HopKey is what one session and the relay share: HOP_KEY of the SESSION
// package.
type HopKey [KeySize]byte

// VoiceKey returns the key under which a session seals its voice in an epoch
// (the whole number, not its two bits on the wire).
func VoiceKey(s RoomSecret, session, epoch uint32) [16]byte {
	const label = "tincan v1 voice"
	info := make([]byte, 0, len(label)+8)
	info = append(info, label...)
	info = binary.BigEndian.AppendUint32(info, session)
	info = binary.BigEndian.AppendUint32(info, epoch)
	return [16]byte(derive(s[:], nil, string(info), 16))
}

// Up returns the key that seals what a client sends to the relay.
func (k HopKey) Up() [16]byte { return [16]byte(derive(k[:], nil, "tincan v1 hop up", 16)) }

// Down returns the key that seals what the relay sends to a client.
func (k HopKey) Down() [16]byte { return [16]byte(derive(k[:], nil, "tincan v1 hop down", 16)) }

// TagKey returns the key of the hop tags.
func (k HopKey) TagKey() *TagKey {
	return newTagKey([32]byte(derive(k[:], nil, "tincan v1 hop tag", 32)))
}

// ProofSize is the size in bytes of a proof.
const ProofSize = sha256.Size

// ResumeProof is the proof that goes with a RESUME value: it shows that whoever
// wants to go on with the session has its key. It is HMAC-SHA-256 with a key of its own.
func (k HopKey) ResumeProof(resume string) []byte {
	mac := hmac.New(sha256.New, derive(k[:], nil, "tincan v1 resume", 32))
	mac.Write([]byte(resume))
	return mac.Sum(nil)
}

// PassphraseKey is a passphrase, stretched. The zero value stands for none.
type PassphraseKey [KeySize]byte

// StretchPassphrase stretches the passphrase that the members of a room chose.
// room is the name as in the ROOM value, "" where there is none. It takes
// 64 MiB and about 0.1 s: the second recommended option of RFC 9106, section
// 4 (argon2id, 3 passes, 64 MiB, 4 lanes). The salt is the same for everyone in
// the room, because the members have no other common value.
func StretchPassphrase(passphrase, room string) PassphraseKey {
	salt := sha256.Sum256([]byte("tincan v1 passphrase\x00" + room))
	return PassphraseKey(argon2.IDKey([]byte(passphrase), salt[:16], 3, 64*1024, 4, KeySize))
}

// derive is HKDF-SHA-256 (RFC 5869), extract and expand.
func derive(secret, salt []byte, info string, size int) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, info, size)
	if err != nil {
		panic("netproto: " + err.Error()) // only sizes above 255 hashes fail
	}
	return key
}
