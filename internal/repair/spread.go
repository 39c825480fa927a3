package repair

// Spread collects one figure of many listeners and gives the median. Its
// figures are bytes, as reports carry them.
type Spread struct {
	counts [256]uint32
	total  uint32
}

// Add adds a listener's figure.
func (s *Spread) Add(v uint8) {
	s.counts[v]++
	s.total++
}

// Median is the figure that at least half of the listeners reach: of two, the worse one's, since to send one
// of two everything again costs more than what the talker can do for both.
func (s *Spread) Median() uint8 {
	var n uint32
	for v := 255; v > 0; v-- {
		if n += s.counts[v]; n > 0 && 2*n >= s.total {
			return uint8(v)
		}
	}
	return 0
}
