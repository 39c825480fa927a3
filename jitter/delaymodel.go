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
	recent [recentMost]int64 // delay of the frames that came last, a ring
	count  int64             // frames put there
	queue  int64             // least of recent
	base   float64           // least queue of late, rising slowly

	late    [2][lateBins]float32 // weight of frames by how much later than the queue they came
	weight  float32              // of one frame now: it grows, which is forgetting the old
	total   float32              // of all
	learned int64                // frames ever
	gone    float32              // weight of frames that never came, or not in time

	runs   [lateBins]float32 // weight of the times that frames came so late or later
	last   [2]arrival        // the frame before, of each order
	seen   [lateBins]int64   // number of the last frame in each bin, counted by learned
	storm  storm             // what calm has put away
	margin int64             // bin of the wanted delay, above the queue
	fill   int64             // what a datagram takes to fill: how late its first frame always is, in samples
	above  float32           // times that frames came later than that, of the last newSpan frames

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
	recentMost   = 2 * maxStride
	maxStride    = 6 // frames in a datagram, at most
	// lateBin is the resolution of the distribution, 5 ms.
	lateBin  = SampleRate / 200
	lateBins = 200
	// forget is how the weight of a frame grows from one to the next: a time constant of 20 s.
	forget = 1 + 1.0/1000
	// learnFast is the same, 2 s, for the first learnFrames and while the network is worse than was learned.
	learnFast   = 1 + 1.0/100
	learnFrames = 300
	// silenceForgets is the pause after which the queue is measured anew, 2 s.
	silenceForgets = 2 * SampleRate
	// baseRise is how fast base follows a queue that does not empty, per frame: 5 ms in 1 s.
	baseRise = 0.005 * SampleRate / 50
)

func (m *delayModel) reset() {
	*m = delayModel{weight: 1}
}

// lately is how many of the frames that came last are looked at.
func (m *delayModel) lately() int64 {
	return min(max(recentFrames, 2*(m.fill/FrameSize+1)), recentMost)
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
	if t-m.lastArrival > silenceForgets {
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
		m.base = max(m.base, float64(delay)-float64(baseRise)*50)
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
	bin := min((delay-m.queue+lateBin-1)/lateBin, lateBins-1)
	if m.learned++; m.learned < learnFrames || m.worse() {
		m.weight *= learnFast
	} else {
		m.weight *= forget
	}
	m.late[way][bin] += m.weight
	m.total += m.weight
	m.restore(bin)
	if m.weight > 1e9 {
		m.rescale()
	}
	m.seen[bin] = m.learned
	m.run(n, bin, way)
	if m.learned%calmEvery == 0 {
		m.calm()
	}
}

// measure follows the queue.
func (m *delayModel) measure(delay int64) {
	m.recent[m.count%recentMost] = delay
	m.count++
	m.queue = delay
	for i := range min(m.count, m.lately()) {
		m.queue = min(m.queue, m.recent[(m.count-1-i)%recentMost])
	}
	m.base = min(m.base+baseRise, float64(m.queue))
}

// rescale brings the weights back to where floats are precise.
func (m *delayModel) rescale() {
	m.total = 0
	m.gone /= m.weight
	for way := range m.late {
		for i := range m.late[way] {
			m.late[way][i] /= m.weight
			m.total += m.late[way][i]
		}
	}
	for i := range m.runs {
		m.runs[i] /= m.weight
	}
	m.storm.rescale(m.weight)
	m.weight = 1
}

// weights are those of all frames of each order.
func (m *delayModel) weights() (sum [2]float32) {
	for way := range m.late {
		for _, w := range m.late[way] {
			sum[way] += w
		}
	}
	return sum
}

// missed notes that a frame was not there in its time, and recovered that it came after
// all: it was late, not lost.
func (m *delayModel) missed()    { m.gone += m.weight }
func (m *delayModel) recovered() { m.gone = max(0, m.gone-m.weight) }

// lost is the share of frames that never come.
func (m *delayModel) lost() float64 { return float64(m.gone / (m.gone + m.total)) }

// later is the share of frames, of those that come, which do so later than the queue by
// more than d samples.
func (m *delayModel) later(d int64) float64 {
	var sum float32
	for i := max(0, d/lateBin) + 1; i < lateBins; i++ {
		sum += m.late[inOrder][i] + m.late[astray][i]
	}
	return float64(sum / m.total)
}

// spread is how much later than the queue all but 5 % of the datagrams come, in samples; what comes again or was
// overtaken aside.
func (m *delayModel) spread() int64 {
	left := 0.05 * m.weights()[inOrder]
	for i := lateBins - 1; i > 0; i-- {
		if left -= m.late[inOrder][i]; left < 0 {
			return max(0, int64(i)*lateBin-m.fill)
		}
	}
	return 0
}

// hope is how likely a frame that was overtaken and is d samples later than the queue comes
// within the next more samples, given that it may be lost.
func (m *delayModel) hope(d, more int64) float64 {
	var soon, ever float32
	for i := max(0, int(d/lateBin)) + 1; i < lateBins; i++ {
		if ever += m.late[astray][i]; i <= int((d+more)/lateBin) {
			soon += m.late[astray][i]
		}
	}
	return float64(soon / (ever + m.gone + 1e-9*m.total))
}
