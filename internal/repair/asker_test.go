package repair

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const ms = time.Millisecond

// path is an Asker with a round trip of 60 ms and the patience of a short way.
func path() *Asker {
	a := &Asker{}
	a.SetPath(60*ms, 200*ms)
	return a
}

func at(seq uint32) time.Duration { return time.Duration(seq) * wire.FrameDuration }

// told is what the receipt tells.
func told(a *Asker) netproto.Outcome {
	r := a.Receipt()
	return netproto.Outcome{Received: int(r.Reach) - r.Lost(), Lost: r.Lost()}
}

// dg is datagram seq of a talker that has sent one of one frame for each before it.
func dg(seq uint32) Datagram {
	return Datagram{Seq: seq, Count: uint8(seq % wire.HopCounts), Speech: true}
}

// again is the same, sent again.
func again(seq uint32) Datagram {
	d := dg(seq)
	d.Again = true
	return d
}

// asksFor tells whether a datagram is among those asked for.
func asksFor(asked []Ask, seq uint32) bool {
	return slices.ContainsFunc(asked, func(x Ask) bool { return x.Seq == seq })
}

func TestAskerAsksForWhatIsMissing(t *testing.T) {
	// Each datagram comes at its own time. Those of a negative number end a talkspurt.
	tests := []struct {
		name   string
		seqs   []int
		counts []uint8
		want   []Ask // asked for in all, by 15 ms after the last came; twice where much is lost
		lost   int
		stride int
	}{
		{"nothing", []int{1, 2, 3, 4}, []uint8{1, 2, 3, 4}, nil, 0, 1},
		{"one", []int{1, 2, 4, 5}, []uint8{1, 2, 4, 5}, []Ask{{3, 3}}, 1, 1},
		{"several", []int{1, 2, 5, 6, 8, 9}, []uint8{1, 2, 5, 6, 8, 9}, []Ask{{3, 3}, {4, 4}, {3, 3}, {4, 4}, {7, 7}}, 3, 1},
		{"silence is no loss", []int{1, 2, -3, 40, 41}, []uint8{1, 2, 3, 4, 5}, nil, 0, 1},
		{"silence whose end was lost", []int{1, 2, 40, 41}, []uint8{1, 2, 4, 5}, []Ask{{3, 39}}, 1, 1},
		{"what a cap held back is no loss", []int{1, 2, 5, 6}, []uint8{1, 2, 3, 4}, nil, 0, 1},
		{"stride 3, nothing", []int{3, 6, 9, 12}, []uint8{1, 2, 3, 4}, nil, 0, 3},
		{"stride 3, the second", []int{3, 9, 12}, []uint8{1, 3, 4}, []Ask{{2, 6}}, 1, 3},
		{"stride 3 after 1", []int{1, 2, 3, 6, 9, 12}, []uint8{1, 2, 3, 4, 5, 6}, nil, 0, 3},
		{"stride 1 after 3", []int{3, 6, 9, 10, 11, 13}, []uint8{1, 2, 3, 4, 5, 7}, []Ask{{6, 12}}, 1, 1},
		{"bursts", []int{1, 4, 5, 8, 9}, []uint8{1, 4, 5, 8, 9}, []Ask{{2, 2}, {3, 3}, {2, 2}, {3, 3}, {6, 6}, {7, 7}}, 4, 1},
		{"over the end of the counts", []int{1, 2, 4}, []uint8{125, 126, 0}, []Ask{{127, 3}}, 1, 1},
		{"a long gap", []int{1, 2, 42}, []uint8{1, 2, 42}, nil, 39, 1},
		{"an outage", []int{1, 2, 60}, []uint8{1, 2, 60}, nil, 57, 1},
		{"an exception that ended", []int{1, 2, 3, 4}, []uint8{1, 2, 43, 44}, nil, 0, 1},
		{"a long one", []int{1, 2, 3, 4}, []uint8{1, 2, 102, 103}, nil, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := path()
			var asked []Ask
			for i, s := range tt.seqs {
				seq := uint32(max(s, -s))
				a.Poll(at(seq), nil) // some a second time
				a.Arrived(at(seq), Datagram{Seq: seq, Count: tt.counts[i], Speech: s > 0})
				if tt.want != nil || tt.lost == 0 && seq < 50 {
					asked = a.Poll(at(seq)+15*ms, asked)
				}
			}
			if !slices.Equal(asked, tt.want) {
				t.Errorf("asked for %v, want %v", asked, tt.want)
			}
			if got := told(a).Lost; got != tt.lost {
				t.Errorf("%d lost, want %d", got, tt.lost)
			}
			if got := a.Stride(); got != tt.stride {
				t.Errorf("stride %d, want %d", got, tt.stride)
			}
		})
	}
}

// A talker who has talked for years is heard by who comes now.
func TestAskerBeginsAnywhere(t *testing.T) {
	a := path()
	for _, seq := range []uint32{1<<31 + 5, 1<<31 + 6} {
		if !a.Arrived(at(5), dg(seq)) {
			t.Errorf("%d is not the newest", seq)
		}
	}
}

// What was late on a hop before ours takes a count of its own, and is neither a gap nor new.
func TestAskerKnowsWhatWasLateBefore(t *testing.T) {
	a := path()
	for i, seq := range []uint32{1, 2, 4, 3, 5} {
		if newest := a.Arrived(at(5), Datagram{Seq: seq, Count: uint8(i), Speech: true}); newest == (seq == 3) {
			t.Errorf("%d: newest %v", seq, newest)
		}
	}
	if s := told(a); s.Lost != 0 || s.Received != 5 || len(a.Poll(at(9), nil)) > 0 {
		t.Errorf("%+v", s)
	}
}

func TestAskerNeverAsksTwiceWithinARoundTrip(t *testing.T) {
	a := &Asker{}
	a.SetPath(60*ms, 400*ms)
	a.Arrived(at(1), dg(1))
	a.Arrived(at(3), dg(3))
	last, times := -time.Hour, 0
	for now := at(3); now < at(40); now += ms {
		for _, s := range a.Poll(now, nil) {
			if s != (Ask{2, 2}) {
				t.Fatalf("asked for %v", s)
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
	if times != tries {
		t.Errorf("asked %d times, want %d", times, tries)
	}
	if _, open := a.NextDeadline(); open || a.open > 0 {
		t.Errorf("still waiting for %d", a.open)
	}
}

// Where the round trip is not known, a question is not repeated at once either.
func TestAskerAssumesARoundTrip(t *testing.T) {
	a := &Asker{}
	a.SetPath(0, 400*ms)
	a.Arrived(at(1), dg(1))
	a.Arrived(at(3), dg(3))
	asked := a.Poll(at(3)+10*ms, nil)
	if asked = a.Poll(at(3)+100*ms, asked); !slices.Equal(asked, []Ask{{2, 2}}) {
		t.Errorf("asked for %v within 100 ms", asked)
	}
}

func TestAskerGivesUpWhereNoResendComesInTime(t *testing.T) {
	a := &Asker{}
	a.SetPath(300*ms, 200*ms)
	a.Arrived(at(1), dg(1))
	a.Arrived(at(3), dg(3))
	for now := at(3); now < at(40); now += ms {
		if got := a.Poll(now, nil); len(got) > 0 {
			t.Fatalf("asked for %v", got)
		}
	}
}

func TestAskerTellsResentFromOvertaken(t *testing.T) {
	a := path()
	a.Arrived(at(1), dg(1))
	a.Arrived(at(3), dg(3))
	if a.Arrived(at(3)+2*ms, dg(2)) {
		t.Error("an overtaken datagram is the newest")
	}
	if s := told(a); s.Lost != 0 || s.Received != 3 {
		t.Errorf("an overtaken datagram counts as lost: %+v", s)
	}
	a.Arrived(at(5), dg(5))
	if got := a.Poll(at(5)+10*ms, nil); !slices.Equal(got, []Ask{{4, 4}}) {
		t.Fatalf("asked for %v", got)
	}
	for range 2 {
		if a.Arrived(at(5)+70*ms, again(4)) {
			t.Error("a resend is the newest")
		}
	}
	a.Arrived(at(6), dg(6))
	if s := told(a); s.Lost != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAskerDoesNotAskForWhatCameOtherwise(t *testing.T) {
	a := path()
	a.Arrived(at(1), dg(1))
	a.Arrived(at(3), dg(3))
	a.Have(2)
	if got := a.Poll(at(4), nil); len(got) != 0 {
		t.Errorf("asked for %v", got)
	}
	a.Arrived(at(4), dg(4))
	if s := told(a); s.Lost != 1 {
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
		{"no copies", 0, 300 * ms, []uint32{10}, at(11) + leastTimeout},
		{"a copy that comes", 2, 300 * ms, []uint32{10}, 0},
		{"a copy that is lost too", 2, 300 * ms, []uint32{10, 12}, at(12) + leastTimeout},
		{"no time to ask after it", 2, 150 * ms, []uint32{10}, at(11) + leastTimeout},
		{"a copy no sooner than an answer", 5, 300 * ms, []uint32{10}, at(11) + leastTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &Asker{}
			a.SetPath(rtt, tt.patience)
			asked := time.Duration(0)
			for now := at(1); now < at(20); now += ms {
				if seq := uint32(now / wire.FrameDuration); now == at(seq) && !slices.Contains(tt.gone, seq) {
					a.Arrived(now, dg(seq))
					if tt.copies > 0 {
						a.Have(seq - tt.copies)
					}
					a.Copies(tt.copies)
				}
				if asksFor(a.Poll(now, nil), 10) && asked == 0 {
					asked = now
				}
			}
			if (asked - tt.asked).Abs() > 2*ms {
				t.Errorf("asked at %v, want %v", asked, tt.asked)
			}
		})
	}
}

// On a path that changes the order the wait grows until hardly anything is asked for in
// vain; where the order holds it is short.
func TestAskerLearnsToWait(t *testing.T) {
	run := func(extra time.Duration, loss float64) (inVain, lost int, told netproto.Outcome, timeout time.Duration) {
		h := &hop{}
		a := &h.asker
		a.SetPath(60*ms, 200*ms)
		rng := rand.New(rand.NewPCG(1, 2))
		p := netsim.Pipe{Link: netsim.Chain(netsim.Loss(loss, 3), netsim.Delay(30*ms),
			netsim.SecondPath(0.15, netsim.Uniform(extra/4, extra), rng.Uint64()))}
		arrived := map[uint32]bool{}
		late := map[uint32]bool{}
		for now := wire.FrameDuration; now < 120*time.Second; now += ms {
			if now%wire.FrameDuration == 0 {
				h.sent.Add(uint32(now / wire.FrameDuration))
				p.Send(now, []byte{byte(now / wire.FrameDuration >> 8), byte(now / wire.FrameDuration)})
			}
			for {
				d, _, ok := p.Receive(now)
				if !ok {
					break
				}
				seq := uint32(d[0])<<8 | uint32(d[1])
				if a.Arrived(now, dg(seq)); late[seq] && now > 20*time.Second {
					inVain++
				}
				arrived[seq] = true
			}
			for _, x := range a.Poll(now, nil) {
				late[x.Seq] = true
			}
			if now%time.Second == 500*ms {
				h.receipt(t)
			}
		}
		return inVain, p.Lost, h.total, a.pace.timeout()
	}
	inVain, lost, s, timeout := run(60*ms, 0.01)
	if inVain > 60 {
		t.Errorf("asked %d times in vain on 6000 datagrams of which 900 are overtaken", inVain)
	}
	if got := s.Lost; got < lost/2 || got > 2*lost {
		t.Errorf("counted %d lost, truly %d", got, lost)
	}
	if timeout > 90*ms {
		t.Errorf("waits %v", timeout)
	}
	if _, _, _, timeout := run(400*ms, 0.01); timeout > 250*ms {
		t.Errorf("waits %v where some take 400 ms longer: nothing would be asked for", timeout)
	}
	if _, _, _, timeout := run(0, 0.1); timeout > leastTimeout+ms {
		t.Errorf("waits %v where the order holds", timeout)
	}
}

// What is overtaken by a little is not asked for.
func TestAskerWaitsForTheOrder(t *testing.T) {
	a := path()
	a.Arrived(at(1), dg(1))
	a.Arrived(at(2), dg(3))
	if asked := a.Poll(at(2)+5*ms, nil); len(asked) > 0 {
		t.Errorf("asked for %v", asked)
	}
	a.Arrived(at(2)+5*ms, dg(2))
	if _, ok := a.NextDeadline(); ok {
		t.Error("something is left to be asked")
	}
}

// Whatever comes, in whatever order: bounded asking, no panic.
func TestAskerSurvivesAnything(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		a := &Asker{}
		a.SetPath(time.Duration(rng.IntN(400))*ms, time.Duration(rng.IntN(400))*ms)
		now, seq := time.Duration(0), rng.Uint32()
		asked := map[Ask]int{}
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
			a.Arrived(now, Datagram{Seq: seq, Count: uint8(rng.IntN(256)), Again: rng.IntN(9) == 0, Speech: rng.IntN(10) > 0})
			a.Have(seq - uint32(rng.IntN(5)))
			for _, x := range a.Poll(now, nil) {
				asked[x]++
			}
			if a.open < 0 || a.open > slots {
				t.Fatalf("%d gaps open", a.open)
			}
		}
		for x, n := range asked {
			if n > 2*tries { // numbers and counts come again
				t.Fatalf("asked for %v %d times", x, n)
			}
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
		h := &hop{}
		a := &h.asker
		a.SetPath(60*ms, 200*ms)
		var lost, runs int
		was := true
		for seq := tt.stride; seq < 30000; seq += tt.stride {
			gone := link.Send(at(seq), 100).Copies == 0
			if gone {
				lost++
				if was {
					runs++
				}
			}
			h.send(seq, gone)
			if a.Poll(at(seq), nil); seq%50 == 0 && !gone {
				h.receipt(t)
			}
			was = !gone
		}
		got := float64(h.total.Lost)
		if got < 0.9*float64(lost) || got > 1.1*float64(lost) {
			t.Errorf("%+v: counted %v lost, truly %d", tt, got, lost)
		}
		if got := float64(h.total.Runs); got < 0.9*float64(runs) || got > 1.1*float64(runs) {
			t.Errorf("%+v: counted %v runs, truly %d", tt, got, runs)
		}
		if a.Stride() != int(tt.stride) {
			t.Errorf("%+v: stride %d", tt, a.Stride())
		}
	}
}

func TestAskerDoesNotAllocate(t *testing.T) {
	a := path()
	seq := uint32(0)
	dst := make([]Ask, 0, slots)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		if seq%7 == 0 {
			seq += 2
		}
		a.Arrived(at(seq), dg(seq))
		dst = a.Poll(at(seq)+10*ms, dst[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAsker(b *testing.B) {
	a := path()
	seq := uint32(0)
	dst := make([]Ask, 0, slots)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		if seq%10 == 0 {
			seq++
		}
		a.Arrived(at(seq), dg(seq))
		dst = a.Poll(at(seq)+10*ms, dst[:0])
	}
}
