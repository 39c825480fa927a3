package engine

import "time"

const (
	// paceWindow is over how many looks, of tickEvery each, the pace of a device is taken.
	paceWindow = 25
	// slowBelow is the pace, in parts of real time, below which a device is slow, and keepsUp that from which on it is
	// not any more. Clocks of sound cards differ by far less than one in a thousand.
	slowBelow, keepsUp = 0.85, 0.88
)

// pace tells whether a device gives or takes sound in real time. It is sans-IO. The zero value is ready, and begins
// with the first sound.
type pace struct {
	last  time.Duration // the look before
	total time.Duration // of sound, then
	looks [paceWindow]struct{ wall, sound time.Duration }
	count int
}

// look takes how much sound has passed in all up to now.
func (p *pace) look(now, total time.Duration) {
	if p.count > 0 || total > p.total {
		// What a look is late is our own fault: a busy machine, a stopped process. It does not count as time, but the
		// sound that passed does.
		l := &p.looks[p.count%paceWindow]
		l.wall, l.sound = min(now-p.last, tickEvery), total-p.total
		p.count++
	}
	p.last, p.total = now, total
}

// reset begins anew, for another device or one that nothing is wanted from.
func (p *pace) reset(total time.Duration) { *p = pace{total: total} }

// share is the pace in parts of real time, unless nothing at all has passed of late: a device that stands still is
// stuck. The longest time in which no sound passed is left out: a single hiccup is not slow.
func (p *pace) share() (share float64, ok bool) {
	if p.count < paceWindow {
		return 1, false
	}
	var wall, sound, gap, longest time.Duration
	for i := range paceWindow {
		l := p.looks[(p.count+i)%paceWindow]
		wall, sound, gap = wall+l.wall, sound+l.sound, gap+l.wall
		if l.sound > 0 {
			gap = 0
		}
		longest = max(longest, gap)
	}
	if wall == longest {
		return 0, false
	}
	return float64(sound) / float64(wall-longest), true
}
