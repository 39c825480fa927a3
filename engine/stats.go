package engine

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// Stats is a call at one moment.
type Stats struct {
	Time         time.Duration // since the call began
	Sealed       bool          // for those who share Config.Passphrase; if not, the relay can listen
	Muted, Deaf  bool
	Recording    bool  // Call.SetRecording
	Announced    bool  // the relay has told the room so
	Level        uint8 // of our own speech now, in -dBov: 0 loudest, 127 silent or muted
	EventsMissed uint64
	Link         LinkStats
	Sending      SenderStats // how the ladder sends, and why
	Peers        []PeerStats // in the order in which they came
	// Faults are those in force and up to 64 that are over, in the order in which they first began.
	Faults []FaultStats

	Reconnects   int           // how often the control connection was lost and came back
	Away         time.Duration // how long it was lost, in all
	Reconnecting string        // why it is lost now, "" if it is not
	// Machine is when this program got no time, and Output when the Sink stood still: by 100 ms and more.
	Machine, Output Pauses
	// Dry is when the Sink played silence as it was given nothing in time, and Spilt when nobody read in time what the
	// Source gave, by the devices' own account (audio.Missed), however short.
	Dry, Spilt Pauses
	// Gaps are the times of half a second and more in which no voice could flow, by their cause.
	Gaps [gapCauses]Gap
}

// LinkStats is the path to the relay. Bytes and rates are of all paths, and count their headers; rates are
// of the last second.
type LinkStats struct {
	Relay       netip.AddrPort // its UDP address
	Path        PathKind       // that carries voice; PathAlso: it alone does, as the first one is dead
	Second      string         // the interface or address of the second path in use, "" without one
	Fingerprint string         // of its certificate, "" without TLS
	Trust       Trust          // why it is taken for the relay
	Alive       bool           // probes come back
	RTT         time.Duration  // smoothed; 0 before the first answer
	LeastRTT    time.Duration
	ProbeLoss   float64 // part of the last 32 probes that were not answered, 0 to 1

	UpKbps, DownKbps         wire.Kbps
	Sent, Received           uint64 // datagrams
	SentBytes, ReceivedBytes uint64
	SendFailures             uint64 // datagrams that the system did not take
	Stale                    uint64 // datagrams, counted as sent, that waited too long for the tunnel and were dropped
	Drops                    stream.DropCounts
}

// Stats returns the figures of now. It allocates only the lists.
func (c *Call) Stats() Stats {
	now := c.now()
	s := Stats{
		Time:         now,
		Sealed:       c.cfg.Passphrase != "",
		Muted:        c.muted.Load(),
		Deaf:         c.deaf.Load(),
		Recording:    c.records(),
		Level:        uint8(c.level.Load()),
		EventsMissed: c.events.lost(),
		Link:         c.linkStats(now),
	}
	c.talking.Lock()
	s.Sending = c.sender.Stats(now)
	c.talking.Unlock()
	c.hearing.Lock()
	s.Peers = c.listener.Peers(now, make([]PeerStats, 0, len(c.listener.order)))
	for i := range s.Peers {
		session := s.Peers[i].Session
		s.Peers[i].Foreign, s.Peers[i].Identity = c.roster.foreign[session], c.roster.claims[session].is
		s.Peers[i].Recording = c.roster.recorders[session]
	}
	s.Announced = c.roster.recorders[c.Session()]
	for i, n := range c.listener.Drops() {
		s.Link.Drops[i] += n
	}
	c.hearing.Unlock()
	c.watching.Lock()
	s.Faults = c.monitor.stats(now, nil)
	c.watching.Unlock()
	c.probing.Lock()
	s.Gaps = c.gaps.stats(now)
	c.probing.Unlock()
	c.pausing.Lock()
	s.Machine, s.Output, s.Dry, s.Spilt = c.machine, c.output, c.dry.Pauses, c.spilt.Pauses
	c.pausing.Unlock()
	c.returning.Lock()
	s.Reconnects, s.Away, s.Reconnecting = c.comeback.stats(now)
	c.returning.Unlock()
	for i := range s.Peers {
		s.Peers[i].MouthToEar = c.mouthToEar(s.Peers[i].Delay, s.Link.RTT)
	}
	return s
}

func (c *Call) linkStats(now time.Duration) LinkStats {
	l, p := c.link.Load(), c.inUse()
	s := LinkStats{
		Relay:         l.to.Load().AddrPort,
		Fingerprint:   c.control.get().relay.fingerprint,
		Trust:         c.control.get().trust,
		Sent:          l.sent.Load(),
		Received:      l.received.Load(),
		SentBytes:     l.sentBytes.Load(),
		ReceivedBytes: l.receivedBytes.Load(),
		SendFailures:  l.failed.Load(),
		Stale:         l.stale.Load(),
	}
	for i := range l.drops {
		s.Drops[i] = l.drops[i].Load()
	}
	c.probing.Lock()
	defer c.probing.Unlock()
	s.Path, s.Second = c.ways.Load().told(), c.second.name
	s.Alive, s.RTT, s.LeastRTT, s.ProbeLoss = p.probes.alive(now), p.probes.rtt.Value(), p.probes.rtt.Least(), p.probes.loss(now)
	s.UpKbps, s.DownKbps = c.up.rate, c.down.rate
	return s
}

func (c *Call) roundTrip() time.Duration {
	c.probing.Lock()
	defer c.probing.Unlock()
	return c.inUse().probes.rtt.Value()
}

// mouthToEar estimates the time from a talker's mouth to our ear:
//
//	microphone    taken to be as slow as ours, where we have one: only the talker knows it
//	20 ms         a frame fills up before it can be coded
//	6.5 ms        codec look-ahead (codec.Lookahead)
//	RTT/2         relay to us, half of our own round trip
//	RTT/2         talker to relay, taken to be as long as ours
//	buffer delay  what the jitter buffer adds to the fastest datagrams
//	10 ms         a playback block
//	loudspeaker   as it says of itself (audio.Latency); files add nothing
//
// What a stride above 1 adds is not in it.
func (c *Call) mouthToEar(buffered, rtt time.Duration) time.Duration {
	const lookahead = codec.Lookahead * time.Second / codec.SampleRate
	return c.source.latency() + netproto.FrameDuration + lookahead + rtt + buffered + playbackBlock + c.sink.latency()
}

// meter turns a byte count into a rate.
type meter struct {
	at    time.Duration
	bytes uint64
	rate  wire.Kbps
}

// read takes the count at now, about once a second.
func (m *meter) read(now time.Duration, bytes uint64) {
	if d := now - m.at; d > 0 {
		m.rate = wire.KbpsOf(bytes-m.bytes, d)
	}
	m.at, m.bytes = now, bytes
}
