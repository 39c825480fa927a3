package lab

import (
	"math"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/quality"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// piece is a piece of what was heard and what it was made of.
type piece struct {
	jitter.Segment
	at   int     // first sample of the output
	said float64 // first sample of the speech; only if Len > 0
}

// isSpeech tells whether the piece is something the talker sent.
func (p piece) isSpeech() bool {
	return p.Len > 0 && (p.Kind == jitter.Decoded || p.Kind == jitter.Redundant || p.Kind == jitter.FEC)
}

// delay is the time in samples from capture to loudspeaker in the middle of the piece.
func (p piece) delay() float64 {
	return float64(p.at) + float64(p.Out)/2 - p.said - p.Len/2
}

// trip is the way of one voice datagram, named by its sequence number.
type trip struct {
	sent, arrived   time.Duration // never is a time that did not come
	relayed, resent int           // how often the relay sent it, and the talker again
}

// coding is at how many bit/s a frame and its copies were coded.
type coding struct{ itself, copies int }

const never = time.Duration(math.MinInt64)

// log is what happened in a call.
type log struct {
	position int // first sample of the output that is being made
	pieces   []piece
	targets  []float64 // of the buffer, every 20 ms
	trips    []trip    // by sequence number; 0 is not used
	carrier  []uint32  // frame (from 0): the datagram in which it was new; 0 for none
	last     uint32    // sequence number sent last
	coded    []coding  // by frame (from 0)
	wire     wireLoad
}

func newLog(samples int) *log {
	frames := samples/codec.FrameSize + 2
	l := &log{trips: make([]trip, frames+1), carrier: make([]uint32, frames)}
	for i := range l.trips {
		l.trips[i].sent, l.trips[i].arrived = never, never
	}
	return l
}

// segment is the jitter buffer's trace.
func (l *log) segment(s jitter.Segment) {
	// Frame 0 of the speech has number 1, and the codec hands it out late.
	l.pieces = append(l.pieces, piece{Segment: s, at: l.position, said: s.Start - codec.FrameSize - codec.Lookahead})
	l.position += s.Out
}

// measured is the talker whose voice is measured: the relay's first session.
const measured = 1

// trip returns the entry of a voice datagram, nil for another talker's and one of after the speech.
func (l *log) trip(d []byte) (*trip, uint32) {
	h, err := netproto.ParseHeader(d)
	if err != nil || h.Type != netproto.TypeVoice || h.Session != measured || int(h.Seq) >= len(l.trips) {
		return nil, 0
	}
	return &l.trips[h.Seq], h.Seq
}

// sent notes a voice datagram of the talker, of which so many frames are new.
func (l *log) sent(now time.Duration, d []byte, frames int) {
	t, seq := l.trip(d)
	if t == nil {
		return
	}
	if t.sent != never {
		t.resent++
		return
	}
	t.sent = now
	for n := max(l.last, seq-min(seq, uint32(frames))) + 1; n <= seq; n++ {
		l.carrier[n-1] = seq
	}
	l.last = seq
}

func (l *log) relayed(d []byte) {
	if t, _ := l.trip(d); t != nil {
		t.relayed++
	}
}

// arrived notes a voice datagram at the listener.
func (l *log) arrived(now time.Duration, d []byte) {
	if t, _ := l.trip(d); t != nil && t.arrived == never {
		t.arrived = now
	}
}

// carried returns the way of the datagram in which a frame was new, and whether there was one.
func (l *log) carried(frame int) (trip, bool) {
	if frame < 0 || frame >= len(l.carrier) || l.carrier[frame] == 0 {
		return trip{}, false
	}
	return l.trips[l.carrier[frame]], true
}

// origin is how a frame that was heard had come.
type origin int

const (
	itself origin = iota // in the datagram in which it was new
	copied               // in a later one
	again                // in its own, which was sent again
)

// origin tells how the frame of a decoded piece had come.
func (l *log) origin(p piece) origin {
	t, ok := l.carried(int(p.Frame) - 1)
	switch played := time.Duration(seconds(float64(p.at)) * 1e9); {
	case !ok:
		return itself
	case t.arrived == never || t.arrived > played:
		return copied
	case t.resent > 0 || t.relayed > 1:
		return again
	}
	return itself
}

// alignment is where in what was said each moment of what was heard comes from.
func (l *log) alignment() quality.Alignment {
	var a quality.Alignment
	for _, p := range l.pieces {
		if p.Len > 0 {
			a.Add(quality.Point{Heard: seconds(float64(p.at)), Said: seconds(p.said)})
			a.Add(quality.Point{Heard: seconds(float64(p.at + p.Out)), Said: seconds(p.said + p.Len)})
		}
	}
	return a
}

func seconds(samples float64) float64 { return samples / codec.SampleRate }

// traffic counts datagrams with their IP and UDP headers.
type traffic struct {
	datagrams, bytes int
	second           []load // what went in the second before the last
	inSecond, most   int    // bytes
}

type load struct {
	at    time.Duration
	bytes int
}

func (t *traffic) add(now time.Duration, d []byte) {
	n := len(d) + netsim.HeaderBytes
	t.datagrams++
	t.bytes += n
	t.second = append(t.second, load{now, n})
	for t.inSecond += n; now-t.second[0].at >= time.Second; t.second = t.second[1:] {
		t.inSecond -= t.second[0].bytes
	}
	t.most = max(t.most, t.inSecond)
}

// peak is the most of any second in kbit/s.
func (t traffic) peak() float64 { return float64(wire.KbpsOf(t.most, time.Second)) }

// kbps is the mean rate over a time.
func (t traffic) kbps(over time.Duration) float64 { return float64(wire.KbpsOf(t.bytes, over)) }

// timeline is the time plot: one Moment per 20 ms of the output.
func (l *log) timeline(samples int) []Moment {
	moments := make([]Moment, samples/codec.FrameSize)
	for i := range moments {
		m := Moment{At: time.Duration(i) * frame, Network: math.NaN(), Playout: math.NaN(), Target: math.NaN()}
		if t, ok := l.carried(i); ok && t.sent != never && t.arrived != never {
			m.Network = milliseconds(t.arrived - t.sent)
		}
		if i < len(l.targets) {
			m.Target = l.targets[i]
		}
		moments[i] = m
	}
	for _, p := range l.pieces {
		i := p.at / codec.FrameSize
		if i >= len(moments) {
			continue
		}
		switch {
		case p.isSpeech():
			moments[i].Playout = 1000 * seconds(p.delay())
		case p.Kind == jitter.Concealed:
			moments[i].Concealed = true
		}
	}
	return moments
}

// distribution sums values up.
func distribution(values []float64) Distribution {
	if len(values) == 0 {
		return Distribution{}
	}
	sorted := slices.Sorted(slices.Values(values))
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	at := func(p float64) float64 { return round(sorted[min(len(sorted)-1, int(p*float64(len(sorted))))], 2) }
	return Distribution{
		Mean: round(sum/float64(len(sorted)), 2), P50: at(.50), P95: at(.95), P99: at(.99),
		Max: round(sorted[len(sorted)-1], 2),
	}
}

// round keeps so many digits behind the point.
func round(v float64, digits int) float64 {
	scale := math.Pow(10, float64(digits))
	return math.Round(v*scale) / scale
}
