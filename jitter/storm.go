package jitter

// A network changes, and a memory of 20 s would follow slowly. Two rules make it quick where the change
// is certain. Both count the times that frames are late, not the frames: those of a clump
// after a stall, or the resends of a burst, are late one time.

// arrival is a frame that came.
type arrival struct {
	number int64
	bin    int64
}

// storm is what calm has put away, in case it is not over.
type storm struct {
	from  int64 // least bin of it
	late  [2][lateBins]float32
	runs  [lateBins]float32
	total float32
}

const (
	// calmExpected is how many times frames should have come later than all did since, for a
	// storm to be over; it is looked at each calmEvery frames.
	calmExpected = 6
	calmEvery    = 10
	// clump is how many frames are late at one time, at most; together is how far apart they are.
	clump    = 8
	together = 4
	// The network is worse than was learned if frames were late newTimes as often as they
	// should have been, and newLeast times more, of the last newSpan.
	newLeast = 2
	newTimes = 2
	newSpan  = 64
)

// proof is what a time that did not come proves of a storm being over, of each order: stalls come
// in busy periods with pauses between.
var proof = [2]float32{inOrder: 0.5, astray: 1}

// run counts the times that frames are late: at each lateness, those later than the frame before.
func (m *delayModel) run(n, bin int64, way order) {
	before := m.last[way]
	m.last[way] = arrival{n, bin}
	if apart := n - before.number; way == astray && (apart > together || apart < -together) {
		before.bin = 0
	}
	m.above -= m.above / newSpan
	if before.bin < m.margin && bin >= m.margin {
		m.above++
	}
	w := m.weight * proof[way]
	for i := before.bin + 1; i <= bin; i++ {
		m.runs[i] += w
	}
}

// worse tells whether frames come later than the wanted delay much more often than was learned.
func (m *delayModel) worse() bool {
	return m.above > newLeast+newTimes*newSpan*m.runs[m.margin]/m.total
}

// calm forgets a storm that is over: where so many frames came early in a row as would be
// most unlikely if it were still on, what was later than they were is put away.
func (m *delayModel) calm() {
	var last int64
	var beyond float32
	for i := int64(lateBins - 1); i > 0; i-- {
		last = max(last, m.seen[i])
		beyond += m.late[inOrder][i] + m.late[astray][i]
		if max(m.runs[i], beyond/clump)*float32(m.learned-last) > calmExpected*m.total {
			m.putAway(i)
			return
		}
	}
}

func (m *delayModel) putAway(from int64) {
	s := &m.storm
	if s.total < m.weight {
		*s = storm{from: from}
	}
	s.from = min(s.from, from)
	for i := from; i < lateBins; i++ {
		for way := range s.late {
			w := m.late[way][i]
			s.late[way][i] += w
			s.total += w
			m.late[way][i] = 0
			m.total -= w
		}
		s.runs[i] += m.runs[i]
		m.runs[i] = 0
	}
}

// restore takes the storm for not over after all: each frame so late brings half of it back, up
// to that lateness.
func (m *delayModel) restore(bin int64) {
	s := &m.storm
	if s.total == 0 {
		return
	}
	for i := s.from; i <= bin; i++ {
		for way := range s.late {
			w := s.late[way][i] / 2
			s.late[way][i] -= w
			s.total -= w
			m.late[way][i] += w
			m.total += w
		}
		w := s.runs[i] / 2
		s.runs[i] -= w
		m.runs[i] += w
	}
}

func (s *storm) rescale(weight float32) {
	s.total = 0
	for i := range s.runs {
		s.runs[i] /= weight
		for way := range s.late {
			s.late[way][i] /= weight
			s.total += s.late[way][i]
		}
	}
}
