package quality

import "math"

// Point says that what was said at one time is heard at another, both in seconds.
type Point struct{ Heard, Said float64 }

// Alignment is a line through points in order of both times, straight in between and going on
// at speed 1 beyond its ends.
type Alignment []Point

// Delayed is the alignment of speech that is heard later by a constant time in seconds.
func Delayed(by float64) Alignment { return Alignment{{by, 0}} }

// Add appends a point; one that would run back in either time is moved forward.
func (a *Alignment) Add(p Point) {
	if n := len(*a); n > 0 {
		last := (*a)[n-1]
		p = Point{max(p.Heard, last.Heard), max(p.Said, last.Said)}
		if p == last {
			return
		}
	}
	*a = append(*a, p)
}

// walk follows the line in steps of hop seconds in whichever time moves faster, from the
// beginning to length of what was said, and calls visit at each step.
func (a Alignment) walk(hop, length float64, visit func(Point)) {
	if len(a) == 0 {
		a = Delayed(0)
	}
	first, last := a[0], a[len(a)-1]
	line := make([]Point, 0, len(a)+2)
	line = append(line, Point{first.Heard - first.Said, 0})
	line = append(line, a...)
	if last.Said < length {
		line = append(line, Point{last.Heard + length - last.Said, length})
	}
	next := 0.0 // distance from the present corner to the next step
	for i := 1; i < len(line); i++ {
		from, to := line[i-1], line[i]
		far := max(to.Heard-from.Heard, to.Said-from.Said)
		for ; next < far; next += hop {
			t := next / far
			visit(Point{from.Heard + t*(to.Heard-from.Heard), from.Said + t*(to.Said-from.Said)})
		}
		next -= math.Max(far, 0)
	}
}
