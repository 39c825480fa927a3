package jitter

import (
	"slices"
	"time"
)

// delayModel learns how late datagrams are, against the earliest of them.
type delayModel struct {
	late   [window]time.Duration // arrival less frame time
	n      int
	base   time.Duration
	target time.Duration
}

// window is how many datagrams are remembered: 10 s.
const window = 500

func (m *delayModel) arrived(now time.Duration, number int64) {
	m.late[m.n%window] = now - time.Duration(number)*FrameDuration
	m.n++
	var sorted [window]time.Duration
	known := sorted[:copy(sorted[:], m.late[:min(m.n, window)])]
	slices.Sort(known)
	m.base = known[0]
	m.target = known[len(known)*97/100] - m.base + 10*time.Millisecond
}

// playing is the number of the frame that should start to play at now.
func (m *delayModel) playing(now time.Duration) int64 {
	return int64((now - m.base - m.target) / FrameDuration)
}
