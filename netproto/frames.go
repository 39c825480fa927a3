package netproto

// MaxFrameBytes is the longest Opus frame (RFC 6716, 3.2.1).
const MaxFrameBytes = 1275

// Frame is one 20 ms frame of a talker. An empty Data ends a talkspurt: from
// this number on the talker is silent until a later frame comes. It is an
// alias, so that the identical type of package jitter is the same type.
type Frame = struct {
	Number uint32
	Data   []byte
}

const (
	lastFrame = 0x80 // this frame takes the rest of the body
	maxGap    = 0x7f
)

// AppendFrames appends the body of a datagram of voice to dst: frames newest
// first, numbers strictly falling and none above seq. Per frame one byte says
// how many numbers are left out before it (0 to 127) and whether it is the
// last; all but the last are preceded by their length (RFC 6716, 3.2.1: one
// byte below 252, else two).
//
// Errors are ErrFrames and, above MaxVoiceBody, ErrTooLarge; then dst is
// returned as it came.
func AppendFrames(dst []byte, seq uint32, frames []Frame) ([]byte, error) {
	start := len(dst)
	if len(frames) == 0 {
		return dst, ErrFrames
	}
	next := seq // the number that a gap of 0 stands for
	for i, f := range frames {
		if f.Number == 0 || f.Number > next || next-f.Number > maxGap || len(f.Data) > MaxFrameBytes {
			return dst[:start], ErrFrames
		}
		b := byte(next - f.Number)
		if i == len(frames)-1 {
			dst = append(dst, b|lastFrame)
		} else {
			dst = appendLength(append(dst, b), len(f.Data))
		}
		dst = append(dst, f.Data...)
		next = f.Number - 1
	}
	if len(dst)-start > MaxVoiceBody {
		return dst[:start], ErrTooLarge
	}
	return dst, nil
}

// ParseFrames appends the frames of a body to dst. Their Data alias body. On
// an error (ErrMalformed) dst is returned as it came: a body is good as a whole
// or not at all.
func ParseFrames(dst []Frame, seq uint32, body []byte) ([]Frame, error) {
	start := len(dst)
	next := seq
	for len(body) > 0 {
		b := body[0]
		body = body[1:]
		gap := uint32(b & maxGap)
		if gap >= next { // frame numbers start at 1
			return dst[:start], ErrMalformed
		}
		number := next - gap
		if b&lastFrame != 0 {
			if len(body) > MaxFrameBytes {
				return dst[:start], ErrMalformed
			}
			return append(dst, Frame{Number: number, Data: body[:len(body):len(body)]}), nil
		}
		n, rest, ok := parseLength(body)
		if !ok || n > len(rest) {
			return dst[:start], ErrMalformed
		}
		dst = append(dst, Frame{Number: number, Data: rest[:n:n]})
		body, next = rest[n:], number-1
	}
	return dst[:start], ErrMalformed // no last frame
}

// appendLength codes a length of 0 to 1275 as RFC 6716, 3.2.1 does.
func appendLength(dst []byte, n int) []byte {
	if n < 252 {
		return append(dst, byte(n))
	}
	low := 252 + n&3
	return append(dst, byte(low), byte((n-low)/4))
}

func parseLength(b []byte) (n int, rest []byte, ok bool) {
	switch {
	case len(b) >= 1 && b[0] < 252:
		return int(b[0]), b[1:], true
	case len(b) >= 2:
		return int(b[0]) + 4*int(b[1]), b[2:], true
	}
	return 0, nil, false
}
