package adapt

import (
	"cmp"
	"sort"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// Bytes of a datagram of voice besides its frames: header, tag, hop byte and hop tag
// (docs/protocol.md); and of a frame besides its data.
const (
	datagramBytes = netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize + netproto.HopTagSize
	frameBytes    = 2
	// What libopus makes of a bitrate in continuous speech, measured within 2 % over 6 to 48 kbit/s: this
	// part of it up to wideband; from hybridBitrate on, where it adds the band above 8 kHz, so much more.
	hybridBitrate = 13500 // bit/s
	hybridMore    = 1500
	upToWideband  = 0.975
)

// What copies are coded at where they are coarse, in bit/s: of one and of two copies. Measured: with a tenth of the
// frames in it 20 kbit/s sound better than 14.5 throughout, which take more bits with their copies. Beside 20 kbit/s
// 9500 is heard to be worse than 11500, and 12500 is no better; two of 11500 leave too little for the rest. Below
// 9500, in narrowband, every change is heard.
var coarseBitrates = [...]int{1: 11500, 2: 9500}

// shape is a point without its bitrate.
type shape struct {
	stride int
	copies []int // offsets in datagrams, rising
	coarse int   // bit/s at which copies are coded anew, and all is wideband; 0 = they are the same frames
}

// copySets are the copies that are chosen from: near, or far enough to outlive a burst.
var copySets = [...][]int{{1}, {2}, {3}, {4}, {1, 2}}

// shapes are those that the ladder chooses from, the one with the fewest bits first: every stride without copies, with
// them, and with coarse ones. None has FEC: where it does not narrow the speech, from 50 kbit/s on, copies do the same
// for less.
var shapes = func() (all []shape) {
	for _, stride := range []int{wire.MaxStride, 4, 3, 2, 1} {
		all = append(all, shape{stride: stride})
		for _, copies := range copySets {
			all = append(all, shape{stride, copies, 0}, shape{stride, copies, coarseBitrates[len(copies)]})
		}
	}
	return all
}()

// leavesRoom tells whether room for resends is considered with this shape. With copies they are what comes besides.
func (s *shape) leavesRoom() bool { return len(s.copies) == 0 && s.stride <= tuned.resendStride }

// rate is what a shape takes at a bitrate in bit/s, with so many bytes of headers of IP and UDP. All frames but the
// last have their length in it.
func (s *shape) rate(headers, bitrate int) wire.Kbps {
	frames := s.frame(bitrate) + float64(len(s.copies))*s.frame(cmp.Or(s.coarse, bitrate))
	return wire.KbpsOf(float64(headers+datagramBytes-1)+float64(s.stride)*frames, s.interval())
}

// frame is the mean size of a frame at a bitrate in bit/s.
func (s *shape) frame(bitrate int) float64 {
	return coded(float64(bitrate), s.coarse > 0)/8*wire.FrameDuration.Seconds() + frameBytes
}

// bitrate is the highest in bit/s, in steps of 500, that keeps the shape below a rate, most at most; it may be too low
// to be of use.
func (s *shape) bitrate(headers int, below wire.Kbps, most int) int {
	const step = 500
	tooMuch := func(steps int) bool { return s.rate(headers, steps*step) > below }
	return min((sort.Search(most/step+2, tooMuch)-1)*step, most)
}

// Fit is the highest bitrate of Opus in bit/s, most at most, with which a fixed sender stays below a rate; headers are
// those of IP and UDP. It is below 6000 where the rate is too low for this stride and these copies.
func Fit(below wire.Kbps, headers, stride int, copies []int, most int) int {
	return (&shape{stride: stride, copies: copies}).bitrate(headers, below, most)
}

// coded is what speech takes at a bitrate, both in bit/s, with or without what is above wideband.
func coded(bitrate float64, wideband bool) float64 {
	if wideband || bitrate < hybridBitrate {
		return bitrate * upToWideband
	}
	return bitrate + hybridMore
}

func (s *shape) interval() time.Duration { return time.Duration(s.stride) * wire.FrameDuration }
