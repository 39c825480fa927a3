package netproto

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// SenderKey is what one talker seals with in one epoch besides the room secret. It is random, and wrapped for each of the
// others under a key that the two of them have from their X25519 keys (RFC 7748), which live as long as their sessions:
// who was not there, or has left, has no way to it, whatever else is known.
type SenderKey [senderKeySize]byte

const (
	senderKeySize = 16
	wrappedSize   = senderKeySize + 16 // with the tag of AES-GCM
	wrappingSize  = 4 + 4 + wrappedSize
)

// MaxKeyed is how many members who share a passphrase may be in a room that has sender keys: each makes one for each
// other, in every epoch.
const MaxKeyed = 32

// Wrapping is a SenderKey on its way. Session is whom it is for where the talker sends it, and who it is from where the
// relay does.
//
// A talker also sends one for itself, of zeros, which it gets back: so it knows that the relay has them.
type Wrapping struct {
	Session, Epoch uint32
	Wrapped        [wrappedSize]byte
}

// With returns what stands in the place of the room secret for one talker's voice.
func (s RoomSecret) With(k SenderKey) RoomSecret {
	return RoomSecret(derive(s[:], k[:], "tincan v1 sender", KeySize))
}

// Wrap returns the key as from, which has made it for this epoch, sends it to another one. shared is what X25519 gives
// the two; secret is the epoch's.
func (k SenderKey) Wrap(secret RoomSecret, shared []byte, epoch, from, to uint32) Wrapping {
	w := Wrapping{Session: to, Epoch: epoch}
	wrapper(secret, shared, epoch, from, to).Seal(w.Wrapped[:0], make([]byte, 12), k[:], nil)
	return w
}

// Unwrap is what Wrap has wrapped, and whether it is.
func (w *Wrapping) Unwrap(secret RoomSecret, shared []byte, from, to uint32) (k SenderKey, ok bool) {
	_, err := wrapper(secret, shared, w.Epoch, from, to).Open(k[:0], make([]byte, 12), w.Wrapped[:], nil)
	return k, err == nil
}

// wrapper seals one thing only: so the nonce may be zero.
func wrapper(secret RoomSecret, shared []byte, epoch, from, to uint32) cipher.AEAD {
	info := []byte("tincan v1 wrap")
	for _, n := range []uint32{from, to, epoch} {
		info = binary.BigEndian.AppendUint32(info, n)
	}
	block, err := aes.NewCipher(derive(shared, secret[:], string(info), 16))
	if err != nil {
		panic("netproto: " + err.Error()) // 16 bytes are an AES key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("netproto: " + err.Error())
	}
	return aead
}

// appendWrappings and parseWrappings are the bytes of KEYS.
func appendWrappings(dst []byte, all []Wrapping) []byte {
	for i := range all {
		dst = binary.BigEndian.AppendUint32(dst, all[i].Session)
		dst = binary.BigEndian.AppendUint32(dst, all[i].Epoch)
		dst = append(dst, all[i].Wrapped[:]...)
	}
	return dst
}

func parseWrappings(b []byte) (all []Wrapping) {
	for ; len(b) >= wrappingSize; b = b[wrappingSize:] {
		all = append(all, Wrapping{
			Session: binary.BigEndian.Uint32(b), Epoch: binary.BigEndian.Uint32(b[4:]), Wrapped: [wrappedSize]byte(b[8:]),
		})
	}
	return all
}
