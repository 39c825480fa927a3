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
)

const (
	// playbackBlock is how much sound is mixed at a time.
	playbackBlock = 10 * time.Millisecond
	// tickEvery is how often the timer looks at what is due.
	tickEvery = 100 * time.Millisecond
)

// capture sends what the Source gives. At its end the others are told that it is silence.
func (c *Call) capture() {
	pcm := make([]float32, FrameSize)
	for {
		_, err := c.source.Read(pcm)
		if c.running.Err() != nil {
			return
		}
		if err != nil {
			c.source.Close()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			c.events.add(SourceEnded{err})
			c.fallSilent(pcm)
			return
		}
		c.speak(pcm)
	}
}

func (c *Call) speak(pcm []float32) {
	c.talking.Lock()
	d, err := c.talker.Frame(pcm)
	level := c.talker.lastLevel
	c.talking.Unlock()
	c.level.Store(uint32(level))
	if err == nil && d != nil { // a frame that cannot be coded is one that was lost
		c.link.send(d)
	}
}

// fallSilent sends the end of the talkspurt and the copies that are still due.
func (c *Call) fallSilent(pcm []float32) {
	frames := time.NewTicker(netproto.FrameDuration)
	defer frames.Stop()
	for settled := false; !settled; {
		c.talking.Lock()
		c.talker.SetMuted(true)
		c.talking.Unlock()
		c.speak(pcm)
		c.talking.Lock()
		settled = c.talker.Settled()
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
	sink := c.sink
	block := make([]float32, codec.SampleRate*int(playbackBlock/time.Millisecond)/1000)
	for c.running.Err() == nil {
		c.hearing.Lock()
		c.listener.Mix(c.now(), block)
		c.hearing.Unlock()
		if c.deaf.Load() {
			clear(block)
		}
		err := sink.Write(block)
		if err == nil || c.running.Err() != nil {
			continue
		}
		c.events.add(SinkFailed{err})
		sink.Close()
		sink = audio.PacedSink(audio.Discard())
	}
}

// readDatagrams takes what the relay sends.
func (c *Call) readDatagrams() {
	buf := make([]byte, 2048)
	for {
		d, err := c.link.receive(buf)
		now := c.now()
		if c.running.Err() != nil {
			return
		}
		if err != nil { // the network's word about an earlier datagram, such as a refused port
			select {
			case <-c.running.Done():
				return
			case <-time.After(playbackBlock):
				continue
			}
		}
		switch t, err := netproto.DatagramType(d); {
		case err != nil:
			c.link.drop(DropMalformed)
		case t == netproto.TypeVoice || t == netproto.TypeBundle:
			c.hearing.Lock()
			_ = c.listener.Handle(now, d) // counted there
			c.hearing.Unlock()
		default:
			c.relaySays(now, t, d)
		}
	}
}

// relaySays takes a datagram from the relay itself.
func (c *Call) relaySays(now time.Duration, t netproto.Type, d []byte) {
	body, ok := c.link.open(d)
	if !ok {
		return
	}
	switch t {
	case netproto.TypeProbeAck:
		a, err := netproto.ParseProbeAck(body)
		if err != nil {
			c.link.drop(DropMalformed)
			return
		}
		c.probing.Lock()
		defer c.probing.Unlock()
		c.probes.ack(now, a)
	case netproto.TypeChallenge:
		token, err := netproto.ParseChallenge(body)
		if err != nil {
			c.link.drop(DropMalformed)
			return
		}
		c.link.sendSealed(netproto.TypeChallengeReply, netproto.AppendChallenge(nil, token))
	}
}

// readControl takes the relay's packages until it ends the call.
func (c *Call) readControl() {
	for {
		p, err := c.control.next()
		if err != nil {
			c.stop(gone(err))
			return
		}
		if err := ending(p); err != nil {
			c.stop(err)
			return
		}
		switch p := p.(type) {
		case netproto.SendNewUsers:
			c.setUsers(p)
		case netproto.Session:
			if p.Session == c.session {
				c.setKeys(p)
			}
		case netproto.UnknownError:
			c.events.add(RelayComplained{p.Reason})
		}
	}
}

// tick does what is due by the clock.
func (c *Call) tick() {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	talking := map[uint32]bool{}
	var peers []PeerStats
	alive := false
	for {
		now := c.now()
		c.probe(now)
		peers = c.tellTalking(now, talking, peers[:0])
		alive = c.tellPath(now, alive)
		select {
		case <-ticker.C:
		case <-c.running.Done():
			return
		}
	}
}

// probe sends a probe if one is due, and reads the rates with every one.
func (c *Call) probe(now time.Duration) {
	c.probing.Lock()
	if now < c.probes.due() {
		c.probing.Unlock()
		return
	}
	p := c.probes.next(now)
	if now-c.up.at >= probeEvery-tickEvery {
		c.up.read(now, c.link.sentBytes.Load())
		c.down.read(now, c.link.receivedBytes.Load())
	}
	path := c.probes.least
	c.probing.Unlock()
	c.link.sendSealed(netproto.TypeProbe, netproto.AppendProbe(nil, p))
	if path > 0 {
		c.hearing.Lock()
		c.listener.SetPathDelay(path)
		c.hearing.Unlock()
	}
	if c.deaf.Load() {
		c.reportDeaf()
	} else if c.undeafReports.Load() > 0 {
		c.undeafReports.Add(-1)
		c.reportDeaf()
	}
}

// undeafReports is how often the relay is told that we listen again.
const undeafReports = 5

// reportDeaf tells the relay whether we listen. A report may get lost, so it is repeated with
// the probes: while we do not listen, and some times when we do again.
func (c *Call) reportDeaf() {
	body, err := netproto.AppendReport(nil, &netproto.Report{Deaf: c.deaf.Load()})
	if err == nil {
		c.link.sendSealed(netproto.TypeReport, body)
	}
}

// tellTalking makes events of those who began or stopped to talk.
func (c *Call) tellTalking(now time.Duration, talking map[uint32]bool, peers []PeerStats) []PeerStats {
	c.hearing.Lock()
	peers = c.listener.Peers(now, peers)
	c.hearing.Unlock()
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

// tellPath makes an event when the voice path breaks or works.
func (c *Call) tellPath(now time.Duration, was bool) bool {
	c.probing.Lock()
	alive, rtt := c.probes.alive(now), c.probes.rtt
	c.probing.Unlock()
	if alive != was {
		c.events.add(VoicePath{Up: alive, RTT: rtt})
	}
	return alive
}
