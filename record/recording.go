package record

import (
	"slices"
	"time"

	"github.com/tincan-voice/tincan/codec"
)

// recording is all tracks and the mix. It is sans-IO: now is the time since it began.
type recording struct {
	tracks     []*track
	mix        *mix
	newDecoder func() (codec.Decoder, error)
	polled     time.Duration
}

func newRecording(enc codec.Encoder, newDecoder func() (codec.Decoder, error)) (*recording, error) {
	m, err := newMix(enc)
	return &recording{mix: m, newDecoder: newDecoder}, err
}

const (
	// mostFiles is how many talkers have a file of their own: those who come later are in the mix only. Each has a
	// coder and an open file until the end, and silence from the beginning.
	mostFiles = 64
	// mostTracks is how many are recorded at all at one time.
	mostTracks = 256
)

// track is that of a talker who begins: one that had left before under this name goes on. nil: there are too many.
func (r *recording) track(name string) (*track, error) {
	for _, t := range r.tracks {
		if t.name == name && !t.taken {
			t.taken = true
			return t, nil
		}
	}
	if len(r.tracks) >= mostTracks {
		return nil, nil
	}
	dec, err := r.newDecoder()
	if err != nil {
		return nil, err
	}
	t := &track{name: name, dec: dec, mix: r.mix, taken: true, mixOnly: len(r.tracks) >= mostFiles}
	r.tracks = append(r.tracks, t)
	return t, nil
}

// leave takes that a talker has left.
func (r *recording) leave(t *track) error {
	t.taken = false
	err := t.pause()
	if t.mixOnly {
		r.tracks = slices.DeleteFunc(r.tracks, func(o *track) bool { return o == t })
	}
	return err
}

// pollMost is how much of a recording is written at once: the mix has room for no more.
const pollMost = time.Second

// poll writes what is not waited for any more.
func (r *recording) poll(now time.Duration) error {
	for r.polled < now {
		r.polled = min(r.polled+pollMost, now)
		for _, t := range r.tracks {
			if err := t.poll(r.polled); err != nil {
				return err
			}
		}
		if err := r.mix.poll(r.polled); err != nil {
			return err
		}
	}
	return nil
}

// end writes all that is left.
func (r *recording) end(now time.Duration) error {
	if err := r.poll(now); err != nil {
		return err
	}
	for _, t := range r.tracks {
		if err := t.end(); err != nil {
			return err
		}
	}
	return r.mix.end(now)
}
