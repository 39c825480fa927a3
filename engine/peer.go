package engine

import (
	"math"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/jitter"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

const (
	// talkHold is how long a talker counts as talking after the last voice bit: two of
	// the longest datagrams, so that one loss does not show.
	talkHold = 2 * wire.MaxStride * wire.FrameDuration
	// sleepAfter is how long after its last datagram a silent talker is still
	// asked for sound.
	sleepAfter = 3 * time.Second
)

// peer is one talker as heard here. It has no buffer and no decoder before it speaks.
type peer struct {
	session uint32
	name    string
	buffer  Buffer

	volume  float32        // wanted
	leveler *codec.Leveler // nil: as spoken
	gain    float32        // in force; slides over a block to volume times what leveler gives
	awake   bool           // in Listener.awake
	gone    bool           // left the room

	last    time.Duration // when the last datagram came
	talking bool          // the talkspurt has not been ended
	voiced  time.Duration // when the last datagram with the voice bit came
	delay   time.Duration // of the jitter buffer when last asked during speech
	newest  uint32        // highest sequence number so far
	level   uint8         // of that datagram
}

func newPeer(session uint32, name string) *peer {
	return &peer{session: session, name: name, volume: 1, gain: 1, level: codec.Silent}
}

// heard takes what a datagram has brought.
func (p *peer) heard(now time.Duration, a *stream.Arrival) {
	p.last = now
	// Far below it is the newest too: that one came from somebody who had left, while the talker had said nothing.
	if h := a.Header; h.Seq > p.newest || p.newest-h.Seq > 1<<16 {
		p.newest, p.level = h.Seq, h.Level
		switch {
		case h.Voice:
			p.voiced, p.talking = now, true
			p.learnLevel()
		case len(a.Frames[0].Data) == 0:
			p.talking = false
		}
	}
	p.buffer.Push(now, a.Frames)
	if d := p.buffer.Stats().Current; d > 0 {
		p.delay = d
	}
}

// comfort is how far talkers are brought to one loudness: to four times or a fourth at most, and within 3 dB, which
// nobody minds, not at all. The target is what package audio/clean makes of a microphone.
var comfort = codec.LevelerConfig{Target: -23, Boost: 12, Cut: 12, Rate: 3, Within: 3}

// comfortLeast is in -dBov the quietest voice that comfort learns from: below it is what is left of an echo, not
// somebody who speaks.
const comfortLeast = 50

// learnLevel takes the level that a datagram of voice tells.
func (p *peer) learnLevel() {
	if p.leveler != nil && p.level <= comfortLeast {
		p.leveler.Learn(math.Pow(10, -float64(p.level)/10))
	}
}

// ended takes that after the datagram with this number nothing comes for now.
func (p *peer) ended(now time.Duration, seq uint32) {
	p.newest, p.talking = max(p.newest, seq), false
	p.buffer.End(now, seq+1)
}

func (p *peer) isTalking(now time.Duration) bool { return p.talking && now-p.voiced <= talkHold }

// addTo adds what the talker says from now on to out. The peer falls asleep when it has
// been silent for long, or has left.
func (p *peer) addTo(out, scratch []float32, now time.Duration) {
	p.buffer.Pull(now, scratch)
	want := p.volume
	if p.leveler != nil {
		want *= float32(p.leveler.Move(len(out)))
	}
	if p.gain == want {
		for i, s := range scratch {
			out[i] += s * p.gain
		}
	} else {
		step := (want - p.gain) / float32(len(out))
		for i, s := range scratch {
			p.gain += step
			out[i] += s * p.gain
		}
		p.gain = want
	}
	if !p.buffer.Active() && (p.gone || now-p.last > sleepAfter) {
		p.awake = false
	}
}

// PeerStats is one talker as heard here. Counts run since it joined.
type PeerStats struct {
	Session   uint32
	Name      string
	Foreign   bool     // has another passphrase than we, or just one of us has one: neither hears the other
	Identity  Identity // whether it is the one who had the name before
	Talking   bool     // speaks now
	Recording bool     // says that it records the call
	Level     uint8    // of the last datagram, in -dBov: 0 loudest, 127 silent or not talking
	Volume    float32  // as set, 1 = as spoken

	Datagrams uint64 // received and authentic
	Frames    uint64 // 20 ms of speech that were played, made up or not
	Lost      uint64 // frames whose own datagram was not there in time
	Repaired  uint64 // of those: played from a copy, a resend or FEC
	Concealed uint64 // 20 ms of speech that were made up: for what was lost and while waiting for what was late
	Late      uint64 // frames that came after their time

	Ways stream.Ways // what its datagrams lost on their two ways here, before repair

	Delay  time.Duration // what the jitter buffer adds, or added when last somebody talked
	Target time.Duration // what the buffer wants to add
	Jitter time.Duration // mean deviation of the arrival delay
	// MouthToEar is an estimate of the whole delay, filled in by Call.Stats: our microphone in place of the talker's, a
	// frame (20 ms), the codec's look-ahead (6.5 ms), our round trip to the relay in
	// place of both ways, Delay, a playback block (10 ms) and our loudspeaker (audio.Latency).
	MouthToEar time.Duration

	Buffer jitter.Stats // all that the jitter buffer tells
}

func (l *Listener) stats(now time.Duration, p *peer) PeerStats {
	s := PeerStats{
		Session:   p.session,
		Name:      p.name,
		Talking:   p.isTalking(now),
		Level:     codec.Silent,
		Volume:    p.volume,
		Datagrams: l.Datagrams(p.session),
		Ways:      l.Ways(p.session),
	}
	if s.Talking {
		s.Level = p.level
	}
	if p.buffer == nil {
		return s
	}
	b := p.buffer.Stats()
	s.Buffer = b
	s.Frames = played(&b)
	s.Lost = b.Lost + b.Repaired
	s.Repaired = b.Repaired + inFrames(b.FEC)
	s.Concealed = inFrames(b.Concealed)
	s.Late = b.Late
	s.Delay, s.Target, s.Jitter = p.delay, b.Target, b.Jitter
	return s
}

// played is the speech that was played, made up or not, in frames.
func played(b *jitter.Stats) uint64 {
	return inFrames(b.Decoded + b.Redundant + b.FEC + b.Concealed)
}

func inFrames(d time.Duration) uint64 {
	return uint64((d + wire.FrameDuration/2) / wire.FrameDuration)
}
