package engine

import (
	"fmt"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine/adapt"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// fairBitrate is what bundling is paid for in delay to reach: below it Opus falls back to
// narrowband.
const fairBitrate = 12000

// FitCap lowers the bitrate until speech takes at most so much on the wire, with so many bytes of IP
// and UDP headers per datagram: 28 with IPv4, 48 with IPv6. If the stride is not given it takes the
// smallest that leaves a fair bitrate. The error is ErrUpCap, wrapped: too little for speech with
// this stride and these copies.
func (t *TalkerConfig) FitCap(most wire.Kbps, overhead int) error {
	wanted := t.Encoder.Bitrate
	if wanted == 0 {
		wanted = codec.DefaultBitrate
	}
	if t.Stride == 0 {
		for t.Stride = 1; t.Stride < wire.MaxStride; t.Stride++ {
			if adapt.Fit(most, overhead, t.Stride, t.Copies, wanted) >= min(wanted, fairBitrate) {
				break
			}
		}
	}
	t.Encoder.Bitrate = adapt.Fit(most, overhead, t.Stride, t.Copies, wanted)
	if t.Encoder.Bitrate < codec.MinBitrate {
		return fmt.Errorf("%w: %.0f kbit/s is too little for speech and its headers with this stride and these copies", ErrUpCap, most)
	}
	return nil
}
