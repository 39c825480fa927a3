package lab

import (
	"net/netip"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/relay"
)

// probeInterval is that of a real client.
const probeInterval = time.Second

// member is one end's session with the relay: its address, its links, and the probes that keep
// it there and measure the way.
type member struct {
	relay.Membership
	addr     netip.AddrPort
	up, down netsim.Pipe
	toRelay  *netproto.Sealer
	toMember *netproto.Sealer
	seq      [netproto.TypeChallengeReply + 1]uint32

	ready     bool     // the address is proven
	inbox     [][]byte // before that, what the relay sent
	nextProbe time.Duration
	least     time.Duration // round trip; 0: not known
}

func newMember(m relay.Membership, addr netip.AddrPort, links [2]netsim.Link) *member {
	return &member{
		Membership: m, addr: addr,
		up: netsim.Pipe{Link: links[0]}, down: netsim.Pipe{Link: links[1]},
		toRelay: netproto.NewSealer(m.HopKey.Up()), toMember: netproto.NewSealer(m.HopKey.Down()),
	}
}

func (m *member) seal(t netproto.Type, body []byte) []byte {
	m.seq[t]++
	return m.toRelay.Seal(nil, netproto.Header{Type: t, Session: m.Session, Seq: m.seq[t]}, body)
}

// probe returns the probe that is due.
func (m *member) probe(now time.Duration) []byte {
	m.nextProbe = now + probeInterval
	return m.seal(netproto.TypeProbe, netproto.AppendProbe(nil, netproto.Probe{Time: uint64(now.Microseconds())}))
}

// take handles what the relay sent but for voice, and returns the answer if it wants one.
func (m *member) take(now time.Duration, d []byte) (reply []byte) {
	body, err := m.toMember.Open(nil, d)
	if err != nil {
		return nil
	}
	switch t, _ := netproto.DatagramType(d); t {
	case netproto.TypeChallenge:
		return m.seal(netproto.TypeChallengeReply, body)
	case netproto.TypeProbeAck:
		if ack, err := netproto.ParseProbeAck(body); err == nil && m.ready {
			rtt := now - time.Duration(ack.Echo)*time.Microsecond
			if m.least == 0 || rtt < m.least {
				m.least = rtt
			}
		}
	}
	return nil
}
