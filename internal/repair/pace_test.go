package repair

import (
	"testing"
	"time"

	"github.com/tincan-voice/tincan/internal/netsim"
	"github.com/tincan-voice/tincan/netproto/wire"
)

// lossy runs an Asker behind a network that is losing a tenth, datagrams stride frames apart, and calls asked for each
// number that is asked for and came when the datagram itself comes.
func lossy(stride uint32, jitter time.Duration, asked, came func(now time.Duration, seq uint32, lost bool)) *Asker {
	a := &Asker{}
	a.SetPath(120*ms, 400*ms)
	p := netsim.Pipe{Link: netsim.Chain(netsim.Loss(0.1, 3), netsim.Delay(60*ms), netsim.Jitter(netsim.Uniform(0, jitter), true, 9))}
	lost := map[uint32]bool{}
	count := byte(0)
	for now := time.Duration(0); now < 120*time.Second; now += ms {
		if seq := uint32(now / wire.FrameDuration); now%(wire.FrameDuration*time.Duration(stride)) == 0 && seq%500 < 400 {
			before := p.Lost
			ends := byte(0)
			if seq%500 >= 400-stride {
				ends = 1
			}
			p.Send(now, []byte{byte(seq >> 8), byte(seq), ends, count % wire.HopCounts})
			count++
			lost[seq] = p.Lost > before
		}
		for {
			d, _, ok := p.Receive(now)
			if !ok {
				break
			}
			seq := uint32(d[0])<<8 | uint32(d[1])
			came(now, seq, false)
			a.Arrived(now, Datagram{Seq: seq, Count: d[3], Speech: d[2] == 0})
		}
		for _, x := range a.Poll(now, nil) {
			asked(now, x.Seq, lost[x.Seq])
		}
	}
	return a
}

// On a path that loses, what is lost is asked for soon after its time, twice; little is asked for that
// comes by itself, and no more than a few numbers that do not exist.
func TestAskerAsksForWhatIsOverdue(t *testing.T) {
	for _, tt := range []struct {
		stride uint32
		jitter time.Duration
		within time.Duration // of the time at which it should have come, on average
		inVain int           // asked for although it came, or never was, of 6000/stride
	}{
		{1, 0, 24 * ms, 40}, {2, 8 * ms, 25 * ms, 60}, {4, 8 * ms, 25 * ms, 60}, {4, 60 * ms, 85 * ms, 60},
	} {
		first := map[uint32]time.Duration{}
		times := map[uint32]int{}
		var n, inVain int
		var wait time.Duration
		lossy(tt.stride, tt.jitter, func(now time.Duration, seq uint32, lost bool) {
			if now < 10*time.Second {
				return
			}
			if times[seq]++; times[seq] > 1 {
				if times[seq] == 2 && now-first[seq] < Twin {
					t.Errorf("stride %d: asked again after %v", tt.stride, now-first[seq])
				}
				return
			}
			first[seq] = now
			if !lost {
				inVain++
				return
			}
			n++
			wait += now - at(seq) - 60*ms - tt.jitter/2
		}, func(time.Duration, uint32, bool) {})
		mean := wait / time.Duration(max(n, 1))
		t.Logf("stride %d, jitter %v: %d asked for after %v, %d in vain", tt.stride, tt.jitter, n, mean, inVain)
		if mean > tt.within || n < 300/int(tt.stride) {
			t.Errorf("stride %d, jitter %v: %d asked for, after %v on average", tt.stride, tt.jitter, n, mean)
		}
		if inVain > tt.inVain {
			t.Errorf("stride %d, jitter %v: %d asked for in vain", tt.stride, tt.jitter, inVain)
		}
	}
}

// Where nothing is lost nobody has to be woken up for what is overdue.
func TestAskerHasNothingToDoOnACleanPath(t *testing.T) {
	a := path()
	for seq := uint32(1); seq < 1000; seq++ {
		a.Arrived(at(seq), dg(seq))
		if _, ok := a.NextDeadline(); ok || len(a.Poll(at(seq), nil)) > 0 {
			t.Fatal("has something to do")
		}
	}
}

// What grows with one that came late shrinks again.
func TestPaceForgets(t *testing.T) {
	var p pace
	p.wrong(300 * ms)
	if p.timeout() > 100*ms {
		t.Errorf("waits %v for one that came 300 ms late", p.timeout())
	}
	for range 60 {
		p.right()
	}
	if p.timeout() > 12*ms {
		t.Errorf("still waits %v", p.timeout())
	}
}

// One of a hundred is not so much that later datagrams are not waited for.
func TestAskerBearsALittleLoss(t *testing.T) {
	a := path()
	for seq := uint32(1); seq < 1000; seq++ {
		if seq%100 == 0 {
			continue
		}
		if a.Arrived(at(seq), dg(seq)); a.lossy() {
			t.Fatalf("%d of %d are much", a.receipt.Lost(), a.receipt.Reach)
		}
	}
}

// tenth is an Asker to which every tenth datagram did not come, and the last one that did.
func tenth(stride uint32) (a *Asker, seq uint32) {
	a = &Asker{}
	a.SetPath(30*ms, 300*ms)
	for i := range 102 {
		seq += stride
		if i%10 == 9 {
			continue
		}
		a.Arrived(at(seq), Datagram{Seq: seq, Count: uint8(i % wire.HopCounts), Speech: true})
		a.Poll(at(seq)+5*ms, nil)
	}
	return a, seq
}

// A resend that comes before anything later does counts as one, and its datagram as lost.
func TestAskerKnowsAResendThatIsTheNewest(t *testing.T) {
	a, seq := tenth(4)
	before, next := told(a), seq+4
	for now := at(next); now < at(next)+60*ms; now += ms {
		if asksFor(a.Poll(now, nil), next) {
			d := Datagram{Seq: next, Count: 102, Again: true, Speech: true}
			if a.Arrived(now+30*ms, d) {
				t.Error("it is the newest of what came by itself")
			}
			if s := told(a); s.Lost != before.Lost+1 {
				t.Errorf("%+v, before %+v", s, before)
			}
			return
		}
	}
	t.Error("nothing was asked for")
}

// What would come too late is given up once, not again and again until it comes.
func TestAskerMissesADatagramOnce(t *testing.T) {
	a, seq := tenth(1)
	a.SetPath(500*ms, 100*ms)
	for now := at(seq); now < at(seq)+2*time.Second; now += ms {
		a.Poll(now, nil)
	}
	if a.missed == 0 || a.missed > guessMost {
		t.Errorf("%d given up", a.missed)
	}
	if at, ok := a.NextDeadline(); ok {
		t.Errorf("still has something to do at %v", at)
	}
}
