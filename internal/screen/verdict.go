package screen

import (
	"fmt"
	"time"

	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/engine"
	"github.com/tincan-voice/tincan/internal/emodel"
	"github.com/tincan-voice/tincan/stream"
)

const (
	// window is over how many seconds a talker is judged.
	window = 10
	// leastHeard is how many frames must have been played in it: half a second of speech.
	leastHeard = 25
	// noticed is the share of the datagrams from which on a way that loses is named.
	noticed = 0.01
)

// heard is what is known of a talker at one moment.
type heard struct {
	frames, concealed uint64
	ways              stream.Ways
}

// history is how a talker has been heard of late, by the second.
type history struct {
	past  [window]heard
	count int
	said  string // the last verdict
}

// judge takes a second more, and says in words how the talker is heard. In silence the last word holds.
func (h *history) judge(p *engine.PeerStats) string {
	now := heard{p.Frames, p.Concealed, p.Ways}
	first := h.past[0]
	if h.count >= window {
		first = h.past[h.count%window]
	}
	if h.count == 0 || p.Frames < first.frames { // the count has begun anew
		*h = history{said: h.said}
		first = heard{}
	}
	h.past[h.count%window] = now
	h.count++
	if played := now.frames - first.frames; played >= leastHeard {
		h.said = verdict(float64(now.concealed-first.concealed)/float64(played), p.MouthToEar, now.ways.Since(first.ways))
	}
	return h.said
}

// Verdict says in words how somebody was heard, over the whole call.
func Verdict(p *engine.PeerStats) string {
	return verdict(float64(p.Concealed)/float64(max(p.Frames, 1)), p.MouthToEar, p.Ways)
}

// verdict says how somebody is heard of whom a share of the frames was made up: by R of the E-model, in the classes of
// ITU-T G.109: from 80 on users are satisfied, below 70 many and below 60 nearly all are not.
func verdict(concealed float64, mouthToEar time.Duration, ways stream.Ways) string {
	loss, delay := emodel.LossPrice(concealed), emodel.Delay(mouthToEar)
	r := emodel.Worth(codec.DefaultBitrate, false) - loss - delay
	switch {
	case r >= 80:
		return "good"
	case delay > loss:
		return fmt.Sprintf("late: %d ms from mouth to ear", mouthToEar.Milliseconds())
	}
	word := "very choppy"
	switch {
	case r >= 70:
		word = "a little choppy"
	case r >= 60:
		word = "choppy"
	}
	switch up, down := ways.Up(), ways.Down(); {
	case up >= noticed && up >= down:
		return fmt.Sprintf("%s: loses %.0f %% on their way up", word, 100*up)
	case down >= noticed:
		return fmt.Sprintf("%s: loses %.0f %% on your way down", word, 100*down)
	}
	return word + ": comes unevenly"
}

// aboutTalkers are the short words for faults about one talker.
var aboutTalkers = map[engine.FaultKind]string{
	engine.FaultPassphrase: "not heard: another passphrase, or none",
	engine.FaultRoomKey:    "not heard: waits for the room's new key",
	engine.FaultGarbled:    "not heard: another version",
}
