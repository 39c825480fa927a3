package netsim

import (
	"testing"
	"time"
)

func TestDelayAndChain(t *testing.T) {
	link := Chain(Delay(10*ms), Delay(5*ms))
	if got, want := link.Send(1000*time.Second, 1).At[0], 1000*time.Second+15*ms; got != want {
		t.Errorf("arrives at %v, want %v", got, want)
	}
	if got := Chain().Send(time.Second, 1); got != Arrive(time.Second) {
		t.Errorf("an empty chain gave %v", got)
	}
	if got := Chain(Loss(1, 1), Delay(1)).Send(0, 1); got.Copies != 0 {
		t.Errorf("total loss let %v through", got)
	}
}

func TestJitterOrder(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		m := measure(Jitter(Uniform(0, 100*ms), ordered, 1), 1, 10*time.Minute)
		if ordered != (m.reordered == 0) {
			t.Errorf("ordered %v: %.1f %% reordered", ordered, 100*m.reordered)
		}
	}
}

func TestRateQueueDropsTheTail(t *testing.T) {
	// 100 bytes with headers at 8 kbit/s take 100 ms; the queue holds 250 ms.
	link := Rate(8000, 250*ms)
	var got []time.Duration
	for range 5 {
		fate := link.Send(0, 100-HeaderBytes)
		got = append(got, time.Duration(fate.Copies)*fate.At[0])
	}
	want := []time.Duration{100 * ms, 200 * ms, 300 * ms, 0, 0}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("arrivals %v, want %v", got, want)
		}
	}
	if fate := link.Send(time.Second, 100-HeaderBytes); fate.At[0] != 1100*ms {
		t.Errorf("an idle link delivers at %v", fate.At[0])
	}
}

func TestOutage(t *testing.T) {
	fixed := func(d time.Duration) Distribution { return Uniform(d, d) }
	for name, c := range map[string]struct {
		loseAfter, loseFor time.Duration
		held, lost         int
	}{
		"held, then a clump": {0, 0, 10, 0},
		"lost":               {0, 200 * ms, 0, 10},
		"lost in the middle": {60 * ms, 100 * ms, 5, 5},
	} {
		link := Outage(OutageTimes{Gap: fixed(time.Second), Length: fixed(200 * ms), LoseAfter: c.loseAfter, LoseFor: c.loseFor}, 1)
		held, lost := 0, 0
		for now := time.Duration(0); now < 2*time.Second; now += Slot {
			switch fate := link.Send(now, 1); {
			case fate.Copies == 0:
				lost++
			case fate.At[0] > now:
				held++
				if fate.At[0] != 1200*ms {
					t.Errorf("%s: released at %v", name, fate.At[0])
				}
			}
		}
		if held != c.held || lost != c.lost {
			t.Errorf("%s: held %d, lost %d", name, held, lost)
		}
	}
}

// A fade lasts as long in time whatever is sent meanwhile.
func TestBurstsAreMadeOfTime(t *testing.T) {
	for _, every := range []time.Duration{Slot, 3 * Slot} {
		link := Burst(Bursts(.2, 4), 5)
		lost, sent := 0, 0
		for now := time.Duration(0); now < time.Hour; now += every {
			sent++
			lost += 1 - link.Send(now, 1).Copies
		}
		if rate := float64(lost) / float64(sent); rate < .19 || rate > .21 {
			t.Errorf("a datagram per %v: %.1f %% lost", every, 100*rate)
		}
	}
	// Years of silence cost no more than a thousand slots.
	if n := testing.AllocsPerRun(1, func() { Burst(Bursts(.2, 4), 5).Send(1<<62, 1) }); n > 10 {
		t.Errorf("%v allocations", n)
	}
}

func TestDuplicate(t *testing.T) {
	link := Chain(Duplicate(.1, Uniform(5*ms, 5*ms), 1), Delay(10*ms))
	twice := 0
	for i := range 10_000 {
		now := time.Duration(i) * Slot
		if fate := link.Send(now, 1); fate.Copies == 2 {
			twice++
			if fate.At != [2]time.Duration{now + 10*ms, now + 15*ms} {
				t.Fatalf("arrives at %v", fate.At)
			}
		}
	}
	if twice < 900 || twice > 1100 {
		t.Errorf("%d of 10000 came twice, want a tenth", twice)
	}
}

func TestSchedule(t *testing.T) {
	link := Schedule(Step{0, Delay(1)}, Step{time.Second, Delay(2)}, Step{2 * time.Second, Delay(3)})
	for now, want := range map[time.Duration]time.Duration{0: 1, time.Second - 1: 1, time.Second: 2, time.Hour: 3} {
		if got := link.Send(now, 1).At[0] - now; got != want {
			t.Errorf("at %v: delay %v, want %v", now, got, want)
		}
	}
}

func TestPipe(t *testing.T) {
	p := Pipe{Link: replayed(t, "0,0,50\n1,20,30\n2,40,-1\n3,60,60\n"), Limit: 3}
	for i := range 4 {
		p.Send(time.Duration(i)*Slot, []byte{byte(i)})
	}
	if next, ok := p.Next(); !ok || next != 30*ms {
		t.Errorf("next arrives at %v, %v", next, ok)
	}
	var got []byte
	var at []time.Duration
	for {
		d, when, ok := p.Receive(time.Second)
		if !ok {
			break
		}
		got, at = append(got, d...), append(at, when)
	}
	if string(got) != "\x01\x00\x03" || at[0] != 30*ms || at[1] != 50*ms || at[2] != 60*ms {
		t.Errorf("got %v at %v", got, at)
	}
	if p.Sent != 4 || p.Lost != 1 || p.Overflowed != 0 {
		t.Errorf("counted %+v", p)
	}
	if _, ok := p.Next(); ok {
		t.Error("an empty pipe has something next")
	}
	for range 5 {
		p.Send(0, nil)
	}
	if p.Overflowed != 2 {
		t.Errorf("%d over the limit, want 2", p.Overflowed)
	}
	if _, _, ok := p.Receive(0); ok {
		t.Error("it arrived before its time")
	}
}

func BenchmarkPreset(b *testing.B) {
	for _, name := range []string{"wifi", "edge"} {
		b.Run(name, func(b *testing.B) {
			link, _, _ := Preset(name, 1)
			for now := time.Duration(0); b.Loop(); now += Slot {
				link.Send(now, 60)
			}
		})
	}
}
