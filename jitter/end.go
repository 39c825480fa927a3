package jitter

import "time"

// End tells that from frame number on nothing of the talker comes for now, though it goes on talking. What is missing
// there is silence, as behind the end of a talkspurt. A frame that comes all the same, and in time, is played.
func (b *Buffer) End(_ time.Duration, number uint32) {
	if b.frames.started {
		b.frames.end(b.frames.extend(number))
	}
}

// end notes that from frame n on nothing comes for now.
func (f *frames) end(n int64) {
	if n > f.highest && n <= f.highest+int64(len(f.slots)) { // else it has gone on already, or makes no sense
		f.cut = max(n, f.next)
	}
}

// over tells whether the next frame is the first one of what does not come for now.
func (f *frames) over() bool { return f.next == f.cut && !f.known(f.cut) }

// announced is the newest frame that is known of: one that came, or the end in its place.
func (f *frames) announced() int64 { return max(f.highest, f.cut) }
