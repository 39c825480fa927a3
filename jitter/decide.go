package jitter

// operation is what the buffer does next. One function, decide, picks it for each piece of output, as that of WebRTC's
// NetEQ does; nothing else does but for the ceiling, which drops speech at once.
type operation uint8

const (
	rest    operation = iota // nothing is said: the background
	finish                   // the same, and the talkspurt is over before this frame
	drop                     // go on with this frame
	wait                     // carry the speech on for a moment, the next frame may come
	conceal                  // the next frame is lost: take it from FEC, or invent it
	play                     // decode the next frame
	slower                   // the same, and put a pitch period in
	faster                   // the same, and take some out
)

// odds is how likely lateness has to be, against its opposite, for it to be reckoned with: a frame that may be late
// is waited for, which costs little where it is lost, and speech that may not last is slowed down.
const odds = 0.3

// decide picks the next operation, and the frame that it goes on with.
//
//	idle ---- a frame is due ----> talking ---- nothing here, nothing later ----> waiting
//	  ^                              |  ^                                            |
//	  +--- end of the talkspurt -----+  +------------- a frame came -----------------+
//	  +------------------------------- waited too long ------------------------------+
func (b *Buffer) decide() (operation, int64) {
	next := b.frames.next
	oldest, here := b.frames.first(next)
	switch {
	case b.state == idle && here && !b.frames.speech(oldest):
		return finish, oldest + 1
	case b.state == idle && !(here && b.due(oldest)):
		return rest, next
	case b.state != idle && b.frames.over():
		return finish, next
	case here && b.state == waiting && b.gathering(oldest):
		return b.patience(), next
	case here:
		if to := b.resumeAt(oldest); to > next {
			return drop, to
		}
	}
	switch s := b.frames.get(next); {
	case s != nil && len(s.data) == 0:
		return finish, next + 1
	case s != nil:
		return b.speed(), next
	case b.worthWaiting():
		return b.patience(), next
	}
	return conceal, next
}

// now is when the next piece of output is heard.
func (b *Buffer) now() int64 { return b.pulled + b.elapsed }

// due tells whether a talkspurt is to begin with frame n.
func (b *Buffer) due(n int64) bool {
	due := min(n*FrameSize+b.aim.delay, b.frames.get(n).at+b.longest())
	return b.elapsed == 0 && b.pulled >= due && !b.gathering(n)
}

// patience is to wait, but for no longer than speech may be held back: then the talkspurt is taken for over.
func (b *Buffer) patience() operation {
	if b.state == waiting && b.held >= b.ceiling() {
		return finish
	}
	return wait
}

// resumeAt is the frame to go on with, where n is the oldest one that is here: the next one; or n, where a talkspurt
// begins, or so many before it are missing that nothing could stand for them, and its own time has come; or a later
// one, where n is much too late after an outage. The end of a talkspurt is played however late it is, since the pause
// after it makes up for it.
func (b *Buffer) resumeAt(n int64) int64 {
	late := b.now() - n*FrameSize - b.aim.delay
	switch {
	case (b.state == idle || b.held > 0) && late > b.keep() && !b.frames.ended():
		n, _ = b.frames.first(min(n+(late-b.keep())/FrameSize, b.frames.highest))
		return n
	case b.state == idle || n-b.frames.next > fadeTo/FrameSize && late >= 0:
		return n
	}
	return b.frames.next
}

// worthWaiting tells whether the next frame, which is not here, is better waited for than given up.
func (b *Buffer) worthWaiting() bool {
	now := b.now()
	lateness := now - b.frames.next*FrameSize - b.model.queue
	if b.frames.next < b.frames.announced() {
		if due := b.frames.expected(b.frames.next); due > 0 && due+2*tick > now && b.held < fadeFrom {
			return true
		}
		return b.state == waiting && b.held < FrameSize
	}
	// Nothing later is here. If two datagrams are overdue the network is stuck; if it is one
	// it may be lost.
	overdue := now - (b.frames.highest+2*b.frames.stride())*FrameSize - b.model.queue
	return b.state == waiting || b.hasty || b.heard() < fadeFrom || overdue > 2*tick || b.model.later(lateness) >= odds*b.model.lost()
}

// speed is how fast the next frame is played: so that the delay comes nearer to the wanted one.
func (b *Buffer) speed() operation {
	switch over := b.over(); {
	case b.speech.count > maxPieces-4: // a frame and a stretch make four pieces at most
		return play
	case over < -minLag || over < 0 && b.model.standing() > FrameSize || b.stalling(): // a queue that stands may be growing
		return slower
	}
	return faster
}

// over is how much the delay is above the wanted one.
//
// Frames are asked for when a block is played, so what counts is the delay at the start
// of the block in which a frame begins; the rest up to the frame, spare, helps nobody.
func (b *Buffer) over() int64 { return b.delay() - b.spare() - b.aim.delay }

// spare is how long before its playout the next frame is asked for: playout goes by
// blocks, frames do not end with them. Where it is another time for each frame it is the longest.
func (b *Buffer) spare() int64 {
	if !b.aligned() {
		return b.block
	}
	return (b.elapsed + int64(b.speech.len())) % b.block
}

// aligned tells whether all frames lie in the blocks alike.
func (b *Buffer) aligned() bool { return b.block > 0 && FrameSize%b.block == 0 }

// stalling tells whether the network seems to be stuck, for so long that the speech that is
// here will probably not last.
func (b *Buffer) stalling() bool {
	lateness := b.now() - (b.frames.announced()+b.frames.stride())*FrameSize - b.model.queue
	if lateness < 2*tick {
		return false
	}
	margin := b.delay() - b.spare() - b.model.queue
	return b.model.later(margin) > odds*(b.model.later(lateness)+b.model.lost())
}
