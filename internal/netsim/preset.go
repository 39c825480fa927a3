package netsim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrUnknownPreset is matched by the error of Preset for a name it does not know.
var ErrUnknownPreset = errors.New("unknown network")

// Info describes a preset.
type Info struct {
	Name  string
	About string // what it imitates, one line; delays are one way
}

// Presets lists the named networks in the order in which a table should show them.
func Presets() []Info {
	list := make([]Info, len(presets))
	for i, p := range presets {
		list[i] = p.Info
	}
	return list
}

// Preset returns the two directions of the named network, each with a random stream of its own
// derived from seed: up from a member to the relay, down back to it. The error matches
// ErrUnknownPreset.
func Preset(name string, seed uint64) (up, down Link, err error) {
	for _, p := range presets {
		if p.Name == name {
			s := seeds(seed)
			up = p.make(&s)
			return up, p.make(&s), nil
		}
	}
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.Name
	}
	return nil, nil, fmt.Errorf("%w %q; there are %s", ErrUnknownPreset, name, strings.Join(names, ", "))
}

const ms = time.Millisecond

type preset struct {
	Info
	make func(*seeds) Link // one direction
}

// The figures imitate recorded and generated traces; preset_test.go holds each to its line.
var presets = []preset{
	{Info{"lan", "wired: 2 ms, jitter below 1 ms"}, func(s *seeds) Link {
		return Jitter(Sum(Uniform(2*ms, 2*ms), HalfNormal(300*time.Microsecond)), true, s.next())
	}},
	{Info{"lte", "good 4G: 40 ms, scheduling of 0-8 ms, retransmission steps of 8 ms, wake-ups of 10-40 ms, 0.2 % loss"}, func(s *seeds) Link {
		return Chain(
			Loss(0.002, s.next()),
			Jitter(Sum(
				Uniform(40*ms, 48*ms),
				Sometimes(0.1, Uniform(8*ms, 8*ms)), Sometimes(0.01, Uniform(8*ms, 8*ms)),
				Sometimes(0.015, Uniform(10*ms, 40*ms))), true, s.next()))
	}},
	{Info{"wifi", "busy Wi-Fi: 15 ms; in busy periods 2-3 stalls a second of 20-150 ms whose datagrams then come as a clump; 0.5 % loss in pairs"}, func(s *seeds) Link {
		return Chain(
			Burst(Bursts(0.005, 2), s.next()),
			Jitter(Sum(Uniform(15*ms, 15*ms), HalfNormal(3500*time.Microsecond)), true, s.next()),
			Outage(OutageTimes{
				Gap:    Exponential(300*ms, 2*time.Second),
				Length: Sum(Uniform(20*ms, 20*ms), Exponential(50*ms, 130*ms)),
				Busy:   Uniform(6*time.Second, 10*time.Second),
				Quiet:  Uniform(5*time.Second, 8*time.Second),
			}, s.next()))
	}},
	{Info{"bufferbloat", "a shared queue: 37 ms, climbs by 345 ms in 4-7 s, stays (3 % loss there), drains, idles"}, func(s *seeds) Link {
		return Chain(
			Swell(345*ms, SwellTimes{
				Idle:  Uniform(3*time.Second, 6*time.Second),
				Climb: Uniform(4*time.Second, 7*time.Second),
				Hold:  Uniform(1*time.Second, 3*time.Second),
				Drain: Uniform(2500*ms, 3500*ms),
			}, 0.03, s.next()),
			Jitter(Sum(Uniform(35*ms, 35*ms), Exponential(4*ms, 30*ms)), true, s.next()))
	}},
	{Info{"loss5", "60 ms, jitter 4 ms, 5 % independent loss"}, lossy(0.05)},
	{Info{"loss10", "60 ms, jitter 4 ms, 10 % independent loss"}, lossy(0.10)},
	{Info{"loss20", "60 ms, jitter 4 ms, 20 % independent loss"}, lossy(0.20)},
	{Info{"loss30", "60 ms, jitter 4 ms, 30 % independent loss"}, lossy(0.30)},
	{Info{"burst10", "60 ms, jitter 4 ms, 10 % loss in bursts of 4 frames on average"}, bursty(0.10)},
	{Info{"burst20", "60 ms, jitter 4 ms, 20 % loss in bursts of 4 frames on average"}, bursty(0.20)},
	{Info{"edge", "2G: 300 ms, slow jitter of 100 ms, stalls of 200-500 ms, 5 % loss"}, func(s *seeds) Link {
		return Chain(
			Burst(Bursts(0.05, 1.5), s.next()),
			Wander(300*ms, 100*ms, 200*ms, 140*ms, s.next()),
			Outage(OutageTimes{Gap: Exponential(4*time.Second, time.Minute), Length: Uniform(200*ms, 500*ms)}, s.next()))
	}},
	{Info{"handover", "60 ms; a 1 s outage every 15 s: 200 ms of it are lost, the rest comes as a clump"}, func(s *seeds) Link {
		return Chain(steady(s), Outage(OutageTimes{
			Gap:       Uniform(13*time.Second, 15*time.Second),
			Length:    Uniform(time.Second, time.Second),
			LoseAfter: 60 * ms, LoseFor: 200 * ms,
		}, s.next()))
	}},
	{Info{"reorder", "70 ms; 15 % of the datagrams take a path that is 15-60 ms longer; 1 % loss"}, func(s *seeds) Link {
		return Chain(
			Loss(0.01, s.next()),
			Jitter(Sum(Uniform(70*ms, 70*ms), HalfNormal(2*ms)), true, s.next()),
			SecondPath(0.15, Uniform(15*ms, 60*ms), s.next()))
	}},
	{Info{"thin32", "a 32 kbit/s link with 1 s of queue, 40 ms, jitter 2 ms"}, thin(32_000)},
	{Info{"thin16", "a 16 kbit/s link with 1 s of queue, 40 ms, jitter 2 ms"}, thin(16_000)},
	{Info{"satellite", "geostationary: 300 ms each way, jitter 5 ms, 0.5 % loss"}, func(s *seeds) Link {
		return Chain(
			Loss(0.005, s.next()),
			Jitter(Normal(300*ms, 5*ms, 280*ms), true, s.next()))
	}},
	{Info{"leo", "low-orbit satellite: 40 ms, every 15 s a step up by 20-40 ms or back, 1.5 % loss"}, func(s *seeds) Link {
		return Chain(
			Loss(0.015, s.next()),
			Steps(15*time.Second, Uniform(20*ms, 40*ms), s.next()),
			Jitter(Sum(Normal(40*ms, 2500*time.Microsecond, 34*ms), Sometimes(0.05, Exponential(5*ms, 25*ms))), true, s.next()))
	}},
	{Info{"powersave", "a phone that sleeps: 45 ms and a stall of 60 ms each second; for 1-3 s of each 7-13 s it wakes up every 100-300 ms only; 0.2 % loss"}, func(s *seeds) Link {
		return Chain(
			Loss(0.002, s.next()),
			Wander(45*ms, 10*ms, 2*time.Second, 20*ms, s.next()),
			Outage(OutageTimes{Gap: Uniform(940*ms, 940*ms), Length: Uniform(60*ms, 60*ms)}, s.next()),
			Outage(OutageTimes{
				Gap:    Uniform(0, 0),
				Length: Uniform(100*ms, 300*ms),
				Busy:   Uniform(time.Second, 3*time.Second),
				Quiet:  Uniform(6*time.Second, 10*time.Second),
			}, s.next()))
	}},
	{Info{"sawtooth", "a video player beside it: 20 ms; every 4 s a queue fills to 180 ms in 2 s and empties in 0.6; 0.3 % loss"}, func(s *seeds) Link {
		return Chain(
			Loss(0.003, s.next()),
			Swell(180*ms, SwellTimes{
				Idle:  Uniform(1200*ms, 1600*ms),
				Climb: Uniform(2*time.Second, 2*time.Second),
				Hold:  Uniform(0, 0),
				Drain: Uniform(600*ms, 600*ms),
			}, 0, s.next()),
			Jitter(Sum(Uniform(20*ms, 20*ms), HalfNormal(2500*time.Microsecond)), true, s.next()))
	}},
}

// steady is the plain path under several presets: 60 ms with a Gaussian jitter of 4 ms.
func steady(s *seeds) Link { return Jitter(Normal(60*ms, 4*ms, 50*ms), true, s.next()) }

func lossy(p float64) func(*seeds) Link {
	return func(s *seeds) Link { return Chain(Loss(p, s.next()), steady(s)) }
}

func bursty(p float64) func(*seeds) Link {
	return func(s *seeds) Link { return Chain(Burst(Bursts(p, 4), s.next()), steady(s)) }
}

func thin(bitsPerSecond float64) func(*seeds) Link {
	return func(s *seeds) Link {
		return Chain(
			Rate(bitsPerSecond, time.Second),
			Jitter(Sum(Uniform(40*ms, 40*ms), HalfNormal(2*ms)), true, s.next()))
	}
}
