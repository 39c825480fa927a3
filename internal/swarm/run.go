package swarm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tincan-voice/tincan/internal/address"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	// joiners is how many clients may be in the middle of joining or leaving.
	joiners = 256
	// pathWait is how long the last clients may take to get their voice path:
	// ten probes at the usual rate.
	pathWait = 10 * time.Second
	// settleTime lets the relay send its last user lists before anything is measured.
	settleTime = 1500 * time.Millisecond
	// When the talkers have fallen silent, what is still under way is waited for:
	// until nothing has come for drainPause, or drainTime is over.
	drainPause = 2 * time.Second
	drainTime  = 10 * time.Second
	// sampleSize is about how many listeners open what they get.
	sampleSize = 100
)

// swarm is one run.
type swarm struct {
	cfg     Config
	dialer  *dialer
	relay   netip.AddrPort // its voice; known after the first join
	rooms   []*room
	clients []atomic.Pointer[client] // Config.Clients who stay, and then those who come and go
	readers *readers
	pacer   *pacer

	mu     sync.Mutex
	failed map[string]int // why clients could not join
}

// usage is what a process has used so far.
type usage struct {
	cpu    time.Duration
	memory uint64 // resident, bytes
}

// Run joins the clients, lets them talk, makes them leave, and reports. It
// fails when the Config makes no sense (ErrConfig), the first client cannot
// join, or ctx ends before all have joined; when ctx ends later, the talking
// ends early. Those who cannot join later are in the Report.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	places := cfg.Clients + visitors(cfg)
	if err := allowFiles(2*places + min(cfg.Roam, 1)*cfg.Clients + 64); err != nil {
		return nil, err
	}
	relay, err := address.Parse(cfg.Address)
	if err != nil {
		return nil, err
	}
	s := &swarm{
		cfg: cfg, dialer: newDialer(relay.String(), cfg.Plaintext),
		clients: make([]atomic.Pointer[client], places), failed: map[string]int{},
	}
	for _, also := range cfg.Also {
		a, err := address.Parse(also)
		if err != nil {
			return nil, err
		}
		s.dialer.also = append(s.dialer.also, a.String())
	}
	run := rand.Uint32() // so that two swarms do not meet in a room
	for i := range cfg.Rooms {
		s.rooms = append(s.rooms, &room{name: fmt.Sprintf("swarm %08x %d", run, i)})
	}
	if s.pacer, err = newPacer(cfg, s.clients); err != nil {
		return nil, err
	}
	if s.readers, err = newReaders(s.clients, max(1, runtime.GOMAXPROCS(0)/2)); err != nil {
		s.pacer.alarm.close()
		return nil, err
	}
	var wg sync.WaitGroup
	wg.Go(s.pacer.run)
	report, err := s.measure(ctx)
	s.pacer.stop.Store(true)
	wg.Wait()
	s.readers.stop()
	if report != nil {
		s.count(report)
	}
	s.leaveAll()
	return report, err
}

// measure is the run from the first join to the last datagram of voice.
func (s *swarm) measure(ctx context.Context) (*Report, error) {
	cfg := s.cfg
	r := &Report{
		Clients: cfg.Clients, Rooms: cfg.Rooms, Talkers: cfg.Talkers, FrameBytes: cfg.Size,
		Failed: s.failed, Disconnected: map[string]int{},
	}
	cfg.Progress(fmt.Sprintf("%d clients join %s, %d per second", cfg.Clients, s.dialer.address, cfg.Rate))
	begin := time.Now()
	if err := s.joinAll(ctx); err != nil {
		return nil, err
	}
	r.JoinSeconds = time.Since(begin).Seconds()
	r.Relay, r.Fingerprint = s.relay.String(), s.dialer.fingerprint()
	s.awaitPaths(ctx)
	pause(ctx, settleTime)

	var talkers []*client
	for i := range s.clients {
		if c := s.clients[i].Load(); c != nil && c.talker != nil {
			talkers = append(talkers, c)
		}
	}
	s.introduce(talkers)
	cfg.Progress(fmt.Sprintf("%d talkers for %v", len(talkers), cfg.For))

	pids := s.listeners()
	relayBefore, relayErr := usageOfAll(pids)
	overflowsBefore, backlogBefore := s.overflows(), backlogDrops()
	ownBefore, _ := usageOf(ownPID) // if it is not known here, it is not known later
	hostBefore, from := hostUsage(), time.Now()
	talk := s.pacer.begin(talkers)
	calm := s.stir(talk)
	pause(ctx, cfg.For)
	talk.end()
	r.Seconds = time.Since(from).Seconds()
	r.Unrest = calm()
	r.SendLate = newQuantiles(&talk.late)
	s.expect(r)
	last := s.drain(r.Expected) // belongs to it: a relay that lags works on
	window := time.Since(from)
	r.delivering = last.Sub(from)
	r.Backlog = backlogDrops() - backlogBefore
	r.Cores = runtime.NumCPU()
	r.Busy = 100 * float64(hostUsage()-hostBefore) / float64(window) / float64(r.Cores)
	ownAfter, _ := usageOf(ownPID)
	r.Swarm = newProcess(ownBefore, ownAfter, window)
	if relayAfter, err := usageOfAll(pids); err == nil && relayErr == nil && !slices.Contains(pids, ownPID) {
		p := newProcess(relayBefore, relayAfter, window)
		p.PID = pids[0]
		r.Unread = s.overflows() - overflowsBefore
		r.RelayProcess = &p
	}
	return r, nil
}

// relays are where the voice of all relays goes, as far as they are given as addresses.
func (s *swarm) relays() []netip.AddrPort {
	all := append(make([]netip.AddrPort, 0, 1+len(s.dialer.also)), s.relay)
	for _, also := range s.dialer.also {
		a, _ := netip.ParseAddrPort(also) // a name is nobody's address
		all = append(all, a)
	}
	return all
}

// listeners are the relays' processes; nil if any is not known. Relays on one host need ports of their own for that.
func (s *swarm) listeners() (pids []int) {
	for _, a := range s.relays() {
		pid := listenerOf(a)
		if pid == 0 || slices.Contains(pids, pid) {
			return nil
		}
		pids = append(pids, pid)
	}
	return pids
}

// overflows is how many datagrams the relays' sockets had no room for, as far as they are on this host.
func (s *swarm) overflows() (sum uint64) {
	for _, a := range s.relays() {
		sum += overflowsOf(a)
	}
	return sum
}

// usageOfAll is what several processes have used together. The error is that of none, or of one that is not there.
func usageOfAll(pids []int) (sum usage, err error) {
	if len(pids) == 0 {
		return sum, errNoProcess
	}
	for _, pid := range pids {
		u, err := usageOf(pid)
		if err != nil {
			return sum, err
		}
		sum.cpu, sum.memory = sum.cpu+u.cpu, sum.memory+u.memory
	}
	return sum, nil
}

var errNoProcess = errors.New("swarm: the relay's process is not known")

// drain waits for what is still under way. It returns when the last of it came.
func (s *swarm) drain(expected uint64) (news time.Time) {
	start := time.Now()
	news = start
	had := uint64(0)
	for now := start; now.Sub(start) < drainTime && now.Sub(news) < drainPause; now = time.Now() {
		n := uint64(0)
		for i := range s.clients {
			if c := s.clients[i].Load(); c != nil {
				n += c.voice.Load()
			}
		}
		if n > had {
			news, had = now, n
		}
		if n == expected {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return news
}

// pause waits, but no longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// joinAll makes all clients join at the rate, the first one alone.
func (s *swarm) joinAll(ctx context.Context) error {
	if err := s.join(ctx, 0); err != nil {
		return fmt.Errorf("swarm: no client can join %s: %w", s.dialer.address, err)
	}
	start := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(joiners, s.cfg.Clients-1) {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i >= s.cfg.Clients {
					return
				}
				due := start.Add(time.Duration(i) * time.Second / time.Duration(s.cfg.Rate))
				pause(ctx, time.Until(due))
				if ctx.Err() != nil {
					return
				}
				if err := s.join(ctx, i); err != nil {
					s.mu.Lock()
					s.failed[reason(err)]++
					s.mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// reason is an error without what differs from connection to connection.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// join makes client i a member of its room.
func (s *swarm) join(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	c := &client{room: s.rooms[i%len(s.rooms)]}
	if i < s.cfg.Clients && i/len(s.rooms) < s.cfg.Talkers {
		c.talker = new(talker)
	}
	measured := i < s.cfg.Clients && i*7919%s.cfg.Clients < sampleSize // a prime: no pattern of rooms or places
	if measured {
		c.latency = new(histogram)
	}
	begin := time.Now()
	var err error
	if c.control, err = s.dialer.dial(ctx, i/len(s.rooms)); err != nil {
		return err
	}
	if err = c.control.greet(c, fmt.Sprintf("swarm %d", i)); err != nil {
		c.control.leave()
		return err
	}
	c.joining = time.Since(begin)
	relay := c.control.voiceAddr(c.udpPort)
	if i*7919%100 < s.cfg.Tunnel {
		c.overhead = wire.TunnelOverhead(relay.Addr())
		c.socket, err = s.dialer.openTunnel(ctx, i/len(s.rooms))
	} else {
		c.overhead = wire.Overhead(relay.Addr())
		c.socket, err = openSocket(relay, netip.Addr{}, measured)
	}
	if err != nil {
		c.control.leave()
		return err
	}
	if i == 0 {
		s.relay = relay // before any other joins
	}
	if err = c.control.announce(c.socket.port()); err == nil {
		err = s.readers.adopt(i, c)
	}
	if err != nil {
		c.socket.close()
		c.control.leave()
		return err
	}
	_ = c.probe(new(prober), time.Since(s.pacer.start)) // the next one is not far
	return nil
}

// awaitPaths waits until all have a voice path, but not for ever.
func (s *swarm) awaitPaths(ctx context.Context) {
	for end := time.Now().Add(pathWait); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
		waiting := 0
		for i := range s.clients {
			if c := s.clients[i].Load(); c != nil && !c.path.Load() {
				waiting++
			}
		}
		if waiting == 0 {
			return
		}
	}
}

// introduce tells the listeners who will talk.
func (s *swarm) introduce(talkers []*client) {
	byRoom := map[*room][]*talker{}
	for _, c := range talkers {
		byRoom[c.room] = append(byRoom[c.room], c.talker)
	}
	for _, room := range s.rooms {
		list := slices.Clip(byRoom[room])
		room.talkers.Store(&list)
	}
}

// leaveAll makes everyone leave. The readers have ended.
func (s *swarm) leaveAll() {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(joiners, len(s.clients)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(s.clients); i = int(next.Add(1)) - 1 {
				if c := s.clients[i].Load(); c != nil {
					c.control.leave()
					c.hangUp()
				}
			}
		})
	}
	wg.Wait()
}
