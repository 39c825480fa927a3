package netsim

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// measured is what a flow of one datagram per 20 ms meets.
type measured struct {
	loss, burst                        float64 // share lost; mean run of losses in datagrams
	mean, low, p10, p50, p90, p95, p99 float64 // one-way delay in ms
	high, step                         float64 // longest delay; mean change from one to the next
	reordered                          float64 // share that arrives before its predecessor
}

func (m measured) String() string {
	return fmt.Sprintf("loss %5.2f%% burst %4.2f mean %6.1f min %6.1f p10 %6.1f p50 %6.1f p90 %6.1f p95 %6.1f p99 %6.1f max %6.1f step %4.1f reordered %4.1f%%",
		100*m.loss, m.burst, m.mean, m.low, m.p10, m.p50, m.p90, m.p95, m.p99, m.high, m.step, 100*m.reordered)
}

func measure(link Link, size int, length time.Duration) measured {
	var m measured
	var delays []float64
	var sent, lost, bursts, reordered, steps int
	before, lastDelay := time.Duration(-1), math.NaN()
	wasLost := false
	for now := time.Duration(0); now < length; now += Slot {
		sent++
		fate := link.Send(now, size)
		if fate.Copies == 0 {
			lost++
			if !wasLost {
				bursts++
			}
			wasLost, lastDelay = true, math.NaN()
			continue
		}
		wasLost = false
		if fate.At[0] < before {
			reordered++
		}
		before = fate.At[0]
		d := float64(fate.At[0]-now) / float64(ms)
		if !math.IsNaN(lastDelay) {
			m.step += math.Abs(d - lastDelay)
			steps++
		}
		lastDelay = d
		delays = append(delays, d)
		m.mean += d
	}
	slices.Sort(delays)
	n := len(delays)
	at := func(p float64) float64 { return delays[min(n-1, int(p*float64(n)))] }
	m.mean /= float64(n)
	m.step /= float64(steps)
	m.low, m.p10, m.p50, m.p90, m.p95, m.p99, m.high = delays[0], at(.1), at(.5), at(.9), at(.95), at(.99), delays[n-1]
	m.loss, m.reordered = float64(lost)/float64(sent), float64(reordered)/float64(sent)
	if bursts > 0 {
		m.burst = float64(lost) / float64(bursts)
	}
	return m
}
