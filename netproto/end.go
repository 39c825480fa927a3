package netproto

import "encoding/binary"

const (
	endSize = 8
	maxEnds = (MaxBody - 1) / endSize
)

// End tells a listener that nothing more of a talker is sent to it for now, though the talker goes on: others are
// louder. Seq is the number of the last datagram that was.
type End struct {
	Session uint32 // of the talker
	Seq     uint32
}

// AppendEnds appends the body of an end to dst: the number of talkers in one byte, then per talker its session (4
// bytes) and the sequence number (4). The error is ErrTooLarge for more than one datagram takes (147).
func AppendEnds(dst []byte, ends []End) ([]byte, error) {
	if len(ends) > maxEnds {
		return dst, ErrTooLarge
	}
	dst = append(dst, byte(len(ends)))
	for _, e := range ends {
		dst = binary.BigEndian.AppendUint32(dst, e.Session)
		dst = binary.BigEndian.AppendUint32(dst, e.Seq)
	}
	return dst, nil
}

// ParseEnds appends what the body of an end says to dst. A tail is ignored. The error is ErrShort; then dst is
// returned as it came.
func ParseEnds(dst []End, body []byte) ([]End, error) {
	if len(body) < 1 || len(body) < 1+int(body[0])*endSize {
		return dst, ErrShort
	}
	n := int(body[0])
	for body = body[1:]; n > 0; n-- {
		dst = append(dst, End{Session: binary.BigEndian.Uint32(body), Seq: binary.BigEndian.Uint32(body[4:])})
		body = body[endSize:]
	}
	return dst, nil
}
