package netproto

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"hash"
)

// TagKey is the key of one session's hop tags, with the two key blocks of
// HMAC (RFC 2104) already hashed. It is never changed: share it freely.
type TagKey struct {
	inner, outer []byte // states of SHA-256
}

func newTagKey(key [32]byte) *TagKey {
	state := func(pad byte) []byte {
		var block [sha256.BlockSize]byte
		copy(block[:], key[:])
		for i := range block {
			block[i] ^= pad
		}
		h := sha256.New()
		h.Write(block[:])
		b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			panic("netproto: " + err.Error())
		}
		return b
	}
	return &TagKey{inner: state(0x36), outer: state(0x5c)}
}

// HopTagger writes and checks hop tags: the first 4 bytes of HMAC-SHA-256 over
// the whole datagram of voice, Hop included. It owns its scratch memory: one per goroutine.
type HopTagger struct {
	hash  hash.Hash
	state encoding.BinaryUnmarshaler // the same hash
	sum   [sha256.Size]byte
}

// NewHopTagger returns a HopTagger for any number of keys.
func NewHopTagger() *HopTagger {
	h := sha256.New()
	return &HopTagger{hash: h, state: h.(encoding.BinaryUnmarshaler)}
}

// Append appends the hop tag of the datagram d to it.
func (t *HopTagger) Append(k *TagKey, d []byte) []byte {
	return binary.BigEndian.AppendUint32(d, t.tag(k, d))
}

// Check tells whether d ends in its hop tag, and returns d without it: voice
// aliases d.
func (t *HopTagger) Check(k *TagKey, d []byte) (voice []byte, ok bool) {
	n := len(d) - HopTagSize
	if n < VoiceHeaderSize+TagSize+HopSize {
		return nil, false
	}
	want := binary.BigEndian.Uint32(d[n:])
	if subtle.ConstantTimeEq(int32(t.tag(k, d[:n])), int32(want)) != 1 {
		return nil, false
	}
	return d[:n:n], true
}

func (t *HopTagger) tag(k *TagKey, d []byte) uint32 {
	t.load(k.inner)
	t.hash.Write(d)
	inner := t.hash.Sum(t.sum[:0])
	t.load(k.outer)
	t.hash.Write(inner)
	return binary.BigEndian.Uint32(t.hash.Sum(t.sum[:0]))
}

func (t *HopTagger) load(state []byte) {
	if err := t.state.UnmarshalBinary(state); err != nil {
		panic("netproto: " + err.Error()) // the state comes from the same hash
	}
}
