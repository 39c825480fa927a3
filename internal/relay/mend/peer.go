package mend

import (
	"cmp"
	"encoding/binary"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// PeerReport takes what another relay says of how a talker of ours fares there: its session ID, 4 bytes, and the
// feedback that a talker of its own would get. The room must be attended at look, or before; the error is that of
// netproto.ParseFeedback.
func (m *Mender) PeerReport(now time.Duration, trunk *Member, body []byte) (look time.Duration, err error) {
	if len(body) < 4 {
		return 0, netproto.ErrShort
	}
	f, err := netproto.ParseFeedback(body[4:])
	if err != nil {
		return 0, err
	}
	d := trunk.down()
	d.heard = now
	t := trunk.room.talker(binary.BigEndian.Uint32(body))
	if t == nil || t.Far {
		return now, nil
	}
	u, v := t.uplink, d.viewOf(now, t.ID)
	v.at, v.jitter, v.far = now, time.Duration(f.WorstJitter)*time.Millisecond, &f
	// A datagram has two hops to come by: what is lost is lost on either.
	o := f.Median
	if hop, ok := v.account.Take(&u.sent, &f.Receipt, u.asker.Stride()); ok {
		o.Lost, o.Runs = o.Lost+hop.Lost, o.Runs+hop.Runs
		o.Received = cmp.Or(o.Received, hop.Received)
	}
	v.loss.Add(now, u.asker.Stride(), o)
	v.since.Add(o)
	return now, nil
}

// peer adds what a peer's last report says of a talker, whose view this is, as that of one more listener.
func (c *collector) peer(now time.Duration, v *view, told *netproto.Feedback) {
	if v == nil || v.far == nil || now-v.at > memory {
		return
	}
	f := v.far
	c.cap = append(c.cap, -cmp.Or(int(f.LowestCap), unlimited))
	told.Unopened += f.Unopened
	if v.loss.Known(now) == 0 {
		return
	}
	c.views = append(c.views, v)
	c.rate = append(c.rate, -cmp.Or(int(f.LowestRate), unlimited))
	c.rtt, c.queue = append(c.rtt, int(f.WorstRTT)), append(c.queue, int(f.WorstQueue))
	c.trend, c.jitter = append(c.trend, int(f.WorstTrend)), append(c.jitter, int(f.WorstJitter))
}
