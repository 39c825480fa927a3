package engine

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/codec/opus"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto"
)

// ListenerConfig says how a Listener works. The zero value is the good default.
type ListenerConfig struct {
	// Jitter configures the jitter buffer of every talker.
	Jitter jitter.Config
	// NewDecoder makes the decoder of one talker. nil means opus.NewDecoder, libopus.
	NewDecoder func() (codec.Decoder, error)
	// NewBuffer makes the jitter buffer of one talker. nil means jitter.New.
	// It is there for comparisons.
	NewBuffer func(jitter.Decoder, jitter.Config) Buffer
}

// Buffer is what a Listener asks of a jitter buffer; *jitter.Buffer is the one in use.
type Buffer interface {
	Push(now time.Duration, frames []jitter.Frame)
	Pull(now time.Duration, out []float32)
	Active() bool
	Stats() jitter.Stats
	SetPathDelay(d time.Duration)
	Expect(now time.Duration, number uint32, in time.Duration)
}

// Listener turns the datagrams of everyone else in the room into one stream of sound. It is
// sans-IO: the time is an argument, counted from any fixed start. One goroutine at a
// time may use it.
//
//	                ┌ talker 7: keys ─ replay window ─ jitter.Buffer ─ volume ┐
//	datagram ─ type ┼ talker 9: keys ─ replay window ─ jitter.Buffer ─ volume ┼ sum ─ limiter ─> out
//	                └ ...                                                     ┘
type Listener struct {
	cfg     ListenerConfig
	secrets listenerSecrets
	path    time.Duration // one way, talker to here; 0 = not known
	peers   map[uint32]*peer
	order   []*peer // the same, in the order in which they came
	awake   []*peer // those that may have something to play
	limiter limiter
	counts  DropCounts
	outlook outlook

	strangers [4]dropped // talkers who are not in the room: as many as a relay forwards at a time

	items   [][]byte // scratch: a bundle's datagrams
	frames  []netproto.Frame
	body    []byte
	scratch [mixBlock]float32
}

// mixBlock is the longest block that is mixed in one go.
const mixBlock = FrameSize

// NewListener makes a Listener that knows no one yet.
func NewListener(cfg ListenerConfig) *Listener {
	if cfg.NewDecoder == nil {
		cfg.NewDecoder = opus.NewDecoder
	}
	if cfg.NewBuffer == nil {
		cfg.NewBuffer = func(dec jitter.Decoder, cfg jitter.Config) Buffer { return jitter.New(dec, cfg) }
	}
	return &Listener{
		cfg:     cfg,
		peers:   map[uint32]*peer{},
		limiter: newLimiter(),
		items:   make([][]byte, 0, maxBundle),
		frames:  make([]netproto.Frame, 0, MaxStride*(MaxOffset+2)),
		body:    make([]byte, 0, netproto.MaxDatagram),
	}
}

// maxBundle is the most voice datagrams that fit into one bundle.
const maxBundle = netproto.MaxDatagram / (netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize)

// SetSecret gives the listener the room secret of an epoch, mixed with the passphrase
// where there is one. The newest netproto.EpochWindow epochs are kept.
func (l *Listener) SetSecret(epoch uint32, secret netproto.RoomSecret) { l.secrets.set(epoch, secret) }

// AddPeer lets a talker be heard. The name is for the statistics. A second call
// with the same session only changes the name.
func (l *Listener) AddPeer(session uint32, name string) {
	if p := l.peers[session]; p != nil {
		p.name = name
		return
	}
	p := newPeer(session, name)
	l.peers[session] = p
	l.order = append(l.order, p)
}

// RemovePeer forgets a talker and returns its last figures; ok tells whether there was such
// a talker. What of its last word is already here is still played.
func (l *Listener) RemovePeer(now time.Duration, session uint32) (last PeerStats, ok bool) {
	p := l.peers[session]
	if p == nil {
		return PeerStats{}, false
	}
	last = p.stats(now)
	p.gone = true
	delete(l.peers, session)
	l.order = slices.DeleteFunc(l.order, func(q *peer) bool { return q == p })
	return last, true
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

// Handle takes a datagram that arrived at now: voice as the relay forwards it, without
// the hop tag, or a bundle of those. The datagram is not kept. The error is a
// Drop; of a bundle, that of the last item dropped.
func (l *Listener) Handle(now time.Duration, datagram []byte) error {
	t, err := netproto.DatagramType(datagram)
	switch {
	case err != nil:
		return l.drop(DropMalformed)
	case t == netproto.TypeVoice:
		return l.voice(now, datagram)
	case t != netproto.TypeBundle:
		return l.drop(DropNotVoice)
	}
	l.items, err = netproto.ParseBundle(l.items[:0], datagram)
	if err != nil {
		return l.drop(DropMalformed)
	}
	err = nil
	for _, item := range l.items {
		if t, _ := netproto.DatagramType(item); t != netproto.TypeVoice {
			err = l.drop(DropNotVoice)
		} else if dropped := l.voice(now, item); dropped != nil {
			err = dropped
		}
	}
	return err
}

func (l *Listener) drop(reason Drop) error {
	l.counts[reason]++
	return reason
}

// refuse drops a datagram of somebody in the room.
func (l *Listener) refuse(now time.Duration, p *peer, reason Drop) error {
	p.dropped.note(now, reason)
	if p.dropped.foreign() && p.dropped.count == fewDropped+1 {
		l.outlook.changed = true // the talker is to know at once
	}
	return l.drop(reason)
}

// stranger notes a talker who is not in the room. Of several at a time the first few are known.
func (l *Listener) stranger(now time.Duration, session uint32) {
	oldest := &l.strangers[0]
	for i := range l.strangers {
		s := &l.strangers[i]
		if s.count > 0 && s.session == session {
			s.note(now, DropUnknown)
			return
		}
		if s.last < oldest.last {
			oldest = s
		}
	}
	if oldest.count == 0 || now-oldest.last >= talksOn {
		*oldest = dropped{session: session}
		oldest.note(now, DropUnknown)
	}
}

// notHeard appends those whose datagrams come and are dropped, or were.
func (l *Listener) notHeard(dst []dropped) []dropped {
	for _, p := range l.order {
		if d := p.dropped; d.last > 0 {
			d.session, d.name = p.session, p.name
			dst = append(dst, d)
		}
	}
	for _, s := range l.strangers {
		if s.last == 0 {
			continue
		}
		if l.peers[s.session] != nil { // the list has come
			s.count = 0
		}
		dst = append(dst, s)
	}
	return dst
}

func (l *Listener) voice(now time.Duration, datagram []byte) error {
	sealed, hop, err := netproto.SplitHop(datagram)
	if err != nil {
		return l.drop(DropMalformed)
	}
	h, err := netproto.ParseHeader(sealed)
	if err != nil {
		return l.drop(DropMalformed)
	}
	p := l.peers[h.Session]
	if p == nil {
		l.stranger(now, h.Session)
		return l.drop(DropUnknown)
	}
	sealer := p.keys.sealer(&l.secrets, h.Session, h.Epoch)
	if sealer == nil {
		return l.refuse(now, p, DropEpoch)
	}
	body, err := sealer.Open(l.body[:0], sealed)
	if err != nil {
		return l.refuse(now, p, DropForged)
	}
	if !p.window.Accept(h.Seq) {
		return l.drop(DropReplayed)
	}
	l.frames, err = netproto.ParseFrames(l.frames[:0], h.Seq, body)
	if err != nil {
		return l.refuse(now, p, DropMalformed)
	}
	if p.buffer == nil {
		dec, err := l.cfg.NewDecoder()
		if err != nil {
			return l.refuse(now, p, DropDecoder)
		}
		p.buffer = l.cfg.NewBuffer(dec, l.cfg.Jitter)
		p.reception = new(reception)
		if l.path > 0 {
			p.buffer.SetPathDelay(l.path)
		}
	}
	p.heard(now, h, hop, l.frames, l.outlook.rtt)
	if !p.awake {
		p.awake = true
		l.awake = append(l.awake, p)
	}
	return nil
}

// SetPath tells the least round trip to the relay, when no queue is on it. Half of it, and othersWay for the
// talkers' ways to the relay, which nobody tells us, is what the jitter buffers weigh their delay against.
func (l *Listener) SetPath(least time.Duration) {
	l.path = least/2 + othersWay
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
	asleep := false
	for _, p := range l.awake {
		p.addTo(out, l.scratch[:len(out)], now)
		asleep = asleep || !p.awake
	}
	if asleep {
		l.awake = slices.DeleteFunc(l.awake, func(p *peer) bool { return !p.awake })
	}
	l.limiter.process(out)
}

// Drops returns how many datagrams were dropped so far, by reason.
func (l *Listener) Drops() DropCounts { return l.counts }

// Peers appends the figures of everyone in the room to dst, in the order in which they came.
func (l *Listener) Peers(now time.Duration, dst []PeerStats) []PeerStats {
	for _, p := range l.order {
		dst = append(dst, p.stats(now))
	}
	return dst
}
