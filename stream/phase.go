package stream

import "github.com/tincan-voice/tincan/netproto/wire"

// Phase is when within 20 ms a talker sends, as the relay wishes it (netproto.Feedback.Shift): where the datagrams
// of several talkers come together they leave in one packet. A talker sends later for good by leaving samples out
// before its next frame. It does that in a pause, where nobody hears it. The zero value is ready.
type Phase struct {
	wish  int    // samples later, less than a frame
	moved uint32 // the last frame before the last move
	mixed bool   // the next receipt that goes beyond it is of datagrams from before and after the move
}

// Told takes the relay's wish, in samples, and the number of the newest frame that the relay had by then. A wish of
// before the last move is none: what the relay tells of is the time since it told last.
func (p *Phase) Told(newest uint32, later uint16) {
	switch {
	case newest <= p.moved:
	case p.mixed:
		p.mixed = false
	default:
		p.wish = int(later) % wire.FrameSamples
	}
}

// Move is asked in a pause, after frame last. It returns what to do before the next one: drop so many samples of what is
// captured, and then count so many frames of silence that have not been captured. So frames come half a frame later or
// earlier than their numbers say at most.
func (p *Phase) Move(last uint32) (drop, ahead int) {
	if p.wish == 0 {
		return 0, 0
	}
	if drop = p.wish; drop > wire.FrameSamples/2 {
		ahead = 1
	}
	*p = Phase{moved: last, mixed: true}
	return drop, ahead
}

// Steer takes the relay's wish, as Phase.Told does.
func (p *Packetizer) Steer(newest uint32, later uint16) { p.phase.Told(newest, later) }

// Move is asked before each frame that is captured. Where there is nothing to send it may say, as Phase.Move does, that the
// talker is to send at another time from now on.
func (p *Packetizer) Move() (drop, ahead int) {
	if !p.Settled() {
		return 0, 0
	}
	return p.phase.Move(p.seq)
}
