package lab

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/estimate"
	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// listenerProbes is how often one probes that only listens.
const listenerProbes = time.Second

// member is one end's session with the relay: its address, its links, and the probes that keep
// it there and measure the way.
type member struct {
	rooms.Membership
	name     string
	sender   *engine.Sender   // nil: only listens
	listener *engine.Listener // a talker's tells the relay its round trip
	addr     netip.AddrPort
	up, down netsim.Pipe
	toRelay  *netproto.Sealer
	toMember *netproto.Sealer
	seq      [netproto.Types]uint32

	ready     bool     // the address is proven
	inbox     [][]byte // before that, what the relay sent
	nextProbe time.Duration
	tended    time.Duration // when repair was looked after last
	rtt       estimate.RoundTrip
}

func newMember(m rooms.Membership, name string, addr netip.AddrPort, links [2]netsim.Link, l *engine.Listener) *member {
	return &member{
		Membership: m, name: name, listener: l, addr: addr,
		up: netsim.Pipe{Link: links[0]}, down: netsim.Pipe{Link: links[1]},
		toRelay: netproto.NewSealer(m.HopKey.Up()), toMember: netproto.NewSealer(m.HopKey.Down()),
	}
}

func (m *member) seal(t netproto.Type, body []byte) []byte {
	m.seq[t]++
	return m.toRelay.Seal(nil, netproto.Header{Type: t, Session: m.Session, Seq: m.seq[t]}, body)
}

// nextProbeBody returns the body of the probe that is due.
func (m *member) nextProbeBody(now time.Duration) []byte {
	m.nextProbe = now + listenerProbes
	if m.sender != nil {
		m.nextProbe = now + m.sender.ProbeEvery()
	}
	return netproto.AppendProbe(nil, netproto.Probe{Time: uint32(now.Microseconds())})
}

// open returns the body of what the relay sent, but for voice.
func (m *member) open(d []byte) (t netproto.Type, body []byte, ok bool) {
	body, err := m.toMember.Open(nil, d)
	if err != nil {
		return 0, nil, false
	}
	t, err = netproto.DatagramType(d)
	return t, body, err == nil
}

// probed takes the answer to a probe and reports whether it says something.
func (m *member) probed(now time.Duration, body []byte) bool {
	ack, err := netproto.ParseProbeAck(body)
	if err != nil || !m.ready {
		return false
	}
	m.rtt.Add(time.Duration(uint32(now.Microseconds())-ack.Echo) * time.Microsecond)
	return true
}

// shortest is the least time between two looks at what is due, as real ends have it.
const shortest = time.Millisecond

// tendAt is when nacks, reports and the ladder are to be looked after next.
func (m *member) tendAt(now time.Duration) time.Duration {
	next := now + time.Hour
	if at, ok := m.listener.NextDeadline(); ok {
		next = at
	}
	if m.sender != nil {
		if at, ok := m.sender.NextDeadline(); ok {
			next = min(next, at)
		}
	}
	return max(next, m.tended+shortest)
}
