package lab

import (
	"math"
	"slices"
	"time"
)

// A disturbance is a time in which the network delays or loses what it did not before: datagrams
// that take 100 ms longer than the median of the last 10 s, or at least 100 ms of losses in a row.
// Disturbances less than 1 s apart are one.
//
// Recovery is the time from the end of it (the arrival of its last datagram) until what is heard
// is again within 20 ms of the delay it had before (the mean of the 2 s before it began), or below.
const (
	disturbedBy    = 100 * time.Millisecond
	disturbedLoss  = 5 // frames
	disturbedApart = time.Second
	settledMemory  = 10 * time.Second
	settledNeeds   = 2 * time.Second
	recovered      = 20 * time.Millisecond
)

type disturbance struct{ from, to time.Duration }

// recovery measures how long disturbances were heard.
func (l *log) recovery(active []bool) Recovery {
	type heard struct {
		at    time.Duration
		delay float64 // ms
	}
	var playout []heard
	for _, p := range l.pieces {
		if i := int(p.Frame) - 1; p.isSpeech() && i >= 0 && i < len(active) && active[i] {
			playout = append(playout, heard{time.Duration(seconds(float64(p.at)) * 1e9), 1000 * seconds(p.delay())})
		}
	}
	var r Recovery
	sum := 0.0
	disturbances := l.disturbances()
	for i, d := range disturbances {
		before, n := 0.0, 0
		for _, h := range playout {
			if h.at >= d.from-settledNeeds && h.at < d.from {
				before += h.delay
				n++
			}
		}
		if n == 0 {
			continue // nobody spoke
		}
		r.Disturbances++
		until := time.Duration(math.MaxInt64)
		if i+1 < len(disturbances) {
			until = disturbances[i+1].from
		}
		back := slices.IndexFunc(playout, func(h heard) bool {
			return h.at >= d.to && h.at < until && h.delay <= before/float64(n)+milliseconds(recovered)
		})
		if back < 0 {
			r.Unfinished++
			continue
		}
		took := max(0, playout[back].at-d.to).Seconds()
		sum += took
		r.WorstS = max(r.WorstS, took)
	}
	if done := r.Disturbances - r.Unfinished; done > 0 {
		r.MeanS = round(sum/float64(done), 3)
	}
	r.WorstS = round(r.WorstS, 3)
	return r
}

// disturbances finds them in the ways of the datagrams.
func (l *log) disturbances() []disturbance {
	var found []disturbance
	var recent []trip // arrived, of the last settledMemory
	lost := 0
	var lostFrom time.Duration
	note := func(from, to time.Duration) {
		if n := len(found); n > 0 && from-found[n-1].to < disturbedApart {
			found[n-1].to = max(found[n-1].to, to)
			return
		}
		found = append(found, disturbance{from, to})
	}
	for _, t := range l.trips {
		switch {
		case t.sent == never:
			continue
		case t.arrived == never:
			if lost == 0 {
				lostFrom = t.sent
			}
			if lost++; lost >= disturbedLoss {
				note(lostFrom, t.sent)
			}
			continue
		}
		lost = 0
		for len(recent) > 0 && t.sent-recent[0].sent > settledMemory {
			recent = recent[1:]
		}
		if len(recent) > 0 && t.sent-recent[0].sent >= settledNeeds-frame {
			delays := make([]time.Duration, len(recent))
			for i, r := range recent {
				delays[i] = r.arrived - r.sent
			}
			slices.Sort(delays)
			if t.arrived-t.sent > delays[len(delays)/2]+disturbedBy {
				note(t.sent, t.arrived)
			}
		}
		recent = append(recent, t)
	}
	return found
}
