package engine

import (
	"fmt"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// fairBitrate is what bundling is paid for in delay to reach: below it Opus falls back to
// narrowband.
const fairBitrate = 12000

// FitCap lowers the bitrate until speech takes at most kbps kbit/s on the wire, with so many bytes of IP
// and UDP headers per datagram: 28 with IPv4, 48 with IPv6. If the stride is not given it takes the
// smallest that leaves a fair bitrate. The error is ErrUpCap, wrapped: too little for speech with
// this stride and these copies.
func (t *TalkerConfig) FitCap(kbps, overhead int) error {
	limit := 1000 * kbps
	wanted := t.Encoder.Bitrate
	if wanted == 0 {
		wanted = codec.DefaultBitrate
	}
	if t.Stride == 0 {
		for t.Stride = 1; t.Stride < wire.MaxStride; t.Stride++ {
			if t.bitrateWithin(limit, overhead) >= min(wanted, fairBitrate) {
				break
			}
		}
	}
	t.Encoder.Bitrate = min(wanted, max(t.bitrateWithin(limit, overhead), codec.MinBitrate))
	if rate := t.wireRate(overhead); rate > limit {
		return fmt.Errorf("%w: %d kbit/s, but speech with its headers takes %d with this stride and these copies",
			ErrUpCap, kbps, (rate+999)/1000)
	}
	return nil
}

// bitrateWithin returns the payload in bit/s that fits into limit beside all headers.
func (t *TalkerConfig) bitrateWithin(limit, overhead int) int {
	return (limit - t.headerRate(overhead)) / t.times()
}

// wireRate returns what speech takes on the wire in bit/s.
func (t *TalkerConfig) wireRate(overhead int) int {
	return t.Encoder.Bitrate*t.times() + t.headerRate(overhead)
}

// headerRate is wireRate without the coded frames.
func (t *TalkerConfig) headerRate(overhead int) int {
	perDatagram := overhead + netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize + netproto.HopTagSize
	perFrame := 2 * t.times() // distance and length
	return 8 * wire.FramesPerSecond * (perDatagram + t.Stride*perFrame) / t.Stride
}

// times is how often a frame is sent.
func (t *TalkerConfig) times() int { return 1 + len(t.Copies) }
