package relay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
)

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
		c := newTestCore(t, CoreConfig{BundleLoad: 100})
		people := make([]*testClient, 5)
		for i := range people {
			people[i] = c.settled("", fmt.Sprint(i))
		}
		listener := people[4]
		phases := make([]time.Duration, 4)
		for i := range phases {
			phases[i] = time.Duration(rng.Int64N(int64(frame)))
		}
		type arrival struct {
			at   time.Duration
			from *testClient
		}
		var arrivals []arrival
		start := c.now
		for n := range cycles {
			for i, p := range phases {
				late := time.Duration(rng.ExpFloat64() * float64(100*time.Microsecond))
				arrivals = append(arrivals, arrival{start + time.Duration(n)*frame + p + late, people[i]})
			}
		}
		slices.SortFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
		queued := make(map[uint32]time.Duration)
		c.worker.out = SendFunc(func(to netip.AddrPort, d []byte) {
			if to != listener.addr || c.now < start+warm*frame {
				return
			}
			packets++
			items, err := netproto.ParseBundle(nil, d)
			if err != nil {
				items = [][]byte{d}
			}
			for _, it := range items {
				h, _ := netproto.ParseHeader(it)
				if waited := c.now - queued[h.Session]; waited > wait {
					t.Errorf("waits %v", waited)
				}
			}
		})
		var wake time.Duration
		waiting := false
		for _, a := range arrivals {
			for waiting && wake <= a.at {
				c.now = wake
				wake, waiting = c.worker.Flush(c.now)
			}
			c.now = a.at
			queued[a.from.Session] = c.now
			c.worker.Queue(c.now, Path{Remote: a.from.addr}, a.from.said("x"))
			wake, waiting = c.worker.Flush(c.now)
		}
		fewest += (cycles - warm) * fewestBundles(phases, wait)
	}
	t.Logf("%d packets, the fewest would be %d", packets, fewest)
	if float64(packets) > 1.05*float64(fewest) {
		t.Errorf("%d packets, the fewest would be %d", packets, fewest)
	}
}
