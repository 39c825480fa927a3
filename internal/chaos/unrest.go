package main

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// unrest says how often what happens, and for how long.
type unrest struct {
	calm   span          // between two disturbances of one person
	cut    span          // nothing gets through
	bad    span          // much is lost, or UDP is dead
	uptime span          // between two ends of the relay
	down   span          // how long it is gone
	stray  time.Duration // after a move, how long TCP does not know of it: as long as its keep-alive takes
}

// span is a range of times.
type span struct{ least, most time.Duration }

// draw takes short times as often as long ones: their logarithm is uniform.
func (s span) draw(rng *rand.Rand) time.Duration {
	ratio := float64(s.most) / float64(s.least)
	return time.Duration(float64(s.least) * math.Pow(ratio, rng.Float64()))
}

// kind is what disturbed somebody.
type kind int

const (
	undisturbed kind = iota
	cut              // nothing got through for a while
	moved            // another address; TCP was told at once
	strayed          // another address; TCP found out later
	cutAndMoved      // nothing got through, then from another address
	lossy            // 10 to 30 % were lost, both ways
	upDead           // no datagram got up
	downDead         // none got down
	udpDead          // none at all
	relayKilled      // SIGKILL
	relayEnded       // SIGTERM
	starved          // the machine did not let this program run
	kinds            // how many there are
)

var kindNames = [kinds]string{
	"undisturbed", "cut", "moved", "moved, TCP in silence", "cut, then moved", "10 to 30 % lost", "UDP up dead",
	"UDP down dead", "UDP dead", "relay killed", "relay ended", "the machine was busy",
}

// often is how often a path is disturbed in which way, relative to each other.
var often = [kinds]int{cut: 8, moved: 3, strayed: 2, cutAndMoved: 3, lossy: 3, upDead: 1, downDead: 1, udpDead: 1}

func drawKind(rng *rand.Rand) kind {
	sum := 0
	for _, n := range often {
		sum += n
	}
	left := rng.IntN(sum)
	for k, n := range often {
		if left -= n; left < 0 {
			return kind(k)
		}
	}
	panic("unreachable")
}

// disturb is the life of a path until ctx ends: calm, a disturbance, and so on. In the end it is whole.
func (u unrest) disturb(ctx context.Context, p *path, rng *rand.Rand, t *troubles) {
	for sleep(ctx, u.calm.draw(rng)) {
		k := drawKind(rng)
		length := u.bad.draw(rng)
		part := 0.1 + 0.2*rng.Float64()
		end := t.begin(k)
		switch k {
		case cut, cutAndMoved:
			length = u.cut.draw(rng)
			p.cut(true)
			sleep(ctx, length)
			if k == cutAndMoved {
				p.move(u.stray)
			}
			p.cut(false)
		case moved:
			p.move(0)
		case strayed:
			p.move(u.stray)
		case lossy:
			p.lose(part, part)
		case upDead:
			p.lose(1, 0)
		case downDead:
			p.lose(0, 1)
		case udpDead:
			p.lose(1, 1)
		}
		switch k {
		case lossy, upDead, downDead, udpDead:
			sleep(ctx, length)
			p.lose(0, 0)
		}
		end()
	}
}

// disturb ends the relay and starts it again, until ctx ends.
func (r *relay) disturb(ctx context.Context, u unrest, rng *rand.Rand, t *troubles) error {
	for sleep(ctx, u.uptime.draw(rng)) {
		k := relayKilled
		if rng.IntN(2) == 0 {
			k = relayEnded
		}
		end := t.begin(k)
		if err := r.end(k == relayKilled); err != nil {
			return err
		}
		sleep(ctx, u.down.draw(rng))
		if err := r.begin(); err != nil {
			return err
		}
		end()
	}
	return nil
}

// sleep reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
