package netsim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Delay holds every datagram for d.
func Delay(d time.Duration) Link { return delay(d) }

type delay time.Duration

func (d delay) Send(now time.Duration, _ int) Fate { return Arrive(now + time.Duration(d)) }

// Distribution draws one random delay.
type Distribution func(*rand.Rand) time.Duration

// Uniform is spread evenly over lo to hi.
func Uniform(lo, hi time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration { return lo + time.Duration(r.Float64()*float64(hi-lo)) }
}

// Normal is Gaussian with the mean and standard deviation given, cut off below min.
func Normal(mean, sd, min time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration {
		return max(min, mean+time.Duration(r.NormFloat64()*float64(sd)))
	}
}

// HalfNormal is the absolute value of a Gaussian: most often near zero.
func HalfNormal(sd time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration {
		return time.Duration(math.Abs(r.NormFloat64()) * float64(sd))
	}
}

// Exponential has the mean given and is cut off above max.
func Exponential(mean, max time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration {
		return min(max, time.Duration(r.ExpFloat64()*float64(mean)))
	}
}

// Sometimes draws from d with probability p and is zero otherwise.
func Sometimes(p float64, d Distribution) Distribution {
	return func(r *rand.Rand) time.Duration {
		if r.Float64() >= p {
			return 0
		}
		return d(r)
	}
}

// Sum adds independent draws.
func Sum(parts ...Distribution) Distribution {
	return func(r *rand.Rand) (sum time.Duration) {
		for _, d := range parts {
			sum += d(r)
		}
		return sum
	}
}

// Jitter delays each datagram by a draw from d. Ordered, a datagram never overtakes the one
// before it, as on a path with one queue; otherwise the draws alone decide.
func Jitter(d Distribution, ordered bool, seed uint64) Link {
	return &jitter{dist: d, ordered: ordered, rng: newRand(seed)}
}

type jitter struct {
	dist    Distribution
	ordered bool
	rng     *rand.Rand
	last    time.Duration // latest arrival so far
}

func (j *jitter) Send(now time.Duration, _ int) Fate {
	at := now + j.dist(j.rng)
	if j.ordered {
		at = max(at, j.last)
		j.last = at
	}
	return Arrive(at)
}

// Wander delays datagrams by a slowly changing amount and keeps their order: a Gaussian with
// the mean and standard deviation given, whose memory fades with the time constant tau (an
// Ornstein-Uhlenbeck process), cut off below min.
func Wander(mean, sd, tau, min time.Duration, seed uint64) Link {
	return &wander{mean: mean, sd: sd, tau: tau, min: min, rng: newRand(seed)}
}

type wander struct {
	mean, sd, tau, min time.Duration
	rng                *rand.Rand
	started            bool
	value              float64 // in standard deviations
	at, last           time.Duration
}

func (w *wander) Send(now time.Duration, _ int) Fate {
	if !w.started {
		w.started, w.value = true, w.rng.NormFloat64()
	} else {
		memory := math.Exp(-float64(max(now-w.at, 0)) / float64(w.tau))
		w.value = memory*w.value + math.Sqrt(1-memory*memory)*w.rng.NormFloat64()
	}
	w.at = now
	w.last = max(w.last, now+max(w.min, w.mean+time.Duration(w.value*float64(w.sd))))
	return Arrive(w.last)
}

// Steps is a route that changes: each time that so long has passed the delay goes up by a draw from size, or back. It
// begins anywhere. The order is kept.
func Steps(every time.Duration, size Distribution, seed uint64) Link {
	rng := newRand(seed)
	return &steps{every: every, size: size, rng: rng, next: time.Duration(rng.Float64() * float64(every))}
}

type steps struct {
	every       time.Duration
	size        Distribution
	rng         *rand.Rand
	next        time.Duration // when it steps
	delay, last time.Duration
}

func (s *steps) Send(now time.Duration, _ int) Fate {
	for ; now >= s.next; s.next += s.every {
		if s.delay > 0 {
			s.delay = 0
		} else {
			s.delay = s.size(s.rng)
		}
	}
	s.last = max(s.last, now+s.delay)
	return Arrive(s.last)
}

// SwellTimes says how long each part of a Swell lasts, drawn anew for every round.
type SwellTimes struct {
	Idle, Climb, Hold, Drain Distribution
}

// Swell is a queue that others fill: extra delay that idles at zero, climbs to peak, holds and
// drains, again and again, whatever we send. While it holds it drops datagrams with probability
// loss. The order is kept.
func Swell(peak time.Duration, times SwellTimes, loss float64, seed uint64) Link {
	return &swell{peak: peak, times: times, loss: loss, rng: newRand(seed)}
}

type swell struct {
	peak       time.Duration
	times      SwellTimes
	loss       float64
	rng        *rand.Rand
	marks      [4]time.Duration // where climb, hold, drain and the round itself end or begin
	start, end time.Duration
	last       time.Duration
}

func (s *swell) Send(now time.Duration, _ int) Fate {
	for now >= s.end {
		s.start = s.end
		t := s.start
		for i, d := range []Distribution{s.times.Idle, s.times.Climb, s.times.Hold, s.times.Drain} {
			t += max(d(s.rng), time.Millisecond)
			s.marks[i] = t
		}
		s.end = t
	}
	var extra time.Duration
	switch m := s.marks; {
	case now < m[0]:
	case now < m[1]:
		extra = scale(s.peak, now-m[0], m[1]-m[0])
	case now < m[2]:
		extra = s.peak
		if s.rng.Float64() < s.loss {
			return Lost
		}
	default:
		extra = scale(s.peak, m[3]-now, m[3]-m[2])
	}
	s.last = max(s.last, now+extra)
	return Arrive(s.last)
}

func scale(d, part, whole time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(part) / float64(whole))
}
