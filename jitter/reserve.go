package jitter

// reserve is decoded speech that is not yet played, with some that has been, and
// for each piece where it comes from:
//
//	| played, kept for pitch and joins | to be played | free |
//	                                   ^ head         ^ tail
type reserve struct {
	pcm        [reserveSize]float32
	head, tail int
	pieces     [maxPieces]Segment // in order, from head to tail
	count      int
}

const (
	// history is how much of what was played is kept: two pitch periods and a window.
	history     = 2*maxLag + window
	reserveSize = history + 8*FrameSize
	maxPieces   = 64
)

func (r *reserve) init() { r.head, r.tail = history, history }

func (r *reserve) len() int { return r.tail - r.head }

// at is the speech from i samples after head on; i may be negative, down to -history.
func (r *reserve) at(i int) []float32 { return r.pcm[r.head+i : r.tail] }

// grow makes room for n more samples at the tail and returns them. They count as
// silence of no talker time until describe is called for them.
func (r *reserve) grow(n int) []float32 {
	if r.tail+n > reserveSize {
		from := r.head - history
		copy(r.pcm[:], r.pcm[from:r.tail])
		r.head -= from
		r.tail -= from
	}
	r.tail += n
	return r.pcm[r.tail-n : r.tail]
}

// describe says what the samples last grown are.
func (r *reserve) describe(s Segment) {
	if s.Out == 0 {
		return
	}
	if r.count == maxPieces {
		// Only a flood of tiny pieces comes here: the last two become one.
		last := &r.pieces[r.count-1]
		last.Out += s.Out
		last.Len += s.Len
		return
	}
	r.pieces[r.count] = s
	r.count++
}

// read plays into out, from one piece alone.
func (r *reserve) read(out []float32) Segment {
	p := &r.pieces[0]
	s := *p
	s.Out = copy(out[:min(len(out), p.Out)], r.pcm[r.head:r.tail])
	s.Len = p.Len * float64(s.Out) / float64(p.Out)
	p.Start += s.Len
	p.Len -= s.Len
	p.Out -= s.Out
	r.head += s.Out
	if p.Out == 0 {
		r.count--
		copy(r.pieces[:r.count], r.pieces[1:r.count+1])
	}
	return s
}

// clear forgets what is not yet played.
func (r *reserve) clear() {
	r.tail = r.head
	r.count = 0
}

// cut takes lag samples out at head+p: the overlap samples from there fade over to
// those lag later.
func (r *reserve) cut(p, lag, overlap int) {
	x := r.at(p)
	fade(x[:overlap], x[:overlap], x[lag:])
	copy(x[overlap:], x[overlap+lag:])
	r.retell(p, overlap+lag, overlap)
	r.tail -= lag
}

// repeat puts lag samples in at head+p by playing the lag samples before again:
// the overlap samples from there fade over to those lag earlier, and time runs from there.
func (r *reserve) repeat(p, lag, overlap int) {
	r.grow(lag)
	x := r.at(p - lag)
	// x[lag:] is the speech from p on; move it to make room, then fade into the gap.
	copy(x[2*lag:], x[lag:len(x)-lag])
	// Now x[2*lag:] is the old speech from p on. The gap x[lag:2*lag] repeats x[:lag].
	copy(x[lag:2*lag], x[:lag])
	fade(x[lag:lag+overlap], x[2*lag:], x[lag:])
	r.retell(p, overlap, overlap+lag)
}

// retell notes that the pieces of the len samples from head+p on now play as out.
func (r *reserve) retell(p, n, out int) {
	var s Segment
	i := 0
	for ; i < r.count && p >= r.pieces[i].Out; i++ {
		p -= r.pieces[i].Out
	}
	if i == r.count {
		return
	}
	s = r.pieces[i]
	s.Out, s.Stretched, s.Len = out, true, 0
	var kept [maxPieces + 2]Segment
	k := copy(kept[:], r.pieces[:i])
	if p > 0 {
		front := r.pieces[i]
		rear := split(&front, p)
		kept[k] = front
		k++
		r.pieces[i] = rear
		s.Start = rear.Start
	}
	for ; i < r.count && n >= r.pieces[i].Out; i++ {
		n -= r.pieces[i].Out
		s.Len += r.pieces[i].Len
	}
	if i < r.count && n > 0 {
		rest := split(&r.pieces[i], n)
		s.Len += r.pieces[i].Len
		r.pieces[i] = rest
	}
	kept[k] = s
	k++
	k += copy(kept[k:], r.pieces[i:r.count])
	r.count = copy(r.pieces[:], kept[:k])
}

// split leaves n samples in s and returns the rest of it.
func split(s *Segment, n int) Segment {
	rest := *s
	part := s.Len * float64(n) / float64(s.Out)
	s.Out, s.Len = n, part
	rest.Out -= n
	rest.Start += part
	rest.Len -= part
	return rest
}

// fade writes to dst what begins as from and ends as to. dst may be either of them.
// The weights add up to one, which is right for waves that are alike.
func fade(dst, from, to []float32) {
	step := 1 / float32(len(dst)+1)
	w := step
	for i := range dst {
		dst[i] = from[i] + (to[i]-from[i])*w
		w += step
	}
}
