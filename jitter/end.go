package jitter

import "time"

// End tells that from frame number on nothing of the talker comes for now, though it goes on talking. What is missing
// there is silence, as behind the end of a talkspurt. A frame that comes all the same, and in time, is played.
func (b *Buffer) End(_ time.Duration, number uint32) {
	if b.frames.started {
		b.frames.end(b.frames.extend(number))
	}
}

// resume takes a datagram that comes at t, before it is put. When a talker is sent to us again, the relay may begin
// with what it said just before, all at once. How late that is tells nothing of the network.
func (b *Buffer) resume(t int64, fs []Frame) {
	n := b.frames.extend(fs[0].Number)
	switch cut := b.frames.cut; {
	case cut > b.frames.highest && n >= cut:
		b.absent, b.came, b.replay = cut, n, true
		b.frames.origin = b.frames.extend(fs[run(fs)-1].Number)
	case b.replay:
		b.replay = n > b.frames.highest && 2*(t-b.clumps.at) < (n-b.frames.highest)*FrameSize
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
