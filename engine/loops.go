package engine

import (
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/stream"
)

const (
	// playbackBlock is how much sound is mixed at a time.
	playbackBlock   = 10 * time.Millisecond
	playbackSamples = codec.SampleRate * int(playbackBlock/time.Millisecond) / 1000
	// tickEvery is how often it is looked at what is due without a deadline of its own.
	tickEvery = 100 * time.Millisecond
	// stirEvery is the same at most where this machine's network changes.
	stirEvery = 20 * time.Millisecond
)

// capture sends what the Source gives. At its end the others are told that it is silence.
func (c *Call) capture() {
	pcm := make([]float32, FrameSize)
	var still standstill
	for source, ok := c.cfg.Source, true; ok; {
		_, err := source.Read(pcm)
		if c.running.Err() != nil {
			return
		}
		if err == nil {
			c.signs.read(c.now(), pcm)
			c.skip(still.frame(c.now(), c.silent()))
			c.speak(pcm)
			continue
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		again := err != nil && c.cfg.ReopenSource != nil
		c.signs.inputEnded(err, again)
		if !again {
			source.Close()
			c.events.add(SourceEnded{err})
		}
		if again {
			c.skip(still.resume(c.now())) // it was found to be broken some time after
		}
		c.fallSilent(pcm)
		if !again {
			return
		}
		still.frame(c.now(), false)
		if source, ok = c.reviveSource(source, pcm); ok {
			c.skip(still.resume(c.now()))
			c.speakOn()
		}
	}
}

// silent tells whether the talker says nothing.
func (c *Call) silent() bool {
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Talker().Silent()
}

func (c *Call) speak(pcm []float32) {
	c.talking.Lock()
	d, err := c.sender.Frame(c.now(), pcm)
	level := c.sender.Talker().lastLevel
	c.talking.Unlock()
	c.level.Store(uint32(level))
	if err == nil && d != nil { // a frame that cannot be coded is one that was lost
		c.link.get().send(d)
		c.signs.sent.Add(1)
	}
}

// fallSilent sends the end of the talkspurt and the copies that are still due.
func (c *Call) fallSilent(pcm []float32) {
	frames := time.NewTicker(netproto.FrameDuration)
	defer frames.Stop()
	for settled := false; !settled; {
		c.talking.Lock()
		c.sender.Talker().SetMuted(true)
		c.talking.Unlock()
		c.speak(pcm)
		c.talking.Lock()
		settled = c.sender.Talker().Settled()
		c.talking.Unlock()
		select {
		case <-frames.C:
		case <-c.running.Done():
			return
		}
	}
}

// playback gives the Sink what is heard.
func (c *Call) playback() {
	sink := c.cfg.Sink
	block := make([]float32, playbackSamples)
	back := make(chan audio.Sink, 1) // what was broken and works again
	for c.running.Err() == nil {
		c.hearing.Lock()
		c.listener.Mix(c.now(), block)
		c.hearing.Unlock()
		if c.deaf.Load() {
			clear(block)
		}
		err := sink.Write(block)
		c.signs.wrote(c.now())
		if c.running.Err() != nil {
			return
		}
		if err != nil {
			c.sinkBroke(sink, err, back)
			sink = audio.PacedSink(audio.Discard())
		}
		select {
		case sink = <-back:
			c.signs.outputErr.Store(nil)
		default:
		}
	}
}

// sinkBroke says so and, if that can be, has it opened again.
func (c *Call) sinkBroke(sink audio.Sink, err error, back chan<- audio.Sink) {
	c.signs.outputErr.Store(&err)
	if c.cfg.ReopenSink != nil {
		c.loops.Go(func() { c.reviveSink(sink, back) })
		return
	}
	c.events.add(SinkFailed{err})
	sink.Close()
}

// readDatagrams takes what the relay sends.
func (c *Call) readDatagrams() {
	buf := make([]byte, 2048)
	for {
		l := c.link.get()
		d, again, err := l.receive(buf)
		now := c.now()
		if c.running.Err() != nil {
			return
		}
		if again || err != nil && l != c.link.get() {
			continue
		}
		if err != nil { // the network's word about an earlier datagram, such as a refused port
			select {
			case <-c.running.Done():
				return
			case <-time.After(playbackBlock):
				continue
			}
		}
		t, err := netproto.DatagramType(d)
		voice := err == nil && (t == netproto.TypeVoice || t == netproto.TypeBundle)
		c.hearing.Lock()
		c.listener.Arrived(now, len(d)+l.overhead())
		if voice {
			_ = c.listener.Handle(now, d) // counted there
		}
		next, due := c.listener.NextDeadline(now)
		c.hearing.Unlock()
		if due && int64(next) < c.wake.Load() {
			c.tendNow()
		}
		switch {
		case err != nil:
			l.drop(stream.DropMalformed)
		case voice:
			c.signs.voice.at(now)
		default:
			c.relaySays(now, l, t, d)
		}
	}
}

// relaySays takes a datagram from the relay itself.
func (c *Call) relaySays(now time.Duration, l *link, t netproto.Type, d []byte) {
	body, ok := l.open(d)
	if !ok {
		return
	}
	switch t {
	case netproto.TypeProbeAck:
		a, err := netproto.ParseProbeAck(body)
		if err != nil {
			l.drop(stream.DropMalformed)
			return
		}
		c.hearing.Lock()
		came := c.listener.Came()
		c.hearing.Unlock()
		c.probing.Lock()
		ours := c.probes.ack(now, a, came)
		if c.deaf.Load() {
			c.probes.down = passage{} // the relay need not send us what it counts
		}
		c.probing.Unlock()
		if ours {
			c.signs.word.at(now)
			c.measured()
		}
	case netproto.TypeReport:
		f, err := netproto.ParseFeedback(body)
		if err != nil {
			l.drop(stream.DropMalformed)
			return
		}
		c.signs.feedback(now, &f)
		c.talking.Lock()
		c.sender.Heard(now, f)
		c.talking.Unlock()
	case netproto.TypeNack:
		c.signs.word.at(now)
		c.resend(now, l, body)
	case netproto.TypeEnd:
		c.hearing.Lock()
		err := c.listener.Ends(now, body)
		next, due := c.listener.NextDeadline(now)
		c.hearing.Unlock()
		if err != nil {
			l.drop(stream.DropMalformed)
		}
		if due && int64(next) < c.wake.Load() { // the last of it is missing
			c.tendNow()
		}
	case netproto.TypeChallenge:
		c.signs.word.at(now)
		c.answerChallenge(now, l, body)
	}
}

func (c *Call) answerChallenge(now time.Duration, l *link, body []byte) {
	token, err := netproto.ParseChallenge(body)
	if err != nil {
		l.drop(stream.DropMalformed)
		return
	}
	c.sendControl(now, netproto.TypeChallengeReply, netproto.AppendChallenge(nil, token))
}

// resend answers a nack. A datagram of the last second stays intact for longer than it
// takes to send it (resendSlots), so no lock is held meanwhile.
func (c *Call) resend(now time.Duration, l *link, nack []byte) {
	var again [][]byte
	c.talking.Lock()
	err := c.sender.Nacked(now, nack, func(d []byte) { again = append(again, d) })
	c.talking.Unlock()
	if err != nil {
		l.drop(stream.DropMalformed)
	}
	for _, d := range again {
		l.send(d)
	}
}

// sendControl sends a body that is no voice, if there is one and the cap has room for it.
func (c *Call) sendControl(now time.Duration, t netproto.Type, body []byte) {
	if body != nil && c.allow(now, len(body)) {
		c.link.get().sendSealed(t, body)
	}
}

// allow tells whether the cap has room for a body that is no voice; then it counts as sent.
func (c *Call) allow(now time.Duration, body int) bool {
	c.talking.Lock()
	defer c.talking.Unlock()
	return c.sender.Allow(now, netproto.HeaderSize+body+netproto.TagSize)
}

// tend does what is due by the clock, whatever the microphone and the loudspeaker do.
func (c *Call) tend() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	talking := map[uint32]bool{}
	var peers []PeerStats
	var v vitals
	changes := 0
	for tick := c.now(); ; {
		select {
		case <-timer.C:
		case <-c.kick:
		case <-c.running.Done():
			return
		}
		now := c.now()
		next := c.repair(now)
		if now >= tick || c.stirred.Load() && now >= tick-tickEvery+stirEvery {
			tick = now + tickEvery
			c.probe(now)
			c.readRates(now)
			peers = c.tellTalking(now, talking, peers[:0])
			c.tellFaults(now, &v)
			c.tendPath(now)
			changes = c.tellAdapted(now, changes)
		}
		next = min(next, tick)
		c.wake.Store(int64(next))
		timer.Reset(next - c.now())
	}
}

// tendNow wakes tend.
func (c *Call) tendNow() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// repair asks for what is missing, reports, and lets the ladder act. It returns when to do so again.
func (c *Call) repair(now time.Duration) (next time.Duration) {
	c.hearing.Lock()
	nack, report := c.listener.Poll(now)
	next, ok := c.listener.NextDeadline(now)
	c.hearing.Unlock()
	c.sendControl(now, netproto.TypeNack, nack)
	c.sendControl(now, netproto.TypeReport, report)
	c.talking.Lock()
	c.sender.Poll(now)
	at, due := c.sender.NextDeadline()
	c.talking.Unlock()
	switch {
	case ok && due:
		next = min(next, at)
	case due:
		next = at
	case !ok:
		return now + time.Hour
	}
	return max(next, now+leastSleep)
}

// leastSleep bounds how often tend looks, whatever is due.
const leastSleep = time.Millisecond

// probe sends a probe if one is due.
func (c *Call) probe(now time.Duration) {
	c.talking.Lock()
	busy, stopped := max(c.sender.Spoke(), c.signs.voice.get()), c.sender.Stopped()
	c.talking.Unlock()
	c.probing.Lock()
	due := now >= c.probes.due(busy, stopped)
	c.probing.Unlock()
	if due {
		c.probeNow(now)
	}
}

func (c *Call) probeNow(now time.Duration) {
	if !c.allow(now, probeSize) {
		return // what the cap holds back does not count as unanswered
	}
	c.probing.Lock()
	p := c.probes.next(now, uint16(c.signs.sent.Load()))
	c.probing.Unlock()
	c.link.get().sendSealed(netproto.TypeProbe, netproto.AppendProbe(nil, p))
}

// measured tells everyone who needs it what the answer to a probe says of the path.
func (c *Call) measured() {
	c.probing.Lock()
	rtt, least := c.probes.rtt.Value(), c.probes.rtt.Least()
	c.probing.Unlock()
	c.talking.Lock()
	c.sender.Probed(rtt)
	c.talking.Unlock()
	if rtt > 0 {
		c.hearing.Lock()
		c.listener.SetPath(least)
		c.listener.SetRoundTrip(rtt)
		c.hearing.Unlock()
	}
}

// readRates reads the rates once a second.
func (c *Call) readRates(now time.Duration) {
	c.probing.Lock()
	defer c.probing.Unlock()
	if now-c.up.at >= time.Second-tickEvery/2 {
		c.up.read(now, c.link.get().sentBytes.Load())
		c.down.read(now, c.link.get().receivedBytes.Load())
	}
}

// tellTalking makes events of those who began or stopped to talk.
func (c *Call) tellTalking(now time.Duration, talking map[uint32]bool, peers []PeerStats) []PeerStats {
	c.hearing.Lock()
	peers = c.listener.Peers(now, peers)
	begun := c.roster.begun
	c.hearing.Unlock()
	if begun != c.toldOf {
		clear(talking) // who was there has left
		c.toldOf = begun
	}
	count := 0
	for i := range peers {
		p := &peers[i]
		if p.Talking {
			count++
		}
		if p.Talking == talking[p.Session] {
			continue
		}
		if p.Talking {
			talking[p.Session] = true
		} else {
			delete(talking, p.Session)
		}
		c.events.add(PeerTalking{p.Session, p.Name, p.Talking})
	}
	if len(talking) > count { // somebody left in mid-sentence
		maps.DeleteFunc(talking, func(session uint32, _ bool) bool {
			return !slices.ContainsFunc(peers, func(p PeerStats) bool { return p.Session == session })
		})
	}
	return peers
}

// tellAdapted makes an event when the ladder has decided anew, be it for the headers of the path.
func (c *Call) tellAdapted(now time.Duration, was int) int {
	overhead := c.link.get().overhead()
	c.talking.Lock()
	c.sender.SetOverhead(now, overhead)
	changes, decision := c.sender.ladder.Changes(), c.sender.Stats(now).Decision
	fixed := c.sender.cfg.Fixed
	c.talking.Unlock()
	if changes != was && !fixed && c.cfg.Source != nil {
		c.events.add(Adapted{decision})
	}
	return changes
}
