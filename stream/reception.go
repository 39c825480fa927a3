package stream

import (
	"time"

	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// reception is how one talker's datagrams come through, for nacks and reports. It is made
// with the jitter buffer, when the talker is first heard.
type reception struct {
	asker   repair.Asker
	ways    ways
	last    time.Duration // when the last datagram came
	told    bool          // in a report since
	playing Playing       // as of the last report
}

// arrived takes a datagram that is new, with its frames.
func (r *reception) arrived(now time.Duration, h netproto.Header, hop netproto.Hop, frames []netproto.Frame) {
	r.last, r.told = now, false
	speech := h.Voice || h.Level < Silent
	newest := r.asker.Arrived(now, repair.Datagram{Seq: h.Seq, Count: hop.Count, Again: hop.Again, Speech: speech})
	r.ways.arrived(h.Seq, hop, speech, len(frames))
	copies := uint32(0)
	for i := range frames {
		if n := frames[i].Number; n != h.Seq {
			r.asker.Have(n)
			if later := h.Seq - n; int(later) >= r.asker.Stride() && (copies == 0 || later < copies) {
				copies = later
			}
		}
	}
	if newest && h.Voice { // the end of a talkspurt is said twice in any case
		r.asker.Copies(copies)
	}
}
