package netproto

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"sync/atomic"
)

const nonceSize = 12

// Sealer seals and opens datagrams under one key with AES-128-GCM and a
// 12-byte tag (NIST SP 800-38D; tag length 96 bits). The nonce is three zero
// bytes and the header's bytes 0 to 8; the whole header is authenticated. It
// is safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	// spare is a nonce buffer for whoever comes first: as an argument of an
	// interface call, a nonce on the stack would be an allocation per call.
	spare atomic.Pointer[[nonceSize]byte]
}

// NewSealer returns a Sealer for a key from VoiceKey, HopKey.Up or HopKey.Down.
func NewSealer(key [16]byte) *Sealer {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("netproto: " + err.Error()) // only wrong key sizes fail
	}
	aead, err := cipher.NewGCMWithTagSize(block, TagSize)
	if err != nil {
		panic("netproto: " + err.Error()) // only wrong tag sizes fail
	}
	s := &Sealer{aead: aead}
	s.spare.Store(new([nonceSize]byte))
	return s
}

// Seal appends a whole datagram to dst: header, sealed body, tag. The body
// must not overlap dst's spare capacity. The pair of h.Type and h.Seq must
// never come twice under one key, nor with another Session or Epoch.
func (s *Sealer) Seal(dst []byte, h Header, body []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, h.Size()+len(body)+TagSize)
	dst = AppendHeader(dst, h)
	head := dst[start:]
	nonce := s.nonce(head)
	dst = s.aead.Seal(dst, nonce[:], body, head)
	s.spare.Store(nonce)
	return dst
}

// Open checks a datagram (without hop tag) and appends its body to dst. Errors
// are those of ParseHeader and ErrAuth. To open in place pass d[h.Size():][:0]
// of the datagram d; then a failure destroys the datagram.
func (s *Sealer) Open(dst, datagram []byte) ([]byte, error) {
	h, err := ParseHeader(datagram)
	if err != nil {
		return nil, err
	}
	head, sealed := datagram[:h.Size()], datagram[h.Size():]
	if len(sealed) < TagSize {
		return nil, ErrShort
	}
	nonce := s.nonce(head)
	body, err := s.aead.Open(dst, nonce[:], sealed, head)
	s.spare.Store(nonce)
	if err != nil {
		return nil, ErrAuth
	}
	return body, nil
}

// nonce fills a buffer that belongs to the caller until it is stored back.
func (s *Sealer) nonce(head []byte) *[nonceSize]byte {
	n := s.spare.Swap(nil)
	if n == nil { // another goroutine is at work with it
		n = new([nonceSize]byte)
	}
	copy(n[nonceSize-HeaderSize:], head[:HeaderSize])
	return n
}
