package jitter

// frames keeps what arrived and is not yet played, in a ring by frame number, and
// remembers of the frames played last which had come, so that a copy is known as one.
type frames struct {
	slots   []slot // a power of two
	mask    int64
	started bool
	highest int64 // highest number received, extended beyond 32 bits
	next    int64 // number of the next frame to play; older ones are past
	cut     int64 // from this frame on nothing comes for now, as far as it is not here; below next: nothing is known
	origin  int64 // the first frame ever heard of, or since the last cut: copies of older ones are nobody's loss

	fresh bool     // the newest datagram is the first one after a pause
	run   int      // frames that follow each other in the newest datagram
	steps int      // datagrams counted in least[0]
	least [2]int64 // least step from a datagram to the next, now and before
}

type slot struct {
	number int64
	state  slotState
	copied bool   // came in a later datagram than its own
	way    order  // in which it came
	at     int64  // time of arrival
	due    int64  // time at which a resend of a frame that is not here should come; 0 none
	data   []byte // empty ends a talkspurt
}

type slotState uint8

const (
	empty  slotState = iota
	stored           // here, waiting for its time
	past             // came, and is played, dropped or too late
)

// result says what became of a frame that was put.
type result uint8

const (
	accepted  result = iota
	duplicate        // it was here before
	overtaken        // new, but its time is over
	tooOld           // so old that nothing is known of it
)

// slotBytes is the room made for a frame beforehand: 20 ms at 64 kbit/s, the most
// that codec makes. A larger one makes its slot grow for good.
const slotBytes = 160

// init makes room for twice the ceiling and at least 64 frames.
func (f *frames) init(ceiling int) {
	size := 64
	for size < 2*ceiling {
		size *= 2
	}
	f.slots = make([]slot, size)
	f.mask = int64(size - 1)
	room := make([]byte, size*slotBytes)
	for i := range f.slots {
		f.slots[i].data = room[i*slotBytes : i*slotBytes : (i+1)*slotBytes]
	}
}

func (f *frames) reset() {
	for i := range f.slots {
		f.slots[i].state, f.slots[i].due = empty, 0
	}
	f.started, f.run = false, 0
}

// start begins with the first frame ever heard of.
func (f *frames) start(number uint32) {
	f.started = true
	f.next = int64(number)
	f.origin = f.next
	f.cut = f.next - 1
	f.highest = f.next - 1
}

// extend widens a number that wraps at 32 bits, taking the nearest to the highest.
func (f *frames) extend(number uint32) int64 {
	return f.highest + int64(int32(number-uint32(f.highest)))
}

// run is how many frames of a datagram follow each other, from the newest on: those that are new in it, and
// copies if they are the ones before.
func run(fs []Frame) int {
	n := 1
	for n < len(fs) && fs[n].Number == fs[0].Number-uint32(n) {
		n++
	}
	return n
}

// step learns the stride, from a datagram before it is put. One that ends a talkspurt is sent before it is full.
func (f *frames) step(fs []Frame) {
	d := f.extend(fs[0].Number) - f.highest
	if d <= 0 || len(fs[0].Data) == 0 {
		return
	}
	now := run(fs)
	switch {
	case f.ended(): // who has paused may send in another way
		f.steps, f.least, f.run, f.fresh = 0, [2]int64{int64(now)}, now, true
		return
	case (now != f.run || f.fresh) && int64(now) >= d: // it holds another number, none is missing before: the talker has changed
		f.steps, f.least = 0, [2]int64{d}
	case f.least[0] == 0 || d < f.least[0]:
		f.least[0] = d
	}
	f.run, f.fresh = now, false
	if f.steps++; f.steps == stepsCounted {
		f.steps, f.least[1], f.least[0] = 0, f.least[0], 0
	}
}

// stepsCounted is how many datagrams the stride is learned from.
const stepsCounted = 4

// stride is how many frames are new in each datagram.
func (f *frames) stride() int64 {
	switch {
	case f.least[0] == 0:
		return min(max(1, f.least[1]), maxStride)
	case f.least[1] == 0:
		return min(f.least[0], maxStride)
	}
	return min(f.least[0], f.least[1], maxStride)
}

func (f *frames) put(t, n int64, data []byte, copied bool, way order) result {
	if n <= f.highest-int64(len(f.slots)) {
		return tooOld
	}
	if n > f.highest {
		if n-f.next >= int64(len(f.slots)) {
			f.skipTo(n - int64(len(f.slots)) + 1)
		}
		f.highest = n
	}
	s := &f.slots[n&f.mask]
	if s.number == n && s.state != empty {
		return duplicate
	}
	s.number, s.copied, s.way, s.at, s.due = n, copied, way, t, 0
	s.data = append(s.data[:0], data...)
	if n < f.next {
		s.state = past
		return overtaken
	}
	s.state = stored
	return accepted
}

// get is the frame n if it is here to be played, else nil.
func (f *frames) get(n int64) *slot {
	if s := &f.slots[n&f.mask]; s.state == stored && s.number == n {
		return s
	}
	return nil
}

// known tells whether frame n came, be it played already.
func (f *frames) known(n int64) bool {
	s := &f.slots[n&f.mask]
	return s.number == n && s.state != empty
}

// together tells whether the frame after n that is here came at t too, and itself not astray: then the two
// only changed places in a clump.
func (f *frames) together(t, n int64) bool {
	for i := max(n, f.highest-int64(len(f.slots))) + 1; i <= f.highest; i++ {
		if f.known(i) {
			s := &f.slots[i&f.mask]
			return s.way != astray && s.way != along && t-s.at < tick
		}
	}
	return false
}

// speech tells whether a frame that is known is not the end of a talkspurt.
func (f *frames) speech(n int64) bool { return len(f.slots[n&f.mask].data) > 0 }

// ended tells whether the newest frame ends a talkspurt, or is the last one for now.
func (f *frames) ended() bool {
	return f.cut > f.highest || f.known(f.highest) && !f.speech(f.highest)
}

// expect notes that frame n, which is not here, should come at due. It may be three datagrams ahead.
func (f *frames) expect(n, due int64) {
	if s := &f.slots[n&f.mask]; n > f.highest-int64(len(f.slots)) && n <= f.highest+3*maxStride && !f.known(n) {
		s.number, s.state, s.due = n, empty, due
	}
}

// expected is when frame n should come, or 0.
func (f *frames) expected(n int64) int64 {
	if s := &f.slots[n&f.mask]; s.number == n && s.state == empty {
		return s.due
	}
	return 0
}

// skipTo drops what is older than n and returns how many frames of speech that were.
func (f *frames) skipTo(n int64) int {
	dropped := 0
	for i := max(f.next, n-int64(len(f.slots))); i < n; i++ {
		if s := f.get(i); s != nil {
			if len(s.data) > 0 {
				dropped++
			}
			s.state = past
		}
	}
	f.next = max(f.next, n)
	return dropped
}

// first is the oldest frame waiting, of from and later ones, and whether there is one.
func (f *frames) first(from int64) (int64, bool) {
	for n := from; n <= f.highest; n++ {
		if f.get(n) != nil {
			return n, true
		}
	}
	return 0, false
}
