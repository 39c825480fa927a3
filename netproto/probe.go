package netproto

import "encoding/binary"

const (
	probeSize     = 16 // 8 of padding, so that the ack is no larger
	probeAckSize  = 16
	challengeSize = 8
)

// Probe asks the relay for a ProbeAck and keeps the path alive.
type Probe struct {
	Time uint64 // sender's clock in microseconds since any fixed start
}

// ProbeAck answers a Probe. With the time t at which it comes back, t-Echo is
// the round trip, and changes of Time-Echo and t-Time are changes of the
// queueing delay up and down.
type ProbeAck struct {
	Echo uint64 // Time of the probe
	Time uint64 // relay's clock in microseconds when the probe came
}

// AppendProbe appends the body of a probe to dst: 16 bytes, as many as the
// answer has.
func AppendProbe(dst []byte, p Probe) []byte {
	dst = binary.BigEndian.AppendUint64(dst, p.Time)
	return binary.BigEndian.AppendUint64(dst, 0)
}

// ParseProbe reads the body of a probe. Padding and any tail are ignored. The
// error is ErrShort.
func ParseProbe(body []byte) (Probe, error) {
	if len(body) < probeSize {
		return Probe{}, ErrShort
	}
	return Probe{Time: binary.BigEndian.Uint64(body)}, nil
}

// AppendProbeAck appends the body of the answer to a probe to dst.
func AppendProbeAck(dst []byte, a ProbeAck) []byte {
	dst = binary.BigEndian.AppendUint64(dst, a.Echo)
	return binary.BigEndian.AppendUint64(dst, a.Time)
}

// ParseProbeAck reads the body of the answer to a probe. A tail is ignored.
// The error is ErrShort.
func ParseProbeAck(body []byte) (ProbeAck, error) {
	if len(body) < probeAckSize {
		return ProbeAck{}, ErrShort
	}
	return ProbeAck{Echo: binary.BigEndian.Uint64(body), Time: binary.BigEndian.Uint64(body[8:])}, nil
}

// AppendChallenge appends the body of a challenge or of its reply to dst: 8
// bytes that nobody can guess, and that the reply repeats.
func AppendChallenge(dst []byte, token [8]byte) []byte { return append(dst, token[:]...) }

// ParseChallenge reads the body of a challenge or of its reply. A tail is
// ignored. The error is ErrShort.
func ParseChallenge(body []byte) (token [8]byte, err error) {
	if len(body) < challengeSize {
		return token, ErrShort
	}
	return [8]byte(body[:challengeSize]), nil
}
