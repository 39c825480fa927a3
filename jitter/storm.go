package jitter

// A network changes, and a memory of 20 s would follow slowly. Where a storm is certainly over it is forgotten at once.
// What counts are the times that frames are late, not the frames: those of a clump after a stall, or the resends of a
// burst, are late one time.

// arrival is a frame that came.
type arrival struct {
	number int64
	bin    int64
}

const (
	// calmExpected is how many times frames should have come later than all did since, for a storm to be over.
	calmExpected = 6
	// clump is how many frames are late at one time, at most, and how far apart those are that went astray at one time.
	clump = 8
)

// proof is what a time that did not come proves of a storm being over, of each order: stalls come
// in busy periods with pauses between.
var proof = [2]float32{inOrder: 0.5, astray: 1}

// run counts the times that frames are late: at each lateness, those later than the frame before.
func (m *delayModel) run(n, bin int64, way order) {
	before := m.last[way]
	m.last[way] = arrival{n, bin}
	if apart := n - before.number; way == astray && (apart > clump || apart < -clump) {
		before.bin = 0
	}
	w := m.weight * proof[way]
	for i := before.bin + 1; i <= bin; i++ {
		m.runs[i] += w
	}
}

// lateness is the weight of frames, and of the times that they came late, by how much later than the queue they came.
type lateness struct {
	late  [2][lateBins]float32 // frames, of each order
	total [2]float32           // all of them
	runs  [lateBins]float32    // the times that frames came so late or later
}

// sum is the weight of all frames.
func (l *lateness) sum() float32 { return l.total[inOrder] + l.total[astray] }

// give moves a part of what is known of one bin to another.
func (l *lateness) give(to *lateness, bin int64, part float32) {
	for way := range l.late {
		w := l.late[way][bin] * part
		l.late[way][bin] -= w
		l.total[way] -= w
		to.late[way][bin] += w
		to.total[way] += w
	}
	w := l.runs[bin] * part
	l.runs[bin] -= w
	to.runs[bin] += w
}

// scale multiplies all weights, and adds them up anew.
func (l *lateness) scale(by float32) {
	l.total = [2]float32{}
	for i := range l.runs {
		l.runs[i] *= by
		for way := range l.late {
			l.late[way][i] *= by
			l.total[way] += l.late[way][i]
		}
	}
}

// calm puts a storm away that is over: where so many frames came early in a row as would be
// most unlikely if it were still on, what was later than they were.
func (m *delayModel) calm() {
	var last int64
	var beyond float32
	for i := int64(lateBins - 1); i > 0; i-- {
		last = max(last, m.seen[i])
		beyond += m.late[inOrder][i] + m.late[astray][i]
		if max(m.runs[i], beyond/clump)*float32(m.learned-last) > calmExpected*m.sum() {
			for ; i < lateBins; i++ {
				m.give(&m.away, i, 1)
			}
			return
		}
	}
}

// restore takes the storm for not over after all: each frame so late brings half of it back, up to that lateness, so
// that one frame is not the whole storm and three are.
func (m *delayModel) restore(bin int64) {
	for i := range bin + 1 {
		m.away.give(&m.lateness, i, 0.5)
	}
}
