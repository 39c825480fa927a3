package swarm

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// noiseSockets is from how many addresses noise comes. To a relay on loopback they are
	// IP addresses too, as there a whole /8 is ours: the clients' own must not be the only one.
	noiseSockets = 16
	noiseTick    = time.Millisecond
	// noiseDebt is how much of the noise is made up for when this goroutine was late.
	noiseDebt = 20 * time.Millisecond
)

// noise is a goroutine that sends what no relay should take:
//
//	rubbish      random bytes
//	cut          the beginning of a talker's datagram
//	version      one of another version
//	unknown      one of a session that is not there
//	forged       one of a member's session without its key, voice or probe
//	spoofed      the same from the member's own address
//	repeated     a talker's datagram once more, as it was
func (u *unrest) noise(ctx context.Context, t *talk) {
	sockets := u.noiseSockets()
	defer func() {
		for _, s := range sockets {
			u.Answered += s.unread() // nobody else's, as Noise
			s.close()
		}
	}()
	var members []*client
	for i := range u.cfg.Clients {
		if c := u.clients[i].Load(); c != nil {
			members = append(members, c)
		}
	}
	if len(sockets) == 0 || len(members) == 0 {
		return
	}
	start := time.Now()
	n := noisemaker{rng: rand.New(rand.NewPCG(3, 4))}
	skipped := 0
	for k := 0; ctx.Err() == nil; {
		owed := int(time.Since(start).Seconds()*float64(u.cfg.Noise)) - k - skipped
		if most := int(noiseDebt.Seconds() * float64(u.cfg.Noise)); owed > most {
			skipped += owed - most
			owed = most
		}
		for range owed {
			c := members[k%len(members)]
			d, own := n.next(k, c.session, &t.captured)
			send := sockets[k%len(sockets)].send
			if own {
				send = c.send
			}
			if send(d) == nil {
				u.Noise++
			}
			k++
		}
		time.Sleep(noiseTick)
	}
}

// noiseSockets opens as many as it can.
func (u *unrest) noiseSockets() (sockets []socket) {
	for i := range noiseSockets {
		from := netip.Addr{}
		if a := u.relay.Addr(); a.Is4() && a.IsLoopback() {
			from = netip.AddrFrom4([4]byte{127, 0, 66, byte(1 + i)})
		}
		s, err := openSocket(u.relay, from, false)
		if err != nil && from.IsValid() { // not every system has more than 127.0.0.1
			s, err = openSocket(u.relay, netip.Addr{}, false)
		}
		if err == nil {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// noisemaker makes noise, without a socket or a clock.
type noisemaker struct {
	rng *rand.Rand
	buf [netproto.MaxDatagram]byte
}

// noiseKinds is after how many datagrams each kind has come once.
const noiseKinds = 8

// next makes datagram k, about the session of a member or from what was captured. own:
// to be sent from the member's address. The datagram is valid until the next call.
func (n *noisemaker) next(k int, session uint32, from *captured) (d []byte, own bool) {
	random := func(size int) []byte {
		d := n.buf[:size]
		for i := 0; i < size; i += 8 { // the buffer is longer
			binary.LittleEndian.PutUint64(n.buf[i:], n.rng.Uint64())
		}
		return d
	}
	forged := func(t netproto.Type) []byte {
		d := random(60 + n.rng.IntN(60))
		copy(d, netproto.AppendHeader(nil, netproto.Header{Type: t, Session: session, Seq: n.rng.Uint32()}))
		return d
	}
	taken := func() []byte { return from.copy(n.buf[:0], n.rng.Uint32()) }
	// The kinds change places from round to round, so that each meets every member.
	switch (k + k/noiseKinds) % noiseKinds {
	case 0:
		return random(n.rng.IntN(200)), false
	case 1:
		if d = taken(); len(d) > 0 {
			d = d[:n.rng.IntN(len(d))]
		}
		return d, false
	case 2:
		if d = taken(); len(d) > 0 {
			d[0] ^= 0x80 // the version is the highest two bits
		}
		return d, false
	case 3:
		d = forged(netproto.TypeVoice)
		binary.BigEndian.PutUint32(d[1:], 1<<31|n.rng.Uint32())
		return d, false
	case 4:
		return forged(netproto.TypeVoice), false
	case 5:
		return forged(netproto.TypeProbe), false
	case 6:
		return forged(netproto.TypeVoice), true
	default:
		return taken(), false
	}
}

// captured is some of the datagrams that talkers have sent of late, as somebody on the
// way would have them.
type captured struct {
	mu   sync.Mutex
	ring [16][]byte
	next int
}

// captureEvery is how many of a talker's datagrams go by for each that is captured.
const captureEvery = 8

// offer keeps a copy of some of the datagrams.
func (c *captured) offer(seq uint32, d []byte) {
	if seq%captureEvery != 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring[c.next] = append(c.ring[c.next][:0], d...)
	c.next = (c.next + 1) % len(c.ring)
}

// copy appends one of them to dst; nothing while there is none.
func (c *captured) copy(dst []byte, which uint32) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(dst, c.ring[which%uint32(len(c.ring))]...)
}
