package swarm

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

// A measured client learns the kernel's time of arrival, also when its reader
// has just read for one that is not measured.
func TestTimeOfArrival(t *testing.T) {
	relay, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	who := newTalker(1)
	room := new(room)
	room.talkers.Store(&[]*talker{who})
	clients := []*client{{room: room}, {room: room, reading: reading{latency: new(histogram)}}}
	for _, c := range clients {
		addr := relay.LocalAddr().(*net.UDPAddr).AddrPort()
		if c.socket, err = openSocket(addr, netip.Addr{}, c.latency != nil); err != nil {
			t.Fatal(err)
		}
		defer c.socket.close()
	}
	w, r := newWriter(60), newReader(nil, -1)
	const rounds = 3 * batchSize
	for range rounds {
		d := w.write(who, time.Now())
		for _, c := range clients {
			to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.socket.port()}
			if _, err := relay.WriteToUDP(d[:len(d)-netproto.HopTagSize], to); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 { // the second finds nothing
		for _, c := range clients {
			r.receive(c)
		}
	}
	for i, c := range clients {
		if c.voice.Load() != rounds || c.wrong != 0 || c.socket.dropped() != 0 {
			t.Errorf("client %d has %d datagrams, %d wrong, %d dropped", i, c.voice.Load(), c.wrong, c.socket.dropped())
		}
	}
	if n := clients[1].latency.n; n != rounds {
		t.Errorf("%d of %d have a time of arrival", n, rounds)
	}
}

// What comes in costs no allocation.
func TestReceivingAllocatesNothing(t *testing.T) {
	who := newTalker(1)
	room := new(room)
	room.talkers.Store(&[]*talker{who})
	c := &client{room: room, reading: reading{latency: new(histogram)}}
	w := newWriter(60)
	if n := testing.AllocsPerRun(1000, func() {
		d := w.write(who, time.Now())
		c.datagram(d[:len(d)-netproto.HopTagSize], 1)
	}); n != 0 {
		t.Errorf("%v allocations per datagram", n)
	}
	if c.voice.Load() == 0 || c.wrong != 0 {
		t.Errorf("%d datagrams, %d wrong", c.voice.Load(), c.wrong)
	}
}
