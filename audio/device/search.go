package device

import "time"

const (
	// tryEvery is how often a device that was lost is looked for.
	tryEvery = 250 * time.Millisecond
	// listEvery is how often the list of devices is made anew for that where the system does not tell of changes, while
	// the other direction works: it is interrupted for that.
	listEvery = 30 * time.Second
)

// search decides for which attempts to open a lost device the list of devices is made anew. The sound system makes its
// list when it starts, so all devices in use must be closed for a new one. It is sans-IO: now is the time since any
// fixed start. The zero value is ready.
type search struct {
	tells  bool          // the system tells of changes
	stale  bool          // it has, since the list was made
	made   bool          // there is a list, made
	listed time.Duration // at this time
}

// anew tells whether the attempt that is made now is to have a new list, for a device that has been looked for since
// the time given: where that interrupts nobody; when there is news; when the device did not open by a list from before
// it was lost; and from time to time where no news comes.
func (s *search) anew(now, since time.Duration, alone bool) bool {
	anew := alone || s.stale || now > since && !s.fresh(since) || !s.tells && now-s.listed >= listEvery && now > since
	if anew {
		s.stale, s.listed, s.made = false, now, true
	}
	return anew
}

// fresh tells whether the list was made when the device was lost, or later: what it does not have is not there.
func (s *search) fresh(since time.Duration) bool { return s.made && s.listed > since-lostAfter }
