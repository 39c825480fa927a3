package netproto

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// Epochs of a room. Every list of its members that the relay tells begins one.
const (
	EpochGrace        = 2 * time.Second  // a talker uses an epoch that somebody has come with this long after it got it, or when all have it
	EpochGraceCrowded = time.Second      // the same where there are no sender keys, and so nothing says who has it
	EpochGraceLeft    = 5 * time.Second  // the same where all have been there before: nobody waits to hear
	EpochGraceUnsent  = 8 * time.Second  // the same while it is not known that the relay has the talker's sender key
	EpochExpiry       = 10 * time.Second // receivers forget an epoch this long after they got the next one
	EpochWindow       = 4                // and keep the newest so many
)

// Sizes in bytes of Fresh and what is in it.
const (
	FreshSize  = PublicSize + freshTag
	PublicSize = 32 // of the X25519 key in it
	freshTag   = 16
)

// Fresh is what a member brings to its session: an X25519 key (RFC 7748), which also keeps the keys of its epochs apart
// from all others there have ever been, and a tag that shows to those who share its passphrase that it knows that, and its name.
type Fresh [FreshSize]byte

// NewFresh returns what a member brings. public is of a key that is made for this session alone.
func NewFresh(public [PublicSize]byte, key PassphraseKey, room, name string) (f Fresh) {
	copy(f[:], public[:])
	copy(f[PublicSize:], f.tag(key, room, name))
	return f
}

// Public is the X25519 key.
func (f *Fresh) Public() []byte { return f[:PublicSize] }

// Knows tells whether whoever brought it, under that name and to that room, knows the passphrase.
func (f *Fresh) Knows(key PassphraseKey, room, name string) bool {
	return hmac.Equal(f[PublicSize:], f.tag(key, room, name))
}

func (f *Fresh) tag(key PassphraseKey, room, name string) []byte {
	mac := hmac.New(sha256.New, derive(key[:], nil, "tincan v1 fresh", KeySize))
	mac.Write(f[:PublicSize])
	mac.Write([]byte(room + "\x00" + name))
	return mac.Sum(nil)[:freshTag]
}

// Member is one line of a room's list.
type Member struct {
	Session uint32
	Name    string
	Fresh   []byte // what it has brought; none without VOICE
}

// Epoch is all that the keys of an epoch are made of.
type Epoch struct {
	Room     string
	Number   uint32
	MediaKey []byte   // that the relay gives, KeySize bytes
	Members  []Member // of the room, in any order
}

// Secret is the room's in the epoch. Whoever has another passphrase, or was told of other members, has another one. It
// sorts Members.
func (e *Epoch) Secret(key PassphraseKey) RoomSecret {
	list := e.list()
	return RoomSecret(derive(e.MediaKey, key[:], "tincan v1 epoch"+string(list[:]), KeySize))
}

// list is the hash of who is there.
func (e *Epoch) list() [sha256.Size]byte {
	slices.SortFunc(e.Members, func(a, b Member) int { return cmp.Compare(a.Session, b.Session) })
	text := make([]byte, 0, 80*(1+len(e.Members)))
	text = appendBytes(text, e.Room)
	text = binary.BigEndian.AppendUint32(text, e.Number)
	text = binary.BigEndian.AppendUint32(text, uint32(len(e.Members)))
	for _, m := range e.Members {
		text = binary.BigEndian.AppendUint32(text, m.Session)
		text = appendBytes(text, m.Name)
		text = appendBytes(text, m.Fresh)
	}
	return sha256.Sum256(text)
}

// appendBytes appends two bytes of length and b, which is never longer than a package.
func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(b))), b...)
}
