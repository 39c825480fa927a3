//go:build cgo

package bench

import (
	"math/rand/v2"
	"testing"
	"time"
)

// mostPerTalker is how many datagrams per second a relay takes from one session, with a
// margin for chance.
const mostPerTalker = 180

// latency is the one-way delay at half of the load under which the floor's thread would
// be full: datagrams by chance (a Poisson process), to the relay and to the floor in turns.
func latency(listeners, talkers int) func(*testing.B) {
	return func(b *testing.B) {
		p := newParty(b, listeners)
		rng := rand.New(rand.NewPCG(uint64(listeners), uint64(talkers)))
		var ours, least []outcome
		var rate float64
		for b.Loop() {
			p.round(b, p.script(talkers, anyTime, rng, true), false)
			cost := p.round(b, p.script(talkers, anyTime, rng, false), true).perDelivery / 1e9
			rate = min(0.5/(cost*float64(listeners-1)), mostPerTalker*float64(talkers))
			for range fanoutRounds {
				ours = append(ours, p.round(b, p.chance(talkers, rate, rng, true), false))
				least = append(least, p.round(b, p.chance(talkers, rate, rng, false), true))
			}
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(rate*float64(listeners-1), "deliveries/s")
		for _, m := range []struct {
			unit string
			of   func(outcome) float64
		}{
			{"p50", func(o outcome) float64 { return o.p50 }},
			{"p99", func(o outcome) float64 { return o.p99 }},
		} {
			relay, floor := median(ours, m.of), median(least, m.of)
			b.ReportMetric(relay, "relay-"+m.unit+"-us")
			b.ReportMetric(floor, "floor-"+m.unit+"-us")
			b.ReportMetric(relay/floor, m.unit+"-x-floor")
		}
	}
}

// chance is a script of so many datagrams per second, of all talkers together.
func (p *party) chance(talkers int, rate float64, rng *rand.Rand, tagged bool) []shot {
	var shots []shot
	for at := time.Duration(0); at < fanoutTime; at += time.Duration(rng.ExpFloat64() / rate * float64(time.Second)) {
		shots = append(shots, p.shot(at, len(shots)%talkers*len(p.members)/talkers, tagged))
	}
	return shots
}
