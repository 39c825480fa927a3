package engine

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/stream"
)

// ListenerConfig says how a Listener works. The zero value is the good default.
type ListenerConfig struct {
	// Jitter configures the jitter buffer of every talker.
	Jitter jitter.Config
	// Decoder configures the decoder of every talker.
	Decoder codec.DecoderConfig
	// Level brings talkers slowly to one loudness, by the level that each datagram tells.
	Level bool
	// NewDecoder makes the decoder of one talker. nil means opus.NewDecoderWith, of Decoder.
	NewDecoder func() (codec.Decoder, error)
	// NewBuffer makes the jitter buffer of one talker. nil means jitter.New.
	// It is there for comparisons.
	NewBuffer func(jitter.Decoder, jitter.Config) Buffer

	heard *audience // who is handed each talker's voice; nil: nobody
}

// Buffer is what a Listener asks of a jitter buffer; *jitter.Buffer is the one in use.
type Buffer interface {
	Push(now time.Duration, frames []jitter.Frame)
	Pull(now time.Duration, out []float32)
	Active() bool
	Stats() jitter.Stats
	SetPathDelay(d time.Duration)
	Expect(now time.Duration, number uint32, in time.Duration)
	End(now time.Duration, number uint32)
}

// Listener turns the datagrams of everyone else in the room into one stream of sound: a stream.Receiver, whose
// methods it has, with a jitter buffer and a decoder for each talker. It is sans-IO: the time is an argument, counted
// from any fixed start. One goroutine at a time may use it.
//
//	                       ┌ talker 7: jitter.Buffer ─ volume ┐
//	datagram ─ Receiver ───┼ talker 9: jitter.Buffer ─ volume ┼ sum ─ limiter ─> out
//	                       └ ...                              ┘
type Listener struct {
	*stream.Receiver
	cfg     ListenerConfig
	path    time.Duration // one way, talker to here; 0 = not known
	peers   map[uint32]*peer
	order   []*peer // the same, in the order in which they came
	awake   []*peer // those that may have something to play
	limiter codec.Limiter
	// deepLeft is for how many more talkers a network may begin to make up a loss in this block.
	deepLeft int
	unheard  []stream.Unheard // scratch
	scratch  [mixBlock]float32
}

// mixBlock is the longest block that is mixed in one go.
const mixBlock = FrameSize

// NewListener makes a Listener that knows no one yet.
func NewListener(cfg ListenerConfig) *Listener {
	if cfg.NewDecoder == nil {
		cfg.NewDecoder = func() (codec.Decoder, error) { return opus.NewDecoderWith(cfg.Decoder) }
	}
	if cfg.NewBuffer == nil {
		cfg.NewBuffer = func(dec jitter.Decoder, cfg jitter.Config) Buffer { return jitter.New(dec, cfg) }
	}
	if cfg.heard == nil {
		cfg.heard = new(audience)
	}
	l := &Listener{cfg: cfg, peers: map[uint32]*peer{}, limiter: codec.NewLimiter()}
	l.Receiver = stream.NewReceiver(stream.ReceiverConfig{Take: l.take, Playing: l.playing, Asked: l.asked, Ended: l.ended})
	return l
}

// AddPeer lets a talker be heard. The name is for the statistics. A second call
// with the same session only changes the name.
func (l *Listener) AddPeer(session uint32, name string) {
	if p := l.peers[session]; p != nil {
		p.name = name
		return
	}
	p := newPeer(session, name)
	if l.cfg.Level {
		p.leveler = codec.NewLeveler(comfort)
	}
	l.peers[session] = p
	l.order = append(l.order, p)
	l.Receiver.Add(session)
}

// RemovePeer forgets a talker and returns its last figures; ok tells whether there was such
// a talker. What of its last word is already here is still played.
func (l *Listener) RemovePeer(now time.Duration, session uint32) (last PeerStats, ok bool) {
	p := l.peers[session]
	if p == nil {
		return PeerStats{}, false
	}
	last = l.stats(now, p)
	p.gone = true
	l.Receiver.Remove(session)
	delete(l.peers, session)
	l.order = slices.DeleteFunc(l.order, func(q *peer) bool { return q == p })
	return last, true
}

// Renew forgets all talkers and secrets, as for another session. What of their last words is already here is still
// played.
func (l *Listener) Renew() {
	for _, p := range l.order {
		p.gone = true
	}
	clear(l.peers)
	l.order = nil
	l.Receiver.Renew()
}

// SetVolume sets how loud a talker is: 1 is as spoken, 0 silent. It reports whether
// there is such a talker. Values are held to 0 to MaxVolume.
func (l *Listener) SetVolume(session uint32, volume float32) bool {
	p := l.peers[session]
	if p == nil {
		return false
	}
	p.volume = max(0, min(volume, MaxVolume))
	return true
}

// MaxVolume is the loudest that Listener.SetVolume allows: 12 dB up.
const MaxVolume = 4

// take gives what has come to the talker's jitter buffer.
func (l *Listener) take(now time.Duration, a *stream.Arrival) error {
	p := l.peers[a.Header.Session]
	if p.buffer == nil {
		dec, err := l.cfg.NewDecoder()
		if err != nil {
			return err
		}
		p.buffer = l.cfg.NewBuffer(l.thrifty(dec), l.cfg.Jitter)
		if l.path > 0 {
			p.buffer.SetPathDelay(l.path)
		}
	}
	p.heard(now, a)
	for i := len(a.Frames) - 1; i >= 0; i-- {
		l.cfg.heard.came(now, p.session, a.Frames[i])
	}
	if !p.awake {
		p.awake = true
		l.awake = append(l.awake, p)
	}
	return nil
}

// playing tells how a talker's frames fare.
func (l *Listener) playing(session uint32) stream.Playing {
	p := l.peers[session]
	if p == nil || p.buffer == nil {
		return stream.Playing{}
	}
	b := p.buffer.Stats()
	return stream.Playing{Frames: played(&b), Concealed: inFrames(b.Concealed), Delay: p.delay, Spread: b.Spread}
}

// asked has a talker's buffer wait a little for what has been asked for.
func (l *Listener) asked(now time.Duration, session, frame uint32, in time.Duration) {
	if p := l.peers[session]; p != nil && p.buffer != nil {
		p.buffer.Expect(now, frame, in)
	}
}

// ended ends a talkspurt of which the rest does not come.
func (l *Listener) ended(now time.Duration, session, seq uint32) {
	if p := l.peers[session]; p != nil && p.buffer != nil {
		p.ended(now, seq)
	}
}

// SetPath tells the least round trip to the relay, when no queue is on it. Half of it, and othersWay for the
// talkers' ways to the relay, which nobody tells us, is what the jitter buffers weigh their delay against.
func (l *Listener) SetPath(least time.Duration) {
	l.path = least/2 + othersWay
	l.Receiver.SetPath(l.path)
	for _, p := range l.order {
		if p.buffer != nil {
			p.buffer.SetPathDelay(l.path)
		}
	}
}

// othersWay is that of a talker on an ordinary access network.
const othersWay = 30 * time.Millisecond

// Mix fills the whole of out, of any length, with what is heard from now on; now is the
// time at which out[0] is handed to the device. Samples are within -1..1. One talker
// at volume 1 below -1 dBFS comes through bit for bit.
func (l *Listener) Mix(now time.Duration, out []float32) {
	for len(out) > 0 {
		n := min(mixBlock, len(out))
		l.mix(now, out[:n])
		out = out[n:]
		now += time.Duration(n) * time.Second / codec.SampleRate
	}
}

func (l *Listener) mix(now time.Duration, out []float32) {
	clear(out)
	l.deepLeft = deepPerBlock
	slices.SortStableFunc(l.awake, louder)
	asleep := false
	for _, p := range l.awake {
		said := l.scratch[:len(out)]
		p.addTo(out, said, now)
		if !p.buffer.Active() {
			said = nil
		}
		l.cfg.heard.sounded(p.session, said)
		asleep = asleep || !p.awake
	}
	if asleep {
		l.awake = slices.DeleteFunc(l.awake, func(p *peer) bool { return !p.awake })
	}
	l.limiter.Process(out)
}

// Peers appends the figures of everyone in the room to dst, in the order in which they came.
func (l *Listener) Peers(now time.Duration, dst []PeerStats) []PeerStats {
	for _, p := range l.order {
		dst = append(dst, l.stats(now, p))
	}
	return dst
}

// notHeard appends those whose datagrams come and are dropped, or were.
func (l *Listener) notHeard(dst []dropped) []dropped {
	l.unheard = l.Receiver.Unheard(l.unheard[:0])
	for _, u := range l.unheard {
		d := dropped{Unheard: u}
		if p := l.peers[u.Session]; p != nil {
			d.name = p.name
		}
		dst = append(dst, d)
	}
	return dst
}

// strange is for how long somebody has talked who is not in the room as far as is known here, or whose key has not
// come.
func (l *Listener) strange(now time.Duration) (longest time.Duration) {
	l.unheard = l.Receiver.Unheard(l.unheard[:0])
	for _, u := range l.unheard {
		if (u.Reason == stream.DropUnknown || u.Reason == stream.DropEpoch) && u.Steady() && now-u.Last < stream.TalksOn {
			longest = max(longest, now-u.First)
		}
	}
	return longest
}
