package netproto

import "sync/atomic"

// replaySlots is the reach of the window: 256 frames are 5.12 s.
const replaySlots = 256

// ReplayWindow accepts every sequence number at most once. The zero value is ready,
// and any number of goroutines may use it without a lock.
type ReplayWindow struct {
	slots [replaySlots]atomic.Uint32
}

// Accept reports whether seq is new, and marks it; see ReplaySlots.
func (w *ReplayWindow) Accept(seq uint32) bool { return ReplaySlots(w.slots[:]).Accept(seq) }

// ReplaySlots is a replay window of any reach n. Slot seq%n holds the highest number
// accepted there, so a number is refused when it was seen or when one that is a
// multiple of n newer was.
type ReplaySlots []atomic.Uint32

// Accept reports whether seq is new, and marks it. Sequence numbers start at
// 1: 0 is never accepted.
func (w ReplaySlots) Accept(seq uint32) bool {
	slot := &w[seq%uint32(len(w))]
	for {
		highest := slot.Load()
		if seq <= highest {
			return false
		}
		if slot.CompareAndSwap(highest, seq) {
			return true
		}
	}
}
