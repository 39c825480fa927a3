package jitter

// decoded is decoded speech that is not yet played, with some that has been, and
// for each piece where it comes from:
//
//	| played, kept for pitch and joins | to be played | free |
//	                                   ^ head         ^ tail
type decoded struct {
	pcm        [decodedSize]float32
	head, tail int
	pieces     [maxPieces]Segment // in order, from head to tail
	count      int
}

const (
	// history is how much of what was played is kept: two pitch periods and what has to look alike.
	history     = 2*maxLag + alike
	decodedSize = history + 8*FrameSize
	maxPieces   = 64
)

func (d *decoded) init() { d.head, d.tail = history, history }

func (d *decoded) len() int { return d.tail - d.head }

// at is the speech from i samples after head on; i may be negative, down to -history.
func (d *decoded) at(i int) []float32 { return d.pcm[d.head+i : d.tail] }

// grow makes room for n more samples at the tail and returns them. They count as
// silence of no talker time until describe is called for them.
func (d *decoded) grow(n int) []float32 {
	if d.tail+n > decodedSize {
		from := d.head - history
		copy(d.pcm[:], d.pcm[from:d.tail])
		d.head -= from
		d.tail -= from
	}
	d.tail += n
	return d.pcm[d.tail-n : d.tail]
}

// describe says what the samples last grown are.
func (d *decoded) describe(s Segment) {
	if s.Out == 0 {
		return
	}
	if d.count == maxPieces {
		// Only a flood of tiny pieces comes here: the last two become one.
		last := &d.pieces[d.count-1]
		last.Out += s.Out
		last.Len += s.Len
		return
	}
	d.pieces[d.count] = s
	d.count++
}

// read plays into out, from one piece alone.
func (d *decoded) read(out []float32) Segment {
	p := &d.pieces[0]
	s := *p
	s.Out = copy(out[:min(len(out), p.Out)], d.pcm[d.head:d.tail])
	s.Len = p.Len * float64(s.Out) / float64(p.Out)
	p.Start += s.Len
	p.Len -= s.Len
	p.Out -= s.Out
	d.head += s.Out
	if p.Out == 0 {
		d.count--
		copy(d.pieces[:d.count], d.pieces[1:d.count+1])
	}
	return s
}

// clear forgets what is not yet played.
func (d *decoded) clear() {
	d.tail = d.head
	d.count = 0
}

// cut takes lag samples out at head+p: the overlap samples from there fade over to
// those lag later.
func (d *decoded) cut(p, lag, overlap int) {
	x := d.at(p)
	fade(x[:overlap], x[:overlap], x[lag:])
	copy(x[overlap:], x[overlap+lag:])
	d.retell(p, overlap+lag, overlap)
	d.tail -= lag
}

// repeat puts lag samples in at head+p by playing the lag samples before again:
// the overlap samples from there fade over to those lag earlier, and time runs from there.
func (d *decoded) repeat(p, lag, overlap int) {
	d.grow(lag)
	x := d.at(p - lag)
	// x[lag:] is the speech from p on; move it to make room, then fade into the gap.
	copy(x[2*lag:], x[lag:len(x)-lag])
	// Now x[2*lag:] is the old speech from p on. The gap x[lag:2*lag] repeats x[:lag].
	copy(x[lag:2*lag], x[:lag])
	fade(x[lag:lag+overlap], x[2*lag:], x[lag:])
	d.retell(p, overlap, overlap+lag)
}

// retell notes that the pieces of the len samples from head+p on now play as out.
func (d *decoded) retell(p, n, out int) {
	var s Segment
	i := 0
	for ; i < d.count && p >= d.pieces[i].Out; i++ {
		p -= d.pieces[i].Out
	}
	if i == d.count {
		return
	}
	s = d.pieces[i]
	s.Out, s.Stretched, s.Len = out, true, 0
	var kept [maxPieces + 2]Segment
	k := copy(kept[:], d.pieces[:i])
	if p > 0 {
		front := d.pieces[i]
		rear := split(&front, p)
		kept[k] = front
		k++
		d.pieces[i] = rear
		s.Start = rear.Start
	}
	for ; i < d.count && n >= d.pieces[i].Out; i++ {
		n -= d.pieces[i].Out
		s.Len += d.pieces[i].Len
	}
	if i < d.count && n > 0 {
		rest := split(&d.pieces[i], n)
		s.Len += d.pieces[i].Len
		d.pieces[i] = rest
	}
	kept[k] = s
	k++
	k += copy(kept[k:], d.pieces[i:d.count])
	d.count = copy(d.pieces[:], kept[:k])
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
