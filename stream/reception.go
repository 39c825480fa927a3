package stream

import (
	"time"

	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/repair"
	"github.com/tincan-voice/tincan/netproto"
)

// reception is how one talker's datagrams come through, for nacks and reports. It is made
// with the jitter buffer, when the talker is first heard.
type reception struct {
	asker  repair.Asker
	seq    uint32 // of the newest datagram
	speech bool   // it was inside a talkspurt
	final  uint32 // nothing comes after this datagram for now, if it is the newest
	queue  estimate.Queue
	last   time.Duration // when the last datagram came
	told   bool          // in a report since

	playing Playing // as of the last report
}

// arrived takes a datagram that is new, with its frames, and returns how many frames before it were lost on the
// talker's own hop, where the relay asks for them.
func (r *reception) arrived(now time.Duration, h netproto.Header, hop netproto.Hop, frames []netproto.Frame) (before uint32) {
	r.last, r.told = now, false
	speech := h.Voice || h.Level < Silent
	newest := r.asker.Arrived(now, repair.Datagram{Seq: h.Seq, Count: hop.Count, Again: hop.Again, Speech: speech}) == repair.Newest
	copies := uint32(0)
	for i := range frames {
		if n := frames[i].Number; n != h.Seq {
			r.asker.Have(n)
			if later := h.Seq - n; int(later) >= r.asker.Stride() && (copies == 0 || later < copies) {
				copies = later
			}
		}
	}
	if newest {
		stride := uint32(r.asker.Stride())
		if gap := h.Seq - r.seq; r.speech && gap > stride && gap <= maxUpstream && r.asker.Receipt().Came.Get(1) {
			before = gap - stride
		}
		r.queue.Arrived(now, time.Duration(h.Seq)*netproto.FrameDuration)
		if h.Voice { // the end of a talkspurt is said twice in any case
			r.asker.Copies(copies)
		}
	}
	if h.Seq > r.seq {
		r.seq, r.speech = h.Seq, speech && h.Seq > r.final
	}
	return before
}

// maxUpstream is the longest gap, in frames, that what was sent again may still fill in time: 640 ms.
const maxUpstream = 32

// mood judges the way of the talker's datagrams.
func (r *reception) mood(now time.Duration) repair.Mood {
	return repair.PathMood(now, &r.asker, &r.queue)
}
