package forward_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/relay/forward"
	"github.com/tincan-voice/tincan/internal/relay/relaytest"
	"github.com/tincan-voice/tincan/internal/relay/rooms"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
	"github.com/tincan-voice/tincan/stream"
)

// shifter is a talker who sends when the relay wishes.
type shifter struct {
	*relaytest.Client
	phase  stream.Phase
	next   time.Duration // it sends
	stride int
	moves  int
	late   func() time.Duration // what the network adds
}

// shifters is a room of them, in which others listen; all speak without a pause but for the frames in which they shift.
type shifters struct {
	*relaytest.Core
	talkers []*shifter

	queued  map[uint32]time.Duration // when a talker's last datagram came
	waits   []time.Duration          // of each datagram in the relay
	packets int                      // to the last listener
}

func newShifters(t *testing.T, load int, strides []int, late func() time.Duration, rng *rand.Rand) *shifters {
	s := &shifters{Core: relaytest.New(t, rooms.Config{BundleLoad: load, Talkers: len(strides)}), queued: map[uint32]time.Duration{}}
	for i, stride := range strides {
		s.talkers = append(s.talkers, &shifter{
			Client: s.Settled("", fmt.Sprint(i)), stride: stride, late: late,
			next: s.Now + time.Duration(rng.Int64N(int64(stride)*int64(frame))),
		})
	}
	return s
}

// run lets them talk for a time; follow: they do as they are told.
func (s *shifters) run(d time.Duration, listener *relaytest.Client, follow bool) {
	s.waits, s.packets = s.waits[:0], 0
	s.Out = forward.SendFunc(func(to netip.AddrPort, d []byte) {
		for _, p := range s.talkers {
			if to == p.Addr && follow {
				p.told(d)
			}
		}
		items, err := netproto.ParseBundle(nil, d)
		if err != nil {
			items = [][]byte{d}
		}
		if h, _ := netproto.ParseHeader(items[0]); to != listener.Addr || h.Type != netproto.TypeVoice {
			return
		}
		s.packets++
		for _, it := range items {
			h, _ := netproto.ParseHeader(it)
			s.waits = append(s.waits, s.Now-s.queued[h.Session])
		}
	})
	wake, waiting := time.Duration(0), false
	arrivals := map[*shifter]time.Duration{}
	for end := s.Now + d; ; {
		var first *shifter
		for _, p := range s.talkers {
			if arrivals[p] == 0 {
				arrivals[p] = p.next + p.late()
			}
			if first == nil || arrivals[p] < arrivals[first] {
				first = p
			}
		}
		at := arrivals[first]
		for waiting && wake <= at {
			s.Now = wake
			wake, waiting = s.Worker.Flush(s.Now)
		}
		if s.Now = at; at >= end {
			return
		}
		s.queued[first.Session] = at
		first.Seq[netproto.TypeVoice] += uint32(first.stride - 1)
		s.Worker.Queue(at, forward.Path{Remote: first.Addr}, first.Said("as many bytes as speech has at least"))
		wake, waiting = s.Worker.Flush(at)
		drop, ahead := first.phase.Move(first.Seq[netproto.TypeVoice])
		if drop > 0 {
			first.moves++
		}
		first.next += time.Duration(first.stride-ahead)*frame + time.Duration(drop)*time.Second/wire.SampleRate
		delete(arrivals, first)
	}
}

// told takes what the relay says to the talker.
func (p *shifter) told(d []byte) {
	body, err := p.Down.Open(nil, d)
	if t, _ := netproto.DatagramType(d); err != nil || t != netproto.TypeReport {
		return
	}
	if f, err := netproto.ParseFeedback(body); err == nil {
		p.phase.Told(f.Receipt.Seq, f.Shift)
	}
}

func (s *shifters) meanWait() time.Duration {
	sum := time.Duration(0)
	for _, w := range s.waits {
		sum += w
	}
	return sum / time.Duration(max(len(s.waits), 1))
}

// Talkers who shift as the relay wishes come together, wherever they begin: their datagrams share packets, and wait no
// longer than without.
func TestTalkersShift(t *testing.T) {
	for _, tt := range []struct {
		name    string
		strides []int
		jitter  time.Duration // standard deviation
		most    float64       // packets per delivery
	}{
		{"four", []int{1, 1, 1, 1}, 200 * time.Microsecond, 0.27},
		{"four, 1 ms of jitter", []int{1, 1, 1, 1}, time.Millisecond, 0.35},
		{"eight", []int{1, 1, 1, 1, 1, 1, 1, 1}, 200 * time.Microsecond, 0.15},
		{"two and two with two frames each", []int{1, 1, 2, 2}, 200 * time.Microsecond, 0.35},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 8))
			late := func() time.Duration {
				return time.Millisecond*10 + time.Duration(math.Max(-3, math.Min(3, rng.NormFloat64()))*float64(tt.jitter))
			}
			per := func(follow bool) (packets float64, wait time.Duration) {
				var n, all int
				var waits time.Duration
				for range 10 {
					s := newShifters(t, 100, tt.strides, late, rng)
					listener := s.Settled("", "listener")
					s.run(8*time.Second, listener, follow)
					s.run(4*time.Second, listener, follow)
					n, all, waits = n+s.packets, all+len(s.waits), waits+s.meanWait()/10
					for _, p := range s.talkers {
						if p.moves > 3 {
							t.Errorf("a talker moves %d times in 12 s", p.moves)
						}
					}
				}
				return float64(n) / float64(all), waits
			}
			before, waited := per(false)
			after, waits := per(true)
			t.Logf("%.2f packets per delivery, wait %v; with shifts %.2f, %v", before, waited, after, waits)
			if after > tt.most {
				t.Errorf("%.3f packets per delivery, want %.2f at most", after, tt.most)
			}
			if waits > waited {
				t.Errorf("waits %v, without shifts %v", waits, waited)
			}
		})
	}
}

// Where the relay has little to do it asks nobody to shift.
func TestNobodyShiftsWithoutLoad(t *testing.T) {
	s := newShifters(t, 1e9, []int{1, 1, 1, 1}, func() time.Duration { return 0 }, rand.New(rand.NewPCG(7, 8)))
	s.run(8*time.Second, s.Settled("", "listener"), true)
	for _, p := range s.talkers {
		if p.moves > 0 {
			t.Errorf("a talker moves %d times", p.moves)
		}
	}
}
