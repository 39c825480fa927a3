package repair

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// resendShare is the part of the rate of voice to a listener that resends may
// add: enough for a loss of 33 % with every second resend lost too.
const resendShare = 0.5

// Resender answers one listener's nacks: it bounds what is sent again in any second to a share of what
// the listener is sent anyway, so that no storm of nacks, honest or not, becomes a storm
// of datagrams; and sends the same datagram at most twice within a round trip, where an Asker on a path that loses asks
// twice, and as often as one asks in all. SetRate must be called before Allow.
type Resender struct {
	share  Cap
	recent [slots]resend
}

type resend struct {
	talker, seq uint32
	at          time.Duration
	times       uint8
}

// SetRate says how much voice the listener is sent. One datagram in a second may be sent again in any case.
func (r *Resender) SetRate(voice wire.Kbps) {
	r.share.Set(max(resendShare*voice, wire.KbpsOf(netproto.MaxDatagram+wire.IPv4Overhead, time.Second)))
}

// Allow tells whether datagram seq of talker, size bytes long, may be sent to the
// listener again at now; then it counts as sent. spare is whether it goes a second time within a round trip.
func (r *Resender) Allow(now time.Duration, talker, seq uint32, size int, rtt time.Duration) (ok, spare bool) {
	e := &r.recent[(talker*0x9e3779b1+seq)%slots]
	if e.talker != talker || e.seq != seq || now-e.at > CacheAge {
		*e = resend{talker: talker, seq: seq}
	}
	pause := rtt
	if e.times%2 == 1 {
		pause = Twin / 2
	}
	if e.times == tries || e.times > 0 && now-e.at < pause || !r.share.Send(now, size+wire.IPv4Overhead, Upcoming{}) {
		return false, false
	}
	e.times++
	e.at = now
	return true, e.times%2 == 0
}
