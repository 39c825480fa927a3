package forward_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
)

// The talkers of a batch share packets; everyone gets exactly the others' voice.
func TestBundle(t *testing.T) {
	c := relaytest.New(t, rooms.Config{Talkers: -1})
	var people []*relaytest.Client
	for i := range 6 {
		people = append(people, c.Settled("", fmt.Sprint(i)))
	}
	clear(c.Boxes)
	for _, size := range []int{10, 100, 500, 1000} {
		said := make(map[uint32][][]byte)
		for range 2 {
			for _, p := range people[:4] {
				d := p.Said(string(make([]byte, size)))
				said[p.Session] = append(said[p.Session], slices.Clone(d[:len(d)-netproto.HopTagSize]))
				if drop := c.Worker.Queue(c.Now, forward.Path{Remote: p.Addr}, d); drop != forward.Kept {
					t.Fatal(drop)
				}
			}
		}
		before := c.Stats()
		c.Worker.Flush(c.Now)
		packets := 0
		for i, p := range people {
			var want, got [][]byte
			for j, other := range people[:4] {
				if i != j {
					want = append(want, said[other.Session]...)
				}
			}
			for _, d := range p.Took() {
				packets++
				if len(d) > netproto.MaxDatagram {
					t.Errorf("%d bytes", len(d))
				}
				if t, _ := netproto.DatagramType(d); t != netproto.TypeBundle {
					got = append(got, d)
					continue
				}
				items, err := netproto.ParseBundle(nil, d)
				if err != nil || len(items) < 2 {
					t.Fatal(len(items), err)
				}
				got = append(got, items...)
			}
			relaytest.SameSet(t, got, want)
		}
		st := c.Stats()
		if st.Delivered-before.Delivered != 4*6+2*8 || st.Packets-before.Packets != uint64(packets) {
			t.Errorf("size %d: %d packets, stats %+v", size, packets, st)
		}
		if size == 100 && packets != 6 {
			t.Errorf("%d packets for six listeners", packets)
		}
	}
}

// Under load, and with several talkers, datagrams wait for each other.
func TestBundleWait(t *testing.T) {
	var c *relaytest.Core
	var people []*relaytest.Client
	begin := func(load int) {
		c, people = relaytest.New(t, rooms.Config{BundleLoad: load}), nil
		for i := range 8 {
			people = append(people, c.Settled("", fmt.Sprint(i)))
		}
		c.Now = c.Now.Truncate(time.Second) + time.Second
	}
	// round is 20 ms: talkers 3 ms apart, the worker woken when it asks to be.
	round := func(talkers int) (packets uint64, longest time.Duration) {
		before, queued := c.Stats().Packets, make(map[uint32]time.Duration)
		out := forward.SendFunc(func(_ netip.AddrPort, d []byte) {
			items, err := netproto.ParseBundle(nil, d)
			if err != nil {
				items = [][]byte{d}
			}
			for _, it := range items {
				if h, _ := netproto.ParseHeader(it); h.Type == netproto.TypeVoice {
					longest = max(longest, c.Now-queued[h.Session])
				}
			}
		})
		c.Out = out
		wake, waiting := time.Duration(0), false
		start := c.Now
		for ms := range 20 {
			c.Now = start + time.Duration(ms)*time.Millisecond
			if waiting && c.Now >= wake {
				wake, waiting = c.Worker.Flush(c.Now)
			}
			if ms%3 == 0 && ms/3 < talkers {
				p := people[ms/3]
				queued[p.Session] = c.Now
				d := p.Said("x")
				if drop := c.Worker.Queue(c.Now, forward.Path{Remote: p.Addr}, d); drop != forward.Kept {
					t.Fatal(drop)
				}
				wake, waiting = c.Worker.Flush(c.Now)
				clear(d) // the receive buffer is used again
			}
		}
		if waiting && wake < start+frame {
			c.Worker.Flush(wake)
		}
		c.Now = start + frame
		return c.Stats().Packets - before, longest
	}
	begin(100)
	for range 50 {
		round(2)
	}
	if n, longest := round(2); n != 2*7 || longest != 0 {
		t.Errorf("two talkers: %d packets, wait %v", n, longest)
	}
	for range 50 {
		round(4)
	}
	if n, longest := round(4); n != 2*8 || longest != 3*time.Millisecond {
		t.Errorf("four talkers: %d packets, wait %v", n, longest)
	}
	begin(1e9)
	for range 50 {
		round(4)
	}
	if n, longest := round(4); n != 4*7 || longest != 0 {
		t.Errorf("without load: %d packets, wait %v", n, longest)
	}
}

// fewestBundles is how many bundles a cycle of talkers with these phases takes at least if
// nothing waits longer than wait: the least of what each beginning gives.
func fewestBundles(phases []time.Duration, wait time.Duration) int {
	fewest := len(phases)
	for _, first := range phases {
		turned := make([]time.Duration, len(phases))
		for i, p := range phases {
			turned[i] = (p - first + frame) % frame
		}
		slices.Sort(turned)
		n, end := 0, time.Duration(-1)
		for _, p := range turned {
			if p > end {
				n, end = n+1, p+wait
			}
		}
		fewest = min(fewest, n)
	}
	return fewest
}

// Four talkers with phases by chance: bundles are nearly as few as they can be.
func TestBundlesAreFew(t *testing.T) {
	const cycles, warm, wait = 30, 5, 5 * time.Millisecond
	rng := rand.New(rand.NewPCG(5, 6))
	packets, fewest := 0, 0
	for range 40 {
		c := relaytest.New(t, rooms.Config{BundleLoad: 100})
		people := make([]*relaytest.Client, 5)
		for i := range people {
			people[i] = c.Settled("", fmt.Sprint(i))
		}
		listener := people[4]
		phases := make([]time.Duration, 4)
		for i := range phases {
			phases[i] = time.Duration(rng.Int64N(int64(frame)))
		}
		type arrival struct {
			at   time.Duration
			from *relaytest.Client
		}
		var arrivals []arrival
		start := c.Now
		for n := range cycles {
			for i, p := range phases {
				late := time.Duration(rng.ExpFloat64() * float64(100*time.Microsecond))
				arrivals = append(arrivals, arrival{start + time.Duration(n)*frame + p + late, people[i]})
			}
		}
		slices.SortFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
		queued := make(map[uint32]time.Duration)
		c.Out = forward.SendFunc(func(to netip.AddrPort, d []byte) {
			if to != listener.Addr || c.Now < start+warm*frame {
				return
			}
			packets++
			items, err := netproto.ParseBundle(nil, d)
			if err != nil {
				items = [][]byte{d}
			}
			for _, it := range items {
				h, _ := netproto.ParseHeader(it)
				if waited := c.Now - queued[h.Session]; waited > wait {
					t.Errorf("waits %v", waited)
				}
			}
		})
		var wake time.Duration
		waiting := false
		for _, a := range arrivals {
			for waiting && wake <= a.at {
				c.Now = wake
				wake, waiting = c.Worker.Flush(c.Now)
			}
			c.Now = a.at
			queued[a.from.Session] = c.Now
			c.Worker.Queue(c.Now, forward.Path{Remote: a.from.Addr}, a.from.Said("x"))
			wake, waiting = c.Worker.Flush(c.Now)
		}
		fewest += (cycles - warm) * fewestBundles(phases, wait)
	}
	t.Logf("%d packets, the fewest would be %d", packets, fewest)
	if float64(packets) > 1.05*float64(fewest) {
		t.Errorf("%d packets, the fewest would be %d", packets, fewest)
	}
}
