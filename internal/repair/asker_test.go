package repair

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
)

const ms = time.Millisecond

// path is an Asker with a round trip of 60 ms and the patience of a short way.
func path() *Asker {
	a := &Asker{}
	a.SetPath(60*ms, 200*ms)
	return a
}

func at(seq uint32) time.Duration { return time.Duration(seq) * FrameDuration }

func TestAskerAsksForWhatIsMissing(t *testing.T) {
	tests := []struct {
		name   string
		seqs   []uint32 // each comes at its own time; speech
		ends   []uint32 // of these, which end a talkspurt
		want   []uint32 // asked for within 15 ms after the last came
		lost   uint64
		stride int
	}{
		{"nothing", []uint32{1, 2, 3, 4}, nil, nil, 0, 1},
		{"one", []uint32{1, 2, 4, 5}, nil, []uint32{3}, 1, 1},
		{"several", []uint32{1, 2, 5, 6, 8, 9}, nil, []uint32{3, 4, 7}, 3, 1},
		{"silence is no loss", []uint32{1, 2, 3, 40, 41}, []uint32{3}, nil, 0, 1},
		{"the end lost, its repeat is there", []uint32{1, 2, 4, 40}, []uint32{4}, []uint32{3}, 1, 1},
		{"a gap of more than a second is silence", []uint32{1, 2, 60, 61}, nil, nil, 0, 1},
		{"stride 3", []uint32{3, 6, 9, 12, 15, 18, 21, 27, 30}, nil, []uint32{24}, 1, 3},
		{"stride 3 after 1", []uint32{1, 2, 3, 6, 9, 12, 15, 18, 21}, nil, nil, 0, 3},
		{"stride 1 after 3", []uint32{3, 6, 9, 12, 15, 18, 19, 20, 22, 23}, nil, []uint32{21}, 1, 1},
		{"bursts of two are no stride", []uint32{1, 4, 5, 8, 9, 12, 13, 14}, nil, nil, 6, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := path()
			var asked []uint32
			for _, s := range tt.seqs {
				asked = a.Poll(at(s), asked[:0])
				a.Arrived(at(s), s, !slices.Contains(tt.ends, s))
				asked = a.Poll(at(s)+15*ms, asked)
			}
			for _, s := range tt.want {
				if !slices.Contains(asked, s) && a.Stats().Asked < uint64(len(tt.want)) {
					t.Errorf("%d was not asked for, only %v", s, asked)
				}
			}
			if len(tt.want) == 0 && tt.lost == 0 && tt.stride == 1 && a.Stats().Asked > 0 {
				t.Errorf("asked for %d", a.Stats().Asked)
			}
			if got := a.Stats().Lost; got != tt.lost {
				t.Errorf("%d lost, want %d", got, tt.lost)
			}
			if got := a.Stride(); got != tt.stride {
				t.Errorf("stride %d, want %d", got, tt.stride)
			}
		})
	}
}

func TestAskerNeverAsksTwiceWithinARoundTrip(t *testing.T) {
	a := &Asker{}
	a.SetPath(60*ms, 400*ms)
	a.Arrived(at(1), 1, true)
	a.Arrived(at(3), 3, true)
	last, times := -time.Hour, 0
	for now := at(3); now < at(40); now += ms {
		for _, s := range a.Poll(now, nil) {
			if s != 2 {
				t.Fatalf("asked for %d", s)
			}
			if now-last < 60*ms {
				t.Errorf("asked again after %v", now-last)
			}
			if now+60*ms > at(2)+400*ms {
				t.Errorf("asked at %v for what comes too late", now)
			}
			last = now
			times++
		}
	}
	if times != askTries {
		t.Errorf("asked %d times, want %d", times, askTries)
	}
	if _, open := a.NextDeadline(); open || a.Stats().GivenUp != 1 {
		t.Errorf("still waiting: %+v", a.Stats())
	}
}

func TestAskerGivesUpWhereNoResendComesInTime(t *testing.T) {
	a := &Asker{}
	a.SetPath(300*ms, 200*ms)
	a.Arrived(at(1), 1, true)
	a.Arrived(at(3), 3, true)
	for now := at(3); now < at(40); now += ms {
		if got := a.Poll(now, nil); len(got) > 0 {
			t.Fatalf("asked for %v", got)
		}
	}
}

func TestAskerTellsResentFromOvertaken(t *testing.T) {
	a := path()
	a.Arrived(at(1), 1, true)
	a.Arrived(at(3), 3, true)
	if got := a.Arrived(at(3)+2*ms, 2, true); got != Overdue {
		t.Errorf("got %v, want Overdue", got)
	}
	if s := a.Stats(); s.Lost != 0 || s.Received != 3 {
		t.Errorf("an overtaken datagram counts as lost: %+v", s)
	}
	a.Arrived(at(5), 5, true)
	if got := a.Poll(at(5)+10*ms, nil); !slices.Equal(got, []uint32{4}) {
		t.Fatalf("asked for %v", got)
	}
	if got := a.Arrived(at(5)+70*ms, 4, true); got != Resent {
		t.Errorf("got %v, want Resent", got)
	}
	if got := a.Arrived(at(5)+71*ms, 4, true); got != Known {
		t.Errorf("got %v, want Known", got)
	}
	a.Arrived(at(6), 6, true)
	if s := a.Stats(); s.Lost != 1 || s.Resent != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAskerDoesNotAskForWhatCameOtherwise(t *testing.T) {
	a := path()
	a.Arrived(at(1), 1, true)
	a.Arrived(at(3), 3, true)
	a.Have(2)
	if got := a.Poll(at(4), nil); len(got) != 0 {
		t.Errorf("asked for %v", got)
	}
	a.Arrived(at(4), 4, true)
	if s := a.Stats(); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
}

// What the talker's copies bring is not asked for, if they come well before an answer would.
func TestAskerLeavesLossToCopies(t *testing.T) {
	const rtt = 120 * ms
	tests := []struct {
		name     string
		copies   uint32 // numbers later
		patience time.Duration
		gone     []uint32 // lost, of 1 to 20 with one frame each
		asked    time.Duration
	}{
		{"no copies", 0, 300 * ms, []uint32{10}, at(11) + firstWait},
		{"a copy that comes", 2, 300 * ms, []uint32{10}, 0},
		{"a copy that is lost too", 2, 300 * ms, []uint32{10, 12}, at(13)},
		{"no time to ask after it", 2, 150 * ms, []uint32{10}, at(11) + firstWait},
		{"a copy no sooner than an answer", 5, 300 * ms, []uint32{10}, at(11) + firstWait},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &Asker{}
			a.SetPath(rtt, tt.patience)
			a.pace.slack = 40 * ms // the gap shows before the time-out
			asked := time.Duration(0)
			for now := at(1); now < at(20); now += ms {
				if seq := uint32(now / FrameDuration); now == at(seq) && !slices.Contains(tt.gone, seq) {
					a.Arrived(now, seq, true)
					if tt.copies > 0 {
						a.Have(seq - tt.copies)
					}
					a.Copies(now, tt.copies)
				}
				if slices.Contains(a.Poll(now, nil), 10) && asked == 0 {
					asked = now
				}
			}
			if (asked - tt.asked).Abs() > 2*ms {
				t.Errorf("asked at %v, want %v", asked, tt.asked)
			}
		})
	}
}

// Where the talker sends copies, what is asked for is bounded closer.
func TestAskerAsksLessBesideCopies(t *testing.T) {
	asked := func(copies uint32) (n int) {
		a := &Asker{}
		a.SetPath(60*ms, 300*ms)
		rng := rand.New(rand.NewPCG(1, 2))
		for seq := uint32(1); seq <= 1000; seq++ {
			if rng.IntN(3) > 0 {
				a.Arrived(at(seq), seq, true)
				a.Copies(at(seq), copies)
			}
			n += len(a.Poll(at(seq)+10*ms, nil))
		}
		return n
	}
	if n := asked(6); n > 20*copiedRate+copiedDepth {
		t.Errorf("asked %d times in 20 s beside copies", n)
	}
	if n := asked(0); n < 300 {
		t.Errorf("asked %d times without copies", n)
	}
}

// On a path that changes the order the wait grows until hardly anything is asked for in
// vain; where the order holds it is short.
func TestAskerLearnsToWait(t *testing.T) {
	run := func(extra time.Duration, loss float64) (inVain, lost int, s AskerStats, wait time.Duration) {
		a := path()
		rng := rand.New(rand.NewPCG(1, 2))
		p := netsim.Pipe{Link: netsim.Chain(netsim.Loss(loss, 3), netsim.Delay(30*ms),
			netsim.SecondPath(0.15, netsim.Uniform(extra/4, extra), rng.Uint64()))}
		arrived := map[uint32]bool{}
		late := map[uint32]bool{}
		for now := time.Duration(0); now < 120*time.Second; now += ms {
			if now%FrameDuration == 0 {
				p.Send(now, []byte{byte(now / FrameDuration >> 8), byte(now / FrameDuration)})
			}
			for {
				d, _, ok := p.Receive(now)
				if !ok {
					break
				}
				seq := uint32(d[0])<<8 | uint32(d[1])
				if a.Arrived(now, seq, true) == Overdue && late[seq] && now > 20*time.Second {
					inVain++
				}
				arrived[seq] = true
			}
			for _, seq := range a.Poll(now, nil) {
				late[seq] = true
			}
		}
		return inVain, p.Lost, a.Stats(), a.wait
	}
	inVain, lost, s, wait := run(60*ms, 0.01)
	if inVain > 60 {
		t.Errorf("asked %d times in vain on 6000 datagrams of which 900 are overtaken", inVain)
	}
	if got := int(s.Lost); got < lost/2 || got > 2*lost {
		t.Errorf("counted %d lost, truly %d", got, lost)
	}
	if wait > mostWait {
		t.Errorf("waits %v", wait)
	}
	if _, _, _, wait := run(0, 0.1); wait > firstWait {
		t.Errorf("waits %v where the order holds", wait)
	}
}

// Whatever comes, in whatever order: bounded asking, no panic.
func TestAskerSurvivesAnything(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		a := &Asker{}
		a.SetPath(time.Duration(rng.IntN(400))*ms, time.Duration(rng.IntN(400))*ms)
		now, seq := time.Duration(0), rng.Uint32()
		var asked []time.Duration
		for range 5000 {
			now += time.Duration(rng.IntN(40)) * ms
			switch rng.IntN(20) {
			case 0:
				seq = rng.Uint32()
			case 1:
				seq -= uint32(rng.IntN(100))
			default:
				seq += uint32(rng.IntN(9))
			}
			a.Arrived(now, seq, rng.IntN(10) > 0)
			a.Have(seq - uint32(rng.IntN(5)))
			for range a.Poll(now, nil) {
				asked = append(asked, now)
			}
			if a.open < 0 || a.open > askSlots {
				t.Fatalf("%d gaps open", a.open)
			}
		}
		for i := range asked {
			if j := i + askRate + askDepth; j < len(asked) && asked[j]-asked[i] <= time.Second {
				t.Fatalf("more than %d asked for within %v", askRate+askDepth, asked[j]-asked[i])
			}
		}
		if a.Loss(now, LossMemory).Lost < 0 {
			t.Fatal("negative loss")
		}
	}
}

func TestAskerMeasuresLossAsTheNetworkHasIt(t *testing.T) {
	for _, tt := range []struct {
		p, burst float64
		stride   uint32
	}{{0.05, 1, 1}, {0.1, 1, 1}, {0.2, 1, 1}, {0.1, 4, 1}, {0.2, 4, 1}, {0.1, 1, 3}, {0.2, 4, 2}} {
		link := netsim.Loss(tt.p, 5)
		if tt.burst > 1 {
			link = netsim.Burst(netsim.Bursts(tt.p, tt.burst), 5)
		}
		a := path()
		var lost, runs int
		was := true
		for seq := tt.stride; seq < 30000; seq += tt.stride {
			gone := link.Send(at(seq), 100).Copies == 0
			if gone {
				lost++
				if was {
					runs++
				}
			} else {
				a.Arrived(at(seq), seq, true)
				a.Poll(at(seq), nil)
			}
			was = !gone
		}
		got := float64(a.Stats().Lost)
		if got < 0.9*float64(lost) || got > 1.1*float64(lost) {
			t.Errorf("%+v: counted %v lost, truly %d", tt, got, lost)
		}
		if a.Stride() != int(tt.stride) {
			t.Errorf("%+v: stride %d", tt, a.Stride())
		}
	}
}

func TestAskerDoesNotAllocate(t *testing.T) {
	a := path()
	seq := uint32(0)
	dst := make([]uint32, 0, askSlots)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		if seq%7 == 0 {
			seq += 2
		}
		a.Arrived(at(seq), seq, true)
		dst = a.Poll(at(seq)+10*ms, dst[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAsker(b *testing.B) {
	a := path()
	seq := uint32(0)
	dst := make([]uint32, 0, askSlots)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		if seq%10 == 0 {
			seq++
		}
		a.Arrived(at(seq), seq, true)
		dst = a.Poll(at(seq)+10*ms, dst[:0])
	}
}
