package main

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/internal/udpproxy"
)

// path is one person's way to the relay.
type path struct {
	proxy *udpproxy.Proxy
	owner int
	delay time.Duration // one way

	mu   sync.Mutex // guards what follows
	rng  *rand.Rand
	lost [2]float64 // part of the datagrams, up and down
	told time.Time  // when TCP knows of all moves
}

func newPath(owner int, relay string, rng *rand.Rand) (*path, error) {
	p := &path{owner: owner, delay: time.Duration(2+rng.IntN(40)) * time.Millisecond, rng: rng}
	var err error
	p.proxy, err = udpproxy.Start(udpproxy.Config{Target: relay, Network: func(uint64) (up, down netsim.Link) {
		return lane{p, 0}, lane{p, 1}
	}})
	if err != nil {
		return nil, err
	}
	p.move(0)
	return p, nil
}

// move takes another address. told is when TCP finds out.
func (p *path) move(told time.Duration) {
	p.mu.Lock()
	last := byte(1 + p.rng.IntN(254))
	p.told = later(p.told, time.Now().Add(told))
	p.mu.Unlock()
	from := netip.AddrFrom4([4]byte{127, 1, byte(p.owner), last})
	if runtime.GOOS != "linux" { // which alone has all of 127.0.0.0/8 on its loopback
		from = netip.Addr{}
	}
	p.proxy.Move(from, told)
}

// settles is when TCP knows of all moves.
func (p *path) settles() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// lose sets which part of the datagrams is lost.
func (p *path) lose(up, down float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = [2]float64{up, down}
}

// cut lets nothing through, or all again.
func (p *path) cut(off bool) {
	part := 0.0
	if off {
		part = 1
	}
	p.lose(part, part)
	p.proxy.Hold(off)
}

// lane is one direction of a path, as long as any flow of it lasts.
type lane struct {
	*path
	way int
}

// Send implements netsim.Link.
func (l lane) Send(now time.Duration, _ int) netsim.Fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rng.Float64() < l.lost[l.way] {
		return netsim.Lost
	}
	return netsim.Arrive(now + l.delay)
}
