package swarm

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// stayTime is how long a visitor stays, and visitTime what a visit takes with coming and going.
const (
	stayTime  = 2 * time.Second
	visitTime = 3 * time.Second
)

// visitors is how many may be there at a time.
func visitors(cfg Config) int { return cfg.Churn * int(visitTime/time.Second) }

// unrest is what goes on beside the talking.
type unrest struct {
	*swarm
	Unrest
	mu sync.Mutex // of Unrest
	wg sync.WaitGroup
}

// stir begins the unrest. What it returns ends it, when the talk is over, and says what
// there was of it.
func (s *swarm) stir(t *talk) (calm func() *Unrest) {
	if s.cfg.Churn+s.cfg.Roam+s.cfg.Noise == 0 {
		return func() *Unrest { return nil }
	}
	u := &unrest{swarm: s, Unrest: Unrest{Failed: map[string]int{}}}
	ctx, cancel := context.WithCancel(context.Background())
	for v := range visitors(s.cfg) {
		u.wg.Go(func() { u.visit(ctx, v) })
	}
	if s.cfg.Roam > 0 {
		u.wg.Go(func() { u.roam(ctx) })
	}
	if s.cfg.Noise > 0 {
		u.wg.Go(func() { u.noise(ctx, t) })
	}
	return func() *Unrest {
		cancel()
		u.wg.Wait()
		return &u.Unrest
	}
}

// every does something again and again until ctx ends.
func every(ctx context.Context, first, period time.Duration, do func(k int)) {
	start := time.Now().Add(first)
	for k := 0; ; k++ {
		pause(ctx, time.Until(start.Add(time.Duration(k)*period)))
		if ctx.Err() != nil {
			return
		}
		do(k)
	}
}

// visit is a goroutine: the visitor v comes and goes and comes again. Who goes without a word keeps the socket until the
// next visit is over: the relay holds the session for a while and sends there, and whoever got the port meanwhile would
// hear what is not for it.
func (u *unrest) visit(ctx context.Context, v int) {
	i := u.cfg.Clients + v // also its room
	var kept socket
	letGo := func() {
		if kept != nil {
			kept.close()
		}
		kept = nil
	}
	defer letGo()
	every(ctx, time.Duration(v)*time.Second/time.Duration(u.cfg.Churn), visitTime, func(k int) {
		if k%8 == 7 { // just to see who is there
			if c, err := net.DialTimeout("tcp", u.dialer.address, joinTimeout); err == nil {
				_ = c.Close()
			}
			return
		}
		err := u.join(context.Background(), i)
		if err != nil {
			u.mu.Lock()
			u.Failed[reason(err)]++
			u.mu.Unlock()
			return
		}
		pause(ctx, stayTime)
		c := u.clients[i].Load()
		letGo()
		kept = u.readers.release(i)
		if k%4 < 2 || u.cfg.Tunnel > 0 {
			letGo()
		}
		tcp := c.control.tcp.Conn.(*net.TCPConn)
		switch k % 4 {
		case 0, 1:
			c.control.leave()
		case 2: // without a word
			_ = tcp.Close()
		case 3: // with a reset
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}
		u.mu.Lock()
		u.Visits++
		u.Astray += c.wrong
		if why := c.lost.Load(); why != nil {
			u.Failed[*why]++
		}
		u.mu.Unlock()
	})
}

// roam is a goroutine: one client after the other, talkers too, changes its address.
func (u *unrest) roam(ctx context.Context) {
	every(ctx, 0, time.Second/time.Duration(u.cfg.Roam), func(k int) {
		i := k % u.cfg.Clients
		c := u.clients[i].Load()
		if c == nil {
			return
		}
		s, err := openSocket(u.relay, netip.Addr{}, c.latency != nil)
		switch {
		case err != nil:
			u.mu.Lock()
			u.Failed[reason(err)]++
			u.mu.Unlock()
		case u.readers.move(i, s):
			u.Moves++ // nobody else's
		}
	})
}
