package netproto

import "github.com/tincan-voice/tincan/netproto/wire"

// Hop is what each hop adds to a datagram of voice: one byte behind the seal. The talker writes it for the
// relay, and the relay anew for its listeners. So on every hop the datagrams of one talker are numbered without
// a gap, whatever was not sent before it: silence, what a cap held back, whom the relay did not forward. A gap is a
// loss of this hop, and nothing else is.
//
//	  7   6   5   4   3   2   1   0
//	+---+---------------------------+
//	| A |           count           |
//	+---+---------------------------+
//
// Up, the hop tag covers it. Down, nothing does: who changes it on the way can make a listener ask for datagrams in
// vain, within its bounds, and no more.
type Hop struct {
	Count uint8 // datagrams of this talker sent on this hop, modulo HopCounts; a resend or copy has that of the original
	Again bool  // this one was sent on this hop before: a resend, or a copy
}

// HopCounts is the number of values of Hop.Count.
const HopCounts = wire.HopCounts

const hopAgain = 0x80

// AppendHop appends h to a sealed datagram of voice.
func AppendHop(dst []byte, h Hop) []byte { return append(dst, h.byte()) }

// SetHop replaces what AppendHop wrote at the end of d, which must not be empty.
func SetHop(d []byte, h Hop) { d[len(d)-1] = h.byte() }

func (h Hop) byte() byte {
	b := h.Count % HopCounts
	if h.Again {
		b |= hopAgain
	}
	return b
}

// SplitHop takes a datagram of voice without hop tag apart: sealed aliases d. The error is ErrShort.
func SplitHop(d []byte) (sealed []byte, h Hop, err error) {
	n := len(d) - HopSize
	if n < VoiceHeaderSize+TagSize {
		return nil, Hop{}, ErrShort
	}
	return d[:n:n], Hop{Count: d[n] % HopCounts, Again: d[n]&hopAgain != 0}, nil
}
