package netproto

import "encoding/binary"

const (
	probeSize     = 10 // 6 of padding, so that the ack is no larger
	probeAckSize  = 10
	challengeSize = 8
)

// Probe asks the relay for a ProbeAck and keeps the path alive.
type Probe struct {
	Time uint32 // sender's clock in microseconds since any fixed start, modulo 2^32
}

// ProbeAck answers a Probe. The counters are of datagrams of voice since the session's start, modulo 65536, so
// that both ends of the path know, after two answers, whether voice comes through where probes do.
type ProbeAck struct {
	Echo uint32 // Time of the probe
	Came uint16 // from this session when the probe came, each counted once
	Went uint16 // to it, those sent again not counted
	List uint16 // the room's user list that was told last, see SendNewUsers.List; 0 = none
}

// AppendProbe appends the body of a probe to dst: 10 bytes, as many as the
// answer has.
func AppendProbe(dst []byte, p Probe) []byte {
	dst = binary.BigEndian.AppendUint32(dst, p.Time)
	return append(dst, make([]byte, probeSize-4)...)
}

// ParseProbe reads the body of a probe. Padding and any tail are ignored. The
// error is ErrShort.
func ParseProbe(body []byte) (Probe, error) {
	if len(body) < probeSize {
		return Probe{}, ErrShort
	}
	return Probe{Time: binary.BigEndian.Uint32(body)}, nil
}

// AppendProbeAck appends the body of the answer to a probe to dst.
func AppendProbeAck(dst []byte, a ProbeAck) []byte {
	dst = binary.BigEndian.AppendUint32(dst, a.Echo)
	dst = binary.BigEndian.AppendUint16(dst, a.Came)
	dst = binary.BigEndian.AppendUint16(dst, a.Went)
	return binary.BigEndian.AppendUint16(dst, a.List)
}

// ParseProbeAck reads the body of the answer to a probe. A tail is ignored.
// The error is ErrShort.
func ParseProbeAck(body []byte) (ProbeAck, error) {
	if len(body) < probeAckSize {
		return ProbeAck{}, ErrShort
	}
	b := binary.BigEndian
	return ProbeAck{Echo: b.Uint32(body), Came: b.Uint16(body[4:]), Went: b.Uint16(body[6:]), List: b.Uint16(body[8:])}, nil
}

// AppendChallenge appends the body of a challenge to dst: 8 bytes that nobody can guess.
func AppendChallenge(dst []byte, token [8]byte) []byte { return append(dst, token[:]...) }

// alsoFlag is the bit of ChallengeReply.Also.
const alsoFlag = 0x01

// ChallengeReply answers a challenge.
type ChallengeReply struct {
	Token [8]byte // of the challenge
	Also  bool    // the path is one more, and takes the first one's place only if that is silent
}

// AppendChallengeReply appends the body of the answer to a challenge to dst.
func AppendChallengeReply(dst []byte, r ChallengeReply) []byte {
	dst = append(dst, r.Token[:]...)
	if r.Also {
		dst = append(dst, alsoFlag)
	}
	return dst
}

// ParseChallengeReply reads the body of the answer to a challenge. Other flags and a
// tail are ignored. The error is ErrShort.
func ParseChallengeReply(body []byte) (r ChallengeReply, err error) {
	if r.Token, err = ParseChallenge(body); err != nil {
		return r, err
	}
	r.Also = len(body) > challengeSize && body[challengeSize]&alsoFlag != 0
	return r, nil
}

// ParseChallenge reads the body of a challenge. A tail is ignored. The error is ErrShort.
func ParseChallenge(body []byte) (token [8]byte, err error) {
	if len(body) < challengeSize {
		return token, ErrShort
	}
	return [8]byte(body[:challengeSize]), nil
}
