package jitter

// delayModel learns how late frames come. What a network adds to the delay has two
// parts that want different answers, so they are learned apart:
//
//	delay
//	  |          *                    *
//	  |          **        * *       ** * <- jitter and spikes: how much later than
//	  |   *      ***    *  ***  *  *****     the queue frames are, a distribution
//	  |..***.*..****..**********************  that is forgotten slowly
//	  |________________/
//	  |                 the queue: the least delay of late, followed at once
//	  +------------------------------------------ time
//
// A standing queue, a new route or the drift of two sound cards move the first
// alone, and nothing has to be learned anew. A stall of the network shows as a clump
// of frames, each 20 ms less late than the one before; the last of them is
// as early as ever, so the queue does not move.
type delayModel struct {
	recent [2 * maxStride]int64 // delay of the frames that came last, a ring
	count  int64                // frames put there
	queue  int64                // least of recent
	base   float64              // least queue of late, rising slowly

	lateness
	away    lateness // what calm has put away
	weight  float32  // of one frame now: it grows, which is forgetting the old
	learned int64    // frames ever
	gone    float32  // weight of frames that never came, or not in time

	last [2]arrival      // the frame before, of each order
	seen [lateBins]int64 // number of the last frame in each bin, counted by learned
	fill int64           // what a datagram takes to fill: how late its first frame always is, in samples

	lastArrival int64
	jitter      float64 // RFC 3550 6.4.1, in samples
	lastDelay   int64
}

// order says in what order a frame came. Late frames that come in order were held up
// together, by a stall that can be noticed while it lasts; those that went astray, or come along as
// copies with newer ones, were overtaken. Those that only changed places within a clump tell nothing that the others
// have not told.
type order uint8

const (
	inOrder order = iota
	astray
	swapped
	along // learned as astray, but no sign of the queue
)

const (
	// recentFrames, or two datagrams if that is more, decide how fast a queue that grows is followed, and how long
	// a stall may last without being taken for one. Chosen by experiment, docs/jitter.md.
	recentFrames = 6
	maxStride    = 6 // frames in a datagram, at most
	// tick is the least time that matters, 5 ms: what lateness is told apart by, what is waited at once, a cross-fade,
	// and how far from the wanted delay nothing is done, since a change of the speed is heard more.
	tick     = SampleRate / 200
	lateBins = 200
	// forget is how the weight of a frame grows from one to the next: a time constant of 20 s.
	forget = 1 + 1.0/1000
	// anew is how long nothing in time has to come, 2 s, for what was known of the time to be measured anew: the queue
	// after a pause, the talker's numbers if all is late. Resends come for a second.
	anew = 2 * SampleRate
	// baseRise is how fast base follows a queue that does not empty, per frame: a tick in 1 s.
	baseRise = 1.0 * tick / 50
)

func (m *delayModel) reset() {
	*m = delayModel{weight: 1}
}

// lately is how many of the frames that came last are looked at; fill is that of maxStride at most.
func (m *delayModel) lately() int64 {
	return max(recentFrames, 2*(m.fill/FrameSize+1))
}

// floor is the delay of a frame that nothing held up.
func (m *delayModel) floor() int64 {
	if m.count == 0 {
		return 0
	}
	return m.queue
}

// standing is the queue above the least of late: what others put there.
func (m *delayModel) standing() float64 { return max(0, float64(m.queue)-m.base) }

// begin takes note of a datagram before its frames: after a pause the queue is measured anew, once.
func (m *delayModel) begin(t int64, speech bool) {
	if t-m.lastArrival > anew {
		m.count = 0
	}
	if speech {
		m.lastArrival = t
	}
}

// arrived learns from the first arrival of frame n at time t.
func (m *delayModel) arrived(t, n int64, way order) {
	delay := t - n*FrameSize
	if m.count == 0 {
		m.base = max(m.base, float64(delay-tick))
		m.lastDelay = delay
	}
	if way != along || delay < m.queue || m.count == 0 { // else copies that come together would be a queue
		m.measure(delay)
	}
	change := delay - m.lastDelay
	m.jitter += (float64(max(change, -change)) - m.jitter) / 16
	m.lastDelay = delay

	if way == along {
		way = astray
	}
	bin := min((delay-m.queue+tick-1)/tick, lateBins-1)
	m.learned++
	m.weight *= forget
	m.late[way][bin] += m.weight
	m.total[way] += m.weight
	m.restore(bin)
	if m.weight > 1e9 {
		m.rescale()
	}
	m.seen[bin] = m.learned
	m.run(n, bin, way)
	m.calm()
}

// measure follows the queue.
func (m *delayModel) measure(delay int64) {
	m.recent[m.count%int64(len(m.recent))] = delay
	m.count++
	m.queue = delay
	for i := range min(m.count, m.lately()) {
		m.queue = min(m.queue, m.recent[(m.count-1-i)%int64(len(m.recent))])
	}
	m.base = min(m.base+baseRise, float64(m.queue))
}

// rescale brings the weights back to where floats are precise.
func (m *delayModel) rescale() {
	by := 1 / m.weight
	m.gone *= by
	m.scale(by)
	m.away.scale(by)
	m.weight = 1
}

// missed notes that a frame was not there in its time, and recovered that it came after
// all: it was late, not lost.
func (m *delayModel) missed()    { m.gone += m.weight }
func (m *delayModel) recovered() { m.gone = max(0, m.gone-m.weight) }

// lost is the share of frames that never come.
func (m *delayModel) lost() float64 { return float64(m.gone / (m.gone + m.sum())) }

// later is the share of frames, of those that come, which do so later than the queue by
// more than d samples.
func (m *delayModel) later(d int64) float64 {
	var sum float32
	for i := max(0, d/tick) + 1; i < lateBins; i++ {
		sum += m.late[inOrder][i] + m.late[astray][i]
	}
	return float64(sum / m.sum())
}

// spread is how much later than the queue all but 5 % of the datagrams come, in samples; what comes again or was
// overtaken aside.
func (m *delayModel) spread() int64 {
	left := 0.05 * m.total[inOrder]
	for i := lateBins - 1; i > 0; i-- {
		if left -= m.late[inOrder][i]; left < 0 {
			return max(0, int64(i)*tick-m.fill)
		}
	}
	return 0
}
