package repair

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tincan-voice/tincan/netproto"
	"github.com/tincan-voice/tincan/netproto/wire"
)

func TestCapHoldsOverAnySecond(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		kbps := 12 + rng.IntN(60)
		var p Cap
		p.Set(wire.Kbps(kbps))
		type sent struct {
			at    time.Duration
			bytes int
		}
		var log []sent
		now := time.Duration(0)
		for range 20000 {
			now += time.Duration(rng.Int64N(int64(15 * ms)))
			if rng.IntN(500) == 0 {
				now += time.Duration(rng.Int64N(int64(3 * time.Second)))
			}
			size := 20 + rng.IntN(400)
			room := p.Room(now, 0)
			if ok := p.Send(now, size, Upcoming{}); ok {
				if size > room {
					t.Fatalf("let out %d bytes with room for %d", size, room)
				}
				log = append(log, sent{now, size})
			}
		}
		sum, from := 0, 0
		for i := range log {
			sum += log[i].bytes
			for log[i].at-log[from].at >= time.Second {
				sum -= log[from].bytes
				from++
			}
			if sum*8 > kbps*1000 {
				t.Fatalf("%d bit in a second, cap %d kbit/s", sum*8, kbps)
			}
		}
		if len(log) < 100 {
			t.Fatalf("only %d datagrams went out", len(log))
		}
	}
}

// Whatever else wants to be sent, the voice that is to come goes.
func TestCapKeepsRoomForVoice(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var p Cap
		p.Set(24)
		every := time.Duration(1+rng.IntN(6)) * wire.FrameDuration
		voice := int(every * 2200 / time.Second) // bytes: 17.6 kbit/s
		others, next := 0, time.Duration(0)
		for now := time.Duration(0); now < 20*time.Second; now += time.Millisecond {
			if now >= next {
				if !p.Send(now, voice, Upcoming{}) {
					t.Fatalf("seed %d: no room for voice at %v", seed, now)
				}
				next += every
			}
			if rng.IntN(10) == 0 && p.Send(now, 40+rng.IntN(200), Upcoming{Bytes: voice, Next: next - now, Every: every}) {
				others++
			}
		}
		if others < 20 {
			t.Errorf("seed %d: only %d others went out", seed, others)
		}
	}
}

// Twice a second a probe, every two seconds a report on one talker fit into what is left for them.
func TestControlFits(t *testing.T) {
	report, err := netproto.AppendReport(nil, &netproto.Report{Talkers: make([]netproto.TalkerReport, 1)})
	if err != nil {
		t.Fatal(err)
	}
	probe := netproto.AppendProbe(nil, netproto.Probe{})
	const around = netproto.HeaderSize + netproto.TagSize + wire.IPv4Overhead
	if rate := wire.KbpsOf(4*(len(probe)+around)+len(report)+around, ReportCalm); rate > UpControl || rate < UpControl-0.2 {
		t.Errorf("%v kbit/s are left for %v", UpControl, rate)
	}
	feedback := netproto.AppendFeedback(nil, &netproto.Feedback{}) // and under a cap half as many are probes
	if rate := wire.KbpsOf(2*(len(probe)+around)+len(feedback)+around, ReportCalm); rate > DownControl || rate < DownControl-0.2 {
		t.Errorf("%v kbit/s are left for %v and nacks", DownControl, rate)
	}
	const frames, voice = 6, netproto.VoiceHeaderSize + netproto.TagSize + netproto.HopSize + wire.IPv4Overhead
	frame := int(wire.Kbps(6).Bytes(wire.FrameDuration))
	if rate := UpControl + wire.KbpsOf(frames*frame+voice, frames*wire.FrameDuration); rate > LeastRate || rate < LeastRate-0.5 {
		t.Errorf("an emergency takes %v kbit/s, not %v", rate, LeastRate)
	}
}

// A cap is divided among as many as have something of their part.
func TestPart(t *testing.T) {
	for _, tt := range []struct {
		cap     wire.Kbps
		talkers int
		want    wire.Kbps
	}{{64, 1, 64}, {64, 2, 30.4}, {64, 4, 20.27}, {34, 2, 16.15}, {33, 2, 33}, {0, 3, 0}} {
		if got := Part(tt.cap, tt.talkers); math.Abs(float64(got-tt.want)) > 0.01 {
			t.Errorf("a cap of %v for %d: %v, want %v", tt.cap, tt.talkers, got, tt.want)
		}
	}
}

func TestMoodOf(t *testing.T) {
	for _, tt := range []struct {
		lossy bool
		queue time.Duration
		trend float64
		want  Mood
	}{
		{false, 50 * ms, 0.2, Calm}, {false, 70 * ms, 0.02, Calm}, {true, 70 * ms, 0, Lossy}, {true, 70 * ms, 0.04, Jammed},
	} {
		if got := MoodOf(tt.lossy, tt.queue, tt.trend); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// Some delay is waited for in any case, more where much is lost, and no end of it nowhere.
func TestPatience(t *testing.T) {
	for _, tt := range []struct {
		way, buffer time.Duration
		loss        float64
		want        time.Duration
	}{
		{60 * ms, 0, 0, 0}, {60 * ms, 0, 0.01, 180 * ms}, {60 * ms, 0, 1, 320 * ms}, {300 * ms, 40 * ms, 0, 40 * ms}, {60 * ms, 500 * ms, 0, 500 * ms},
	} {
		if got := Patience(tt.way, tt.buffer, tt.loss); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestScheduleIsLazyWhenCleanAndQuickWhenNot(t *testing.T) {
	var s Schedule
	var sent []time.Duration
	count := func(from, to time.Duration) (n int) {
		for _, at := range sent {
			if at >= from && at < to {
				n++
			}
		}
		return n
	}
	const second = time.Second
	for now := time.Duration(0); now < 40*second; now += 20 * ms {
		mood := Calm
		if now >= 10*second+500*ms && now < 15*second {
			mood = Lossy
		}
		if now >= 20*second && now < 21*second {
			mood = Jammed
		}
		if s.Due(now, mood) {
			if len(sent) > 0 && now-sent[len(sent)-1] < ReportJammed {
				t.Errorf("reports %v apart", now-sent[len(sent)-1])
			}
			sent = append(sent, now)
		}
	}
	for _, tt := range []struct {
		from, to    time.Duration
		least, most int
	}{
		{0, 10 * second, 5, 6},
		{10*second + 500*ms, 10*second + 520*ms, 1, 1}, // at once
		{11 * second, 15 * second, 3, 4},
		{20 * second, 21 * second, 3, 4},
		{30 * second, 40 * second, 5, 6},
	} {
		if n := count(tt.from, tt.to); n < tt.least || n > tt.most {
			t.Errorf("%d reports from %v to %v, want %d to %d", n, tt.from, tt.to, tt.least, tt.most)
		}
	}
}

func TestPacingDoesNotAllocate(t *testing.T) {
	var p Cap
	var r Resender
	p.Set(32)
	r.SetRate(32)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += wire.FrameDuration
		p.Send(now, 100, Upcoming{Bytes: 100, Next: wire.FrameDuration, Every: wire.FrameDuration})
		r.Allow(now, 1, uint32(now/wire.FrameDuration), 100, 50*ms)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
