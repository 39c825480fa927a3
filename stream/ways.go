package stream

import "github.com/tincan-voice/tincan/netproto"

// Ways is what became of a talker's datagrams of speech on their two ways here, before repair. Counts run since the
// talker was added; what is lost gets less when it comes after all, or turns out to be another stride.
type Ways struct {
	Came     uint64 // arrived by themselves
	LostUp   uint64 // did not come to the relay, or later than those that followed them
	LostDown uint64 // did not come from there
}

// Up is the share of the datagrams that was lost on the way to the relay, 0 to 1, and Down that of what the relay sent.
func (w Ways) Up() float64 { return share(w.LostUp, w.Came+w.LostDown) }

// Down is the share of what the relay sent that was lost on the way here, 0 to 1.
func (w Ways) Down() float64 { return share(w.LostDown, w.Came) }

func share(lost, came uint64) float64 { return float64(lost) / float64(max(lost+came, 1)) }

// Since is what has come to it after an earlier count, 0 where it is less now.
func (w Ways) Since(earlier Ways) Ways {
	more := func(now, was uint64) uint64 { return now - min(now, was) }
	return Ways{more(w.Came, earlier.Came), more(w.LostUp, earlier.LostUp), more(w.LostDown, earlier.LostDown)}
}

// ways counts them: the hop's count has a gap for what was lost on the way from the relay, and the frames have one for
// what was lost on either. In a pause neither says anything. What a talker kept back (a cap) counts as lost on the way up.
type ways struct {
	Ways
	begun   bool
	count   uint8  // of the hop, of the newest datagram
	highest uint32 // frame
	speech  bool   // the newest datagram was inside a talkspurt
	shape   int    // how many frames it carried
	steps   [4]uint32
	next    int // of steps
	wider   wider
}

// wider is a row of gaps that have one length and are longer than what was between two datagrams before: either one was
// lost on its way up each time, or that is the stride now. Two frames in a datagram may be a stride of two, or one and
// a copy, which cannot be told apart.
type wider struct {
	frames int
	times  int
	lost   uint64 // that it was taken for
}

// strides is how many of them are a stride: at 20 % loss on the way up 4 in 100 rows of losses are taken for one.
const strides = 3

// take takes a gap that was taken for so many lost, and reports whether it is the stride.
func (w *wider) take(frames int, lost uint64) bool {
	if frames != w.frames || lost == 0 {
		*w = wider{frames: frames}
	}
	w.times++
	w.lost += lost
	return lost > 0 && w.times == strides
}

const (
	// farthest is how many frames a gap may have that is a loss; more is an outage, which says nothing about a share.
	farthest = 50
	// resends is how many more datagrams than frames may have been sent: those that the talker sent again.
	resends = 4
)

// arrived takes a datagram with so many frames.
func (w *ways) arrived(seq uint32, hop netproto.Hop, speech bool, carried int) {
	if hop.Again {
		return // it was lost when it was sent first
	}
	ahead := int(hop.Count-w.count) & (netproto.HopCounts - 1)
	if ahead > netproto.HopCounts/2 {
		ahead -= netproto.HopCounts
	}
	frames := int(int32(seq - w.highest))
	switch {
	case w.begun && ahead <= 0 && frames <= 0: // overtaken on the way from the relay
		w.LostDown -= min(w.LostDown, 1)
		w.Came++
		return
	case !w.begun || ahead <= 0 || frames > farthest || ahead > max(frames, 0)+resends:
		w.steps = [len(w.steps)]uint32{} // it begins anew
	case frames <= 0: // sent again on its way up, or overtaken there
		w.LostDown += uint64(ahead - 1)
		w.count = hop.Count
		return
	case w.speech:
		w.gap(frames, ahead, carried)
	}
	w.begun, w.count, w.highest, w.speech, w.shape = true, hop.Count, seq, speech, carried
	w.Came++
}

// gap takes that a datagram is so many frames and counts after the one before it, in a talkspurt.
func (w *ways) gap(frames, ahead, carried int) {
	if carried != w.shape { // another stride, or other copies
		w.steps = [len(w.steps)]uint32{}
	}
	if ahead == 1 {
		w.steps[w.next] = uint32(frames)
		w.next = (w.next + 1) % len(w.steps)
	}
	step := frames // between two datagrams of late
	for _, s := range w.steps {
		if s > 0 {
			step = min(step, int(s))
		}
	}
	w.LostDown += uint64(ahead - 1)
	lost := uint64(max(frames/step-ahead, 0))
	w.LostUp += lost
	if ahead == 1 && w.wider.take(frames, lost) {
		w.LostUp -= min(w.LostUp, w.wider.lost)
		for i := range w.steps {
			w.steps[i] = uint32(frames)
		}
	}
}

// Ways returns what became of a talker's datagrams.
func (r *Receiver) Ways(session uint32) Ways {
	if t := r.talkers[session]; t != nil && t.reception != nil {
		return t.reception.ways.Ways
	}
	return Ways{}
}
