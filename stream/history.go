package stream

import (
	"math/bits"

	"github.com/tincan-voice/tincan/netproto"
)

const (
	// historyFrames is how many frames are kept for copies: no copy reaches
	// further back than wire.MaxStride*(MaxOffset+1) frames. A power of two.
	historyFrames = 128
	// historyGroups is the same in datagrams. A power of two above MaxOffset.
	historyGroups = 32
	// frameBytes bounds one coded frame: four times what the highest bitrate needs on
	// average.
	frameBytes = 640
	// coarseBytes is the same for the coarse frames of copies.
	coarseBytes = 160
)

// history holds the frames that the next datagrams may have to carry: the new ones and
// those that copies repeat. Frames are grouped as they become new together; a
// group is what a datagram names, whether one is sent or not.
type history struct {
	frames  [historyFrames]pastFrame
	groups  [historyGroups]group
	closed  uint32 // groups so far
	filling int    // frames in the open group
	last    uint32 // its newest frame
	empty   int    // groups closed since the last with anything to carry
}

// pastFrame is one frame of the talker. Of silence only the first frame is carried, as the
// zero-length frame that ends the talkspurt.
type pastFrame struct {
	data    []byte
	coarse  []byte // what copies carry instead of data; none if they carry data
	carried bool
	held    bool // it is not, but will be if speech follows soon
}

// group is the frames from newest-count+1 to newest.
type group struct {
	newest uint32
	count  int
	carry  bool // there is something to carry
	end    bool // it has the end of a talkspurt
	late   bool // it is carried after all, and has not been yet
}

func (h *history) init() {
	arena := make([]byte, historyFrames*(frameBytes+coarseBytes))
	for i := range h.frames {
		h.frames[i].data, arena = arena[:0:frameBytes], arena[frameBytes:]
		h.frames[i].coarse, arena = arena[:0:coarseBytes], arena[coarseBytes:]
	}
	h.empty = historyGroups
}

func (h *history) frame(seq uint32) *pastFrame { return &h.frames[seq%historyFrames] }

// frameOverhead is the most that one frame adds to a body beside its data.
const frameOverhead = 3

func (h *history) addSpeech(seq uint32, data, coarse []byte) { h.add(seq, data, coarse, true) }
func (h *history) addEnd(seq uint32)                         { h.add(seq, nil, nil, true); h.open().end = true }

// addHeld adds silence, or what is that until release.
func (h *history) addHeld(seq uint32, data, coarse []byte) {
	h.add(seq, data, coarse, false)
	h.frame(seq).held = len(data) > 0
}

// preRoll is how many frames before the first one that was found to be speech are carried with it, 60 ms: as long as a
// weak consonant before a vowel.
const preRoll = 3

// release has what was held right before frame seq, which is added next, carried after all.
func (h *history) release(seq uint32) {
	for n := uint32(1); n <= preRoll && n < seq; n++ {
		f := h.frame(seq - n)
		if !f.held {
			return
		}
		f.held, f.carried = false, true
		if n <= uint32(h.filling) {
			h.open().carry = true
			continue
		}
		for k := 0; k < preRoll && uint32(k) < h.closed; k++ {
			if g := h.ago(k); g.newest-(seq-n) < uint32(g.count) {
				g.carry, g.late = true, true
			}
		}
	}
}

func (h *history) add(seq uint32, data, coarse []byte, carried bool) {
	f := h.frame(seq)
	f.data, f.coarse, f.carried, f.held, h.last = append(f.data[:0], data...), append(f.coarse[:0], coarse...), carried, false, seq
	if h.filling == 0 {
		*h.open() = group{}
	}
	if carried {
		h.open().carry = true
	}
	h.filling++
}

// used is what the frames of the open group take of a body. They are the last ones.
func (h *history) used() int {
	n, seq := 0, h.last
	for i := range uint32(h.filling) {
		n += len(h.frame(seq-i).data) + frameOverhead
	}
	return n
}

func (h *history) open() *group { return &h.groups[h.closed%historyGroups] }

// ago returns the group that was closed so many groups before the last one.
func (h *history) ago(offset int) *group {
	return &h.groups[(h.closed-1-uint32(offset))%historyGroups]
}

// closeGroup ends the group whose newest frame is seq.
func (h *history) closeGroup(seq uint32) {
	g := h.open()
	g.newest, g.count = seq, h.filling
	h.filling = 0
	h.closed++
	h.empty = min(h.empty+1, historyGroups)
	if g.carry {
		h.empty = 0
	}
}

// due appends to dst what datagram seq carries: newest first, as much of it as
// fits into room bytes. Nothing means that there is nothing to send. In silence a copy travels behind
// an empty frame, so that the gap after the datagram is known to be silence. The end
// of a talkspurt is said in two datagrams even without copies, so that the loss of one
// does not leave listeners concealing.
func (h *history) due(dst []netproto.Frame, seq uint32, r redundancy, room int) []netproto.Frame {
	if !h.frame(seq).carried {
		dst = append(dst, netproto.Frame{Number: seq})
		room -= frameOverhead
	}
	alone := len(dst)
	dst, room = h.carry(dst, 0, room, false)
	for k := 1; k <= MaxOffset && uint32(k) < h.closed; k++ {
		late := h.ago(k).late
		h.ago(k).late = false
		switch {
		case late || r.copies&(1<<k) != 0:
			dst, room = h.carry(dst, k, room, false)
		case k == 1 && h.ago(k).end:
			dst, room = h.carry(dst, k, room, true)
		}
	}
	if len(dst) == alone && alone > 0 {
		return dst[:0]
	}
	return dst
}

// carry appends the frames of the group so many groups ago, or only those that end a
// talkspurt, if they fit into room bytes. It returns the room that is left.
func (h *history) carry(dst []netproto.Frame, ago, room int, onlyEnds bool) ([]netproto.Frame, int) {
	g := h.ago(ago)
	if !g.carry {
		return dst, room
	}
	start, size := len(dst), 0
	for i := range uint32(g.count) {
		f := h.frame(g.newest - i)
		if f.carried && (len(f.data) == 0 || !onlyEnds) {
			data := f.data
			if n := len(f.coarse); ago > 0 && n > 0 && n < len(data) {
				data = f.coarse
			}
			dst = append(dst, netproto.Frame{Number: g.newest - i, Data: data})
			size += len(data) + frameOverhead
		}
	}
	if size > room {
		return dst[:start], room
	}
	return dst, room - size
}

// settled tells whether due would return nothing until there is speech again.
func (h *history) settled(r redundancy) bool {
	reach := max(bits.Len32(r.copies)-1, 1)
	return h.empty >= reach && !(h.filling > 0 && h.open().carry)
}
