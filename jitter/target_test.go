package jitter

import "testing"

// A storm in order is waited for up to the limit, however much of it is later still; and no target is above the limit,
// though it has come down since the last frame.
func TestTargetKeepsToTheLimit(t *testing.T) {
	var m delayModel
	m.reset()
	m.learn(2000, func(n int64) (int64, order) {
		if n%6 == 0 { // or the queue would not stay
			return 0, inOrder
		}
		return n * 7 % 190, inOrder
	})
	var a target
	const limit = 94 * tick
	a.update(&m, limit)
	if a.margin < limit*9/10 || a.margin > limit {
		t.Errorf("wants %v of %v", duration(a.margin), duration(limit))
	}
	if a.update(&m, limit/2); a.margin > limit/2 {
		t.Errorf("wants %v where the limit is %v", duration(a.margin), duration(limit/2))
	}
}

// What cannot be reached below the limit is not waited for at all.
func TestTargetAboveTheLimitIsNone(t *testing.T) {
	var m delayModel
	m.reset()
	m.learn(2000, func(n int64) (int64, order) {
		if n%3 == 0 {
			return 60, astray
		}
		return 0, inOrder
	})
	var a target
	if a.update(&m, 80*tick); a.margin < 55*tick {
		t.Errorf("wants %v where a third comes 300 ms late", duration(a.margin))
	}
	a = target{}
	if a.update(&m, 20*tick); a.margin > 2*tick {
		t.Errorf("wants %v for a third that comes 300 ms late, where the limit is 100 ms", duration(a.margin))
	}
}

// The queue trembles, the delay does not.
func TestTheDelayDoesNotTremble(t *testing.T) {
	var m delayModel
	m.reset()
	m.learn(100, calmly)
	var a target
	a.update(&m, SampleRate)
	was := a.delay
	for i := range int64(20) {
		m.queue = -i % 2 * tick * 9 / 10
		if a.update(&m, SampleRate); a.delay != was {
			t.Fatalf("the delay goes from %v to %v", duration(was), duration(a.delay))
		}
	}
	m.queue = -5 * tick
	if a.update(&m, SampleRate); a.delay > was-3*tick {
		t.Error("a queue that is gone is not followed")
	}
}
