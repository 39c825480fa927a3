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
		// Else nothing of it has come either.
		if t := r.talkers[e.Session]; t != nil && t.reception != nil && t.reception.asker.Last(now, e.Seq) {
			t.reception.ways.speech = false
			r.cfg.Ended(now, e.Session, e.Seq)
		}
	}
	return nil
}
