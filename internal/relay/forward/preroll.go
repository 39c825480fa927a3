package forward

import "time"

// preroll keeps the last datagrams of a talker who is not heard, so that a
// promotion does not cut its first syllable.
type preroll struct {
	ring *[prerollSize]kept // nil until there is something to keep: most are heard, or say nothing
	next int
}

type kept struct {
	at   time.Duration
	seq  uint32
	data []byte // own memory, used again
}

const (
	// prerollSize and prerollFrames bound what is replayed: 200 ms, about the
	// length of a syllable. More would be heard as delay.
	prerollSize   = 10
	prerollFrames = 10
	prerollLife   = 300 * time.Millisecond
)

func (p *preroll) put(now time.Duration, seq uint32, d []byte) {
	if p.ring == nil {
		p.ring = new([prerollSize]kept)
	}
	k := &p.ring[p.next]
	p.next = (p.next + 1) % prerollSize
	k.at, k.seq, k.data = now, seq, append(k.data[:0], d...)
}

// take calls f with what was kept of the last frames before seq, in the order
// in which it came, and forgets everything.
func (p *preroll) take(now time.Duration, seq uint32, f func(d []byte)) {
	if p.ring == nil {
		return
	}
	for i := range p.ring {
		k := &p.ring[(p.next+i)%prerollSize]
		if len(k.data) > 0 && now-k.at <= prerollLife && seq-k.seq <= prerollFrames {
			f(k.data)
		}
		k.data = k.data[:0]
	}
}

// replay takes what a preroll gives out of the lock.
type replay struct {
	addFunc func(d []byte) // add, made a function once
	bytes   []byte
	ends    []int
}

func (r *replay) reset() { r.bytes, r.ends = r.bytes[:0], r.ends[:0] }

func (r *replay) add(d []byte) {
	r.bytes = append(r.bytes, d...)
	r.ends = append(r.ends, len(r.bytes))
}

func (r *replay) each(f func(d []byte)) {
	start := 0
	for _, end := range r.ends {
		f(r.bytes[start:end])
		start = end
	}
}
