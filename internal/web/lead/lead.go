// Package lead decides how far ahead of the browser's audio thread the engine of a page keeps its sound. The audio thread
// plays on while the engine is late, so sound must lie there for as long as that takes; all that lies there is delay.
package lead

import "time"

const (
	// Block is how many samples the audio thread takes and counts at a time: 10 ms at 48 kHz.
	Block = 480
	// sure is what is left at least when the next block is written: one that may be taken before it is told, and one that
	// is on its way.
	sure = 2 * Block
	// least is for how late the engine counts at least, and most what is left at most.
	least = Block
	most  = 12 * Block
	// window is for how long it is remembered how late the engine was, twice: stalls of a browser come seconds apart.
	window = 5 * time.Second
)

// Lead is how far ahead the sound is. The zero value is ready. It is sans-IO: times are of one clock.
type Lead struct {
	began     time.Duration // the window
	now, last int           // how late the engine was at most in this window and in the one before, in samples
	dry       int           // for how long nothing has been left
}

// Samples is how many are to be left to play when the next block is written.
func (l *Lead) Samples() int { return min(sure+max(least, l.now, l.last), most) }

// Told takes that the audio thread had so many samples left at now, while it should have had Samples of them, and for how
// many it had none since it was last told.
func (l *Lead) Told(now time.Duration, left, missed int) {
	if since := now - l.began; since >= window {
		if l.last = l.now; since >= 2*window {
			l.last = 0
		}
		l.began, l.now = now, 0
	}
	if left > 0 {
		l.dry = 0
	}
	l.dry += missed
	l.now = max(l.now, l.Samples()-left+l.dry)
}
