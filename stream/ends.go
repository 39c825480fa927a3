package stream

import (
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// Ends takes the body of an end, netproto.TypeEnd: others are louder, and of these talkers nothing more comes for now.
// The error is that of netproto.ParseEnds.
func (r *Receiver) Ends(now time.Duration, body []byte) (err error) {
	if r.ends, err = netproto.ParseEnds(r.ends[:0], body); err != nil {
		return err
	}
	for _, e := range r.ends {
		t := r.talkers[e.Session]
		if t == nil || t.reception == nil {
			continue // nothing of it has come either
		}
		if newest := t.reception.seq; e.Seq < newest || e.Seq-newest > mostAhead {
			continue // it has gone on already, or it makes no sense
		}
		t.reception.ended(now, e.Seq)
		r.cfg.Ended(now, e.Session, e.Seq)
	}
	return nil
}

// mostAhead is how many frames behind the newest that came the last one may be: what an outage has taken is over.
const mostAhead = 50

// ended notes that for now nothing is sent after this datagram.
func (r *reception) ended(now time.Duration, seq uint32) {
	r.asker.Last(now, seq)
	r.final, r.speech = seq, false // what comes next comes after a pause
}
