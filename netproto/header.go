package netproto

import (
	"encoding/binary"
	"math"

	"github.com/tincan-voice/tincan/netproto/wire"
)

// Sizes and limits of the datagram protocol, in bytes unless said otherwise.
const (
	Version         = 1    // of the datagrams; two bits on the wire
	HeaderSize      = 9    // of all types but voice and bundle
	VoiceHeaderSize = 10   // HeaderSize and the level byte
	TagSize         = 12   // AES-GCM tag
	HopSize         = 1    // of voice: Hop, behind the seal
	HopTagSize      = 4    // of uplink voice, behind that
	MaxDatagram     = 1200 // UDP payload that passes every path worth using (RFC 9000, 14)
	MaxBody         = MaxDatagram - HeaderSize - TagSize
	MaxVoiceBody    = MaxDatagram - VoiceHeaderSize - TagSize - HopSize - HopTagSize
	DefaultPort     = 9999 // TCP and UDP

	FrameDuration = wire.FrameDuration // what one sequence number stands for
)

// Silent is the level of silence, in -dBov (RFC 6464).
const Silent = 127

// LastSeq is the highest sequence number with which a session or a call goes on, in either direction: the rest is for what
// is on the way until it has been ended. No number may come twice under one key.
const LastSeq = math.MaxUint32 - 1<<16

// Type says what a datagram is.
type Type uint8

// The types of datagrams.
const (
	TypeVoice          Type = 0 // talker to relay to listeners, sealed with VoiceKey
	TypeProbe          Type = 1 // client to relay: keep-alive and round trip
	TypeProbeAck       Type = 2 // relay to client
	TypeReport         Type = 3 // up: Report of a listener; down: Feedback for a talker
	TypeNack           Type = 4 // either way: send these datagrams again
	TypeBundle         Type = 5 // relay to client: several datagrams in one, not sealed itself
	TypeChallenge      Type = 6 // relay to a client's new address
	TypeChallengeReply Type = 7 // and back from there
	TypeEnd            Type = 8 // relay to client: of these talkers nothing more comes for now
)

var typeNames = [...]string{"voice", "probe", "probe-ack", "report", "nack", "bundle", "challenge", "challenge-reply", "end"}

// Types is how many types there are.
const Types = len(typeNames)

// String returns the name that the documents use.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

// Header is the clear, authenticated beginning of every datagram but a bundle.
//
//	       7   6   5   4   3   2   1   0
//	     +-------+-------+---------------+
//	0    |version| epoch |     type      |
//	     +-------+-------+---------------+
//	1-4  |  session ID, big endian       |
//	     +-------------------------------+
//	5-8  |  sequence number, big endian  |
//	     +---+---------------------------+
//	9    | V |  level in -dBov           |  voice only, as in RFC 6464
//	     +---+---------------------------+
type Header struct {
	Type    Type
	Epoch   uint8  // low two bits of the key epoch; 0 in all types but voice
	Session uint32 // of the talker (voice) or of the client (the rest)
	Seq     uint32 // from 1; never twice under one key and type; voice: newest frame's number
	Level   uint8  // voice: 0 (loudest) to 127 (silence) -dBov; larger is written as 127
	Voice   bool   // voice: the talker's encoder hears speech
}

// Size returns the number of bytes of the header on the wire.
func (h Header) Size() int {
	if h.Type == TypeVoice {
		return VoiceHeaderSize
	}
	return HeaderSize
}

// AppendHeader appends the header's 9 bytes (10 for voice) to dst.
func AppendHeader(dst []byte, h Header) []byte {
	dst = append(dst, Version<<6|h.Epoch&3<<4|byte(h.Type)&15)
	dst = binary.BigEndian.AppendUint32(dst, h.Session)
	dst = binary.BigEndian.AppendUint32(dst, h.Seq)
	if h.Type == TypeVoice {
		level := min(h.Level, Silent)
		if h.Voice {
			level |= 0x80
		}
		dst = append(dst, level)
	}
	return dst
}

// ParseHeader reads the header of a datagram that is no bundle. Errors are
// ErrShort, ErrVersion and ErrType. Nothing in the header may be believed
// before the datagram has passed HopTagger.Check or Sealer.Open.
func ParseHeader(d []byte) (Header, error) {
	t, err := DatagramType(d)
	switch {
	case err != nil:
		return Header{}, err
	case t == TypeBundle:
		return Header{}, ErrType
	case len(d) < HeaderSize:
		return Header{}, ErrShort
	}
	h := Header{
		Type:    t,
		Epoch:   d[0] >> 4 & 3,
		Session: binary.BigEndian.Uint32(d[1:5]),
		Seq:     binary.BigEndian.Uint32(d[5:9]),
	}
	if t == TypeVoice {
		if len(d) < VoiceHeaderSize {
			return Header{}, ErrShort
		}
		h.Level, h.Voice = d[9]&0x7f, d[9]&0x80 != 0
	}
	return h, nil
}

// DatagramType reads the type from a datagram's first byte, to tell bundles
// from the rest. Errors are ErrShort, ErrVersion and ErrType.
func DatagramType(d []byte) (Type, error) {
	if len(d) == 0 {
		return 0, ErrShort
	}
	if d[0]>>6 != Version {
		return 0, ErrVersion
	}
	t := Type(d[0] & 15)
	if int(t) >= Types {
		return 0, ErrType
	}
	return t, nil
}
