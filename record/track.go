package record

import (
	"bytes"
	"io"
	"slices"
	"time"

	"github.com/tincan-voice/tincan/audio"
	"github.com/tincan-voice/tincan/codec"
	"github.com/tincan-voice/tincan/netproto/wire"
)

const (
	frame = wire.FrameDuration
	// hold is how long a frame is waited for: resends of it come for a second (docs/protocol.md, section 11), and take
	// a round trip.
	hold = 1500 * time.Millisecond
	// lostMost is how many frames in a row are made up, as in the jitter buffer; what is missing beyond them is
	// silence.
	lostMost = 6
	// astray is by how much what comes after a pause may come other than its numbers say: paths change by less. Clocks
	// drift by it in an hour, a machine that stood still goes on elsewhere, and numbers may be anything.
	astray = 200 * time.Millisecond
	// mostHeld bounds what waits: more comes of talkers who do not keep to their time, and of a disk that stands still.
	mostHeld = 512
	// doubled is how long after a frame the same number is a double of it: later, the talker has begun to count anew.
	doubled    = wroteSlots * frame
	wroteSlots = 256
)

// track puts the frames of one talker in order and at their time. It is sans-IO: now is the time since the recording
// began, and what is to be written is in out.
//
//	number ──> place = number - first + moved      counted in frames of 20 ms from the beginning of the file
type track struct {
	name    string
	taken   bool // the talker is in the room
	mixOnly bool // there is no file
	out     bytes.Buffer
	ogg     *audio.OggOpus // nil: nothing has been written
	held    []heldFrame    // by rising number
	dec     codec.Decoder
	mix     *mix
	skip    int                   // samples at the beginning of the file that are not played
	first   uint32                // number of the frame in place 0
	moved   int64                 // by what is astray
	begins  time.Duration         // when the frame in place 0 was sent, by the fastest way here
	next    int64                 // place of what is to be written next
	toc     byte                  // of the last frame of speech
	talking bool                  // the talkspurt has not been ended
	wrote   [wroteSlots]heldFrame // by number: the last ones, without their data
	pcm     [codec.FrameSize]float32
}

type heldFrame struct {
	number uint32
	at     time.Duration
	data   []byte
}

// take takes a frame that came at now; data is the track's from now on.
func (t *track) take(now time.Duration, number uint32, data []byte) {
	i, there := slices.BinarySearchFunc(t.held, number, func(h heldFrame, n uint32) int { return int(int32(h.number - n)) })
	if !there && len(t.held) < mostHeld {
		t.held = slices.Insert(t.held, i, heldFrame{number, now, data})
	}
}

// poll writes what is not waited for any more: frames that have been here for hold, and those before them.
func (t *track) poll(now time.Duration) error {
	n := len(t.held)
	for n > 0 && t.held[n-1].at+hold > now {
		n--
	}
	if n > 0 && t.ogg == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	for i := range n {
		if err := t.write(i); err != nil {
			return err
		}
	}
	t.held = slices.Delete(t.held, 0, n)
	return nil
}

// pause writes all that is left. What comes after it may have other numbers.
func (t *track) pause() error {
	err := t.poll(forever)
	t.talking = false
	t.wrote = [wroteSlots]heldFrame{}
	return err
}

const forever time.Duration = 1 << 62

// end ends the file.
func (t *track) end() error {
	if err := t.pause(); err != nil || t.ogg == nil {
		return err
	}
	return t.ogg.Close()
}

// due is when a frame would have come by the fastest way.
func (t *track) due(number uint32) time.Duration {
	return t.begins + time.Duration(t.place(number))*frame
}

func (t *track) place(number uint32) int64 { return int64(int32(number-t.first)) + t.moved }

// fastest is when the frame with this number would have come if it had been as fast as the fastest of those from
// held[i] on.
func (t *track) fastest(i int, number uint32) time.Duration {
	at := t.held[i].at
	for _, h := range t.held[i:] {
		at = min(at, h.at-time.Duration(int32(h.number-number))*frame)
	}
	return at
}

// begin writes the beginning of the file: silence from the moment when the recording began, as whole frames of which a
// part is skipped, so that the first frame is where it was said. The coder's delay is skipped as well.
func (t *track) begin() error {
	t.first = t.held[0].number
	at := max(t.fastest(0, t.first), 0)
	lead := (at + frame - 1) / frame
	t.skip = int((lead*frame-at)*codec.SampleRate/time.Second) + codec.Lookahead
	t.moved, t.begins = int64(lead), at-lead*frame
	var w io.Writer = &t.out
	if t.mixOnly {
		w = io.Discard
	}
	var err error
	t.ogg, err = audio.NewOggOpus(w, 1, uint16(t.skip), "ARTIST="+t.name, "TITLE="+t.name)
	return err
}

// write writes a held frame, and what is between the one before and it.
func (t *track) write(i int) error {
	h := t.held[i]
	was := &t.wrote[h.number%wroteSlots]
	if was.number == h.number && was.at > 0 && h.at-was.at < doubled {
		return nil
	}
	*was = heldFrame{number: h.number, at: max(h.at, 1)}
	place := t.place(h.number)
	if missing := place - t.next; t.next > 0 && (!t.talking || missing > lostMost || missing < 0) {
		if off := t.fastest(i, h.number) - t.due(h.number); off > astray || off < -astray {
			moved := max(place+int64(off/frame), t.next)
			t.moved, place = t.moved+moved-place, moved
		}
	}
	missing := place - t.next
	if missing < 0 {
		return nil // it came when its place had been filled
	}
	lost := int64(0)
	if t.talking {
		lost = min(missing, lostMost)
	}
	if err := t.lose(int(lost)); err != nil {
		return err
	}
	if !t.mixOnly {
		if err := t.ogg.Silence(int(missing - lost)); err != nil {
			return err
		}
	}
	t.next = place
	if t.talking = len(h.data) > 0; !t.talking {
		return nil
	}
	if t.talking = t.dec.Decode(h.data, t.pcm[:]) == nil; !t.talking { // no packet of 20 ms: it would move all that follows
		return nil
	}
	t.mix.add(t.sample(place), t.pcm[:])
	t.toc = h.data[0]
	t.next++
	return t.ogg.Packet(h.data, 1)
}

// lose writes frames that are lost.
func (t *track) lose(frames int) error {
	for i := range frames {
		if t.dec.Conceal(t.pcm[:]) == nil {
			t.mix.add(t.sample(t.next+int64(i)), t.pcm[:])
		}
	}
	return t.ogg.Lost(t.toc, frames)
}

// sample is where in the recording a place is.
func (t *track) sample(place int64) int64 { return place*codec.FrameSize - int64(t.skip) }
